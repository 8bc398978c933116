"""What each epoch gave, and which epoch's weights are kept."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class EpochRow:
    """One epoch.

    Attributes
    ----------
    epoch : int
        From 1.
    loss : float
        Mean over the steps.
    validation_loss : float or None
        Mean over the validation chips, each weighted by its counted pixels; None without any.
    validation_class_mean_iou : float or None
        Of all validation pixels together, 0..1; None without any counted pixel.
    learning_rate : float
        Of the last step.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    validation_class_mean_iou: float | None
    learning_rate: float

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def kept_epoch(rows: list[EpochRow]) -> int:
    """The epoch whose weights are kept: the best on validation, the last one without validation.

    Best is the highest class-mean IoU, among equals the lowest loss, among these the first.
    """
    scored = [row for row in rows if row.validation_class_mean_iou is not None]
    if not scored:
        return rows[-1].epoch
    return min(scored, key=_rank).epoch


def _rank(row: EpochRow) -> tuple[float, float]:
    assert row.validation_class_mean_iou is not None
    assert row.validation_loss is not None
    return -row.validation_class_mean_iou, row.validation_loss


def confusion(predicted: Tensor, target: Tensor, counted: Tensor, classes: int) -> Tensor:
    """Counted pixels by true class (row) and predicted class (column), int64 (K, K)."""
    joint = target[counted] * classes + predicted[counted]
    return torch.bincount(joint, minlength=classes * classes).reshape(classes, classes)


def class_mean_iou(counts: Tensor) -> float | None:
    """Mean intersection over union of the classes that occur in the truth; None when none does."""
    hit = counts.diagonal().double()
    present = counts.sum(1) > 0
    if not bool(present.any()):
        return None
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    return float((hit[present] / union[present]).mean())
