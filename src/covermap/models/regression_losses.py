"""Losses of regression, of pixels or of chips, that see counted values only.

Every loss takes values, target and `counted`, all of one shape, and gives what it would give had
the values that are not counted never existed; with none counted it is 0, and so is its gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from covermap.models.builders import Builders
from covermap.models.decoding import activated
from covermap.models.loss_settings import HuberSettings, LossSettings, TermSettings
from covermap.models.settings import Activation

# Takes the counted values and their targets, each (M,), M at least 1.
_OnValues = Callable[[Tensor, Tensor], Tensor]


class RegressionLoss(nn.Module):
    """The weighted sum of losses that a project asks for.

    Parameters
    ----------
    settings : LossSettings
        With `mse`, `mae`, `huber` or `ruzicka`.
    activation : str
        What turns the network's outputs into values; see `decoding.activated`.
    """

    def __init__(self, settings: LossSettings, activation: Activation = "identity") -> None:
        super().__init__()
        self._activation: Activation = activation
        self._terms = [
            (term.weight, _BUILDERS[name](term)) for name, term in settings.terms.items()
        ]

    def forward(self, outputs: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The loss, a scalar.

        Parameters
        ----------
        outputs : Tensor, shape (N, 1, H, W) or (N, 1)
            Of the network.
        target : Tensor, shape (N, H, W) or (N,)
            In the units that the network learns, a density in 0..1.
        counted : Tensor of bool, shape of `target`
        """
        with torch.autocast(outputs.device.type, enabled=False):
            chosen, truth = _counted(outputs[:, 0], target, counted)
            values = activated(chosen, self._activation)
            return sum(
                (weight * _of(term, values, truth) for weight, term in self._terms),
                start=values.new_zeros(()),
            )


def mse(values: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Mean of squared errors."""
    return _of(functional.mse_loss, *_counted(values, target, counted))


def mae(values: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Mean of absolute errors."""
    return _of(functional.l1_loss, *_counted(values, target, counted))


def huber(values: Tensor, target: Tensor, counted: Tensor, delta: float = 1.0) -> Tensor:
    """Mean of e^2 / 2 up to an error e of delta, of delta (e - delta / 2) beyond (Huber 1964)."""
    chosen, truth = _counted(values, target, counted)
    return _of(lambda v, t: functional.huber_loss(v, t, delta=delta), chosen, truth)


def ruzicka(values: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """1 - sum of min(value, target) / sum of max(value, target), over the batch (Ružička 1958).

    The intersection over union of quantities; targets are 0 or more. Where nothing is there to be
    found it has no gradient above 0: give it a companion, e.g. {ruzicka: 1.0, mae: 1.0}. Values
    below 0 make it more than 1.
    """
    return _of(_ruzicka, *_counted(values, target, counted))


def _counted(values: Tensor, target: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """The counted values and their targets, (M,), in float32."""
    # Selected before anything is computed of them: to set only the target to 0 where it is to be
    # ignored would draw the prediction there to 0.
    return values[counted].float(), target[counted].float()


def _of(term: _OnValues, values: Tensor, target: Tensor) -> Tensor:
    # A sum over nothing still hangs on the outputs: its gradient is 0, not missing.
    return term(values, target) if len(values) else values.sum()


def _ruzicka(values: Tensor, target: Tensor) -> Tensor:
    union = torch.maximum(values, target).sum()
    # Only where all targets are 0 and all values 0 or less; there is then nothing to get wrong.
    ratio = torch.minimum(values, target).sum() / torch.where(union > 0, union, 1.0)
    return torch.where(union > 0, 1 - ratio, 0.0 * ratio)


_Builder = Callable[[TermSettings], _OnValues]
_BUILDERS: Builders[_Builder] = Builders()


@_BUILDERS.named("mse")
def _mse_term(term: TermSettings) -> _OnValues:
    return functional.mse_loss


@_BUILDERS.named("mae")
def _mae_term(term: TermSettings) -> _OnValues:
    return functional.l1_loss


@_BUILDERS.named("huber")
def _huber_term(term: TermSettings) -> _OnValues:
    assert isinstance(term, HuberSettings)
    return lambda v, t: functional.huber_loss(v, t, delta=term.delta)


@_BUILDERS.named("ruzicka")
def _ruzicka_term(term: TermSettings) -> _OnValues:
    return _ruzicka
