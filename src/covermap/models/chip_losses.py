"""Losses of whole chips: one class each, or any number of tags.

What is not counted is left out as if it had never existed; with nothing counted the loss is 0, and
so is its gradient. Everything is computed in float32, also under autocast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from covermap.models.builders import Builders
from covermap.models.loss_settings import BinarySettings, FocalSettings, LossSettings, TermSettings
from covermap.models.losses import CombinedLoss

# Takes logits, truth and counted, each (N, K), the first two 0 where not counted.
_OnTags = Callable[[Tensor, Tensor, Tensor], Tensor]


class ChipLoss(nn.Module):
    """The weighted sum of losses of chips of one class each.

    Parameters
    ----------
    settings : LossSettings
        With terms of `losses`: a chip counts as a pixel does there.
    names : sequence of str, optional
        Classes in the legend's order; needed where class weights are asked for.
    chips : sequence of int, optional
        Counted training chips of each class; needed likewise.
    """

    def __init__(
        self, settings: LossSettings, names: Sequence[str] = (), chips: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self._of_pixels = CombinedLoss(settings, names, chips)

    def forward(self, logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The loss, a scalar.

        Parameters
        ----------
        logits : Tensor, shape (N, K)
        target : Tensor of int64, shape (N,)
            Class positions.
        counted : Tensor of bool, shape (N,)
        """
        loss: Tensor = self._of_pixels(
            logits[:, :, None, None], target[:, None, None], counted[:, None, None]
        )
        return loss


class TagLoss(nn.Module):
    """The weighted sum of losses of chips with tags, each of which is true or not.

    Parameters
    ----------
    settings : LossSettings
        With `binary_cross_entropy` or `binary_focal`.
    """

    def __init__(self, settings: LossSettings) -> None:
        super().__init__()
        self._terms = [
            (term.weight, _BUILDERS[name](term)) for name, term in settings.terms.items()
        ]

    def forward(self, logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The loss, a scalar.

        Parameters
        ----------
        logits : Tensor, shape (N, K)
        target : Tensor, shape (N, K)
            1 where the tag is true, 0 where not.
        counted : Tensor of bool, shape (N, K)
            Where it is known whether the tag is true.
        """
        with torch.autocast(logits.device.type, enabled=False):
            known, truth = _known(logits, target, counted)
            return sum(
                (weight * term(known, truth, counted) for weight, term in self._terms),
                start=known.new_zeros(()),
            )


def binary_cross_entropy(
    logits: Tensor, target: Tensor, counted: Tensor, over_tags: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Cross-entropy of each tag's sigmoid.

    `mean`: over all counted tags of all chips. `sum`: added up over a chip's tags, then the mean
    over the chips that have a counted one, as Wang, Chen and Guo (2018) do; K times the other where
    all K tags count.
    """
    return _binary_cross_entropy(*_known(logits, target, counted), counted, over_tags)


def binary_focal(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Tensor:
    """Mean over counted tags of cross-entropy times (1 - p)^gamma (Lin et al. 2017, eq. 5).

    p is the probability of what is true; `alpha` weighs true tags, 1 - alpha the others.
    """
    return _binary_focal(*_known(logits, target, counted), counted, gamma, alpha)


def _known(logits: Tensor, target: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and truth in float32, 0 where not counted."""
    # Chosen, not multiplied: an infinite logit that does not count must not matter.
    known = torch.where(counted, logits.float(), 0.0)
    return known, torch.where(counted, target.to(known.dtype), 0.0)


def _each(known: Tensor, truth: Tensor, counted: Tensor) -> Tensor:
    """Cross-entropy (N, K) of each tag, 0 where not counted."""
    each = functional.binary_cross_entropy_with_logits(known, truth, reduction="none")
    return torch.where(counted, each, 0.0)


def _binary_cross_entropy(known: Tensor, truth: Tensor, counted: Tensor, over_tags: str) -> Tensor:
    units = counted.any(1).sum() if over_tags == "sum" else counted.sum()
    return _each(known, truth, counted).sum() / units.clamp(min=1)


def _binary_focal(
    known: Tensor, truth: Tensor, counted: Tensor, gamma: float, alpha: float | None
) -> Tensor:
    # The probability of what is false, without the rounding of 1 - sigmoid.
    missing = torch.sigmoid(torch.where(truth > 0, -known, known))
    each = missing.clamp(min=torch.finfo(missing.dtype).tiny) ** gamma
    each = each * _each(known, truth, counted)
    if alpha is not None:
        each = each * (alpha * truth + (1 - alpha) * (1 - truth))
    return each.sum() / counted.sum().clamp(min=1)


_Builder = Callable[[TermSettings], _OnTags]
_BUILDERS: Builders[_Builder] = Builders()


@_BUILDERS.named("binary_cross_entropy")
def _binary_cross_entropy_term(term: TermSettings) -> _OnTags:
    assert isinstance(term, BinarySettings)
    return lambda p, t, c: _binary_cross_entropy(p, t, c, term.over_tags)


@_BUILDERS.named("binary_focal")
def _binary_focal_term(term: TermSettings) -> _OnTags:
    assert isinstance(term, FocalSettings)
    return lambda p, t, c: _binary_focal(p, t, c, term.gamma, term.alpha)
