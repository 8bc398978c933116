"""The optimiser, and how its learning rate runs over the steps of training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from covermap.training.settings import ResolvedTraining

_MOMENTUM = 0.9


def optimizer_for(network: nn.Module, settings: ResolvedTraining) -> torch.optim.Optimizer:
    """An optimiser of all weights that decays matrices and kernels, not norms and biases."""
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for parameter in network.parameters():
        (decayed if parameter.ndim > 1 else spared).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=settings.learning_rate)
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=settings.learning_rate)
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=_MOMENTUM, nesterov=True)


def one_cycle(
    optimizer: torch.optim.Optimizer, settings: ResolvedTraining
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Up to the learning rate during 30 % of the steps, then down to nearly 0 at the last one.

    Smith and Topin 2018, "Super-convergence"; the momentum stays as it is.
    """
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=settings.learning_rate,
        total_steps=settings.steps,
        cycle_momentum=False,
    )
