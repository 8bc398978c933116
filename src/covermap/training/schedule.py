"""The optimiser, and how its learning rate runs over the steps of training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from covermap.training.history import EpochRow, standstills
from covermap.training.settings import ResolvedTraining

_MOMENTUM = 0.9
# Smith and Topin 2018, "Super-convergence", as torch's OneCycleLR has it by default: the share of
# steps that rise, the first rate as share of the highest, the last as share of the first.
_RISING, _FIRST, _LAST = 0.3, 1 / 25, 1e-4


def optimizer_for(network: nn.Module, settings: ResolvedTraining) -> torch.optim.Optimizer:
    """An optimiser of all weights that decays matrices and kernels, not norms and biases.

    Each group of parameters has its highest rate as `highest`: the encoder's is that of the
    others times `encoder_rate`.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        place = (name.startswith("encoder."), parameter.ndim > 1)
        groups.setdefault(place, []).append(parameter)
    made = []
    for (in_encoder, decays), parameters in groups.items():
        rate = settings.learning_rate * (settings.encoder_rate if in_encoder else 1.0)
        decay = settings.weight_decay if decays else 0.0
        made.append({"params": parameters, "weight_decay": decay, "lr": rate, "highest": rate})
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(made, lr=settings.learning_rate)
    if settings.optimizer == "adam":
        return torch.optim.Adam(made, lr=settings.learning_rate)
    return torch.optim.SGD(made, lr=settings.learning_rate, momentum=_MOMENTUM, nesterov=True)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to its highest one times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["highest"] * factor


def rate_factor(step: int, settings: ResolvedTraining, rows: Sequence[EpochRow]) -> float:
    """The learning rate of a step as share of the highest one.

    A function of the step and of the epochs before it and of nothing else: a training that goes on
    after a restart needs no state of a schedule.

    `one-cycle` rises during 30 % of the steps and falls to nearly 0 at the last; `cosine` falls
    from 1 to 0 along half a cosine (Loshchilov and Hutter 2017, without restarts); `poly` falls as
    (1 - step / steps)^power (Chen et al. 2017); `step` drops by `factor` after each `every` epochs;
    `plateau` drops by it when `every` epochs brought no better validation score; `constant` is 1.

    Parameters
    ----------
    step : int
        From 0, of the optimiser.
    settings : ResolvedTraining
    rows : sequence of EpochRow
        The finished epochs.
    """
    schedule = settings.schedule
    if schedule.name == "one-cycle":
        return _one_cycle(step, settings.steps)
    if schedule.name == "cosine":
        return (1 + math.cos(math.pi * step / settings.steps)) / 2
    if schedule.name == "poly":
        return float((1 - step / settings.steps) ** schedule.power)
    if schedule.name == "step":
        return float(schedule.factor ** (step // settings.steps_per_epoch // schedule.every))
    if schedule.name == "plateau":
        return float(schedule.factor ** standstills(rows, schedule.every))
    return 1.0


def _one_cycle(step: int, steps: int) -> float:
    top = _RISING * steps - 1
    bottom = steps - 1
    if step <= top:
        return _between(_FIRST, 1.0, step / top if top else 1.0)
    return _between(1.0, _FIRST * _LAST, (step - top) / (bottom - top))


def _between(begin: float, end: float, part: float) -> float:
    """Along half a cosine from `begin` to `end`."""
    return end + (begin - end) * (1 + math.cos(math.pi * part)) / 2
