"""What each epoch gave, and which epoch's weights are kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_PREFIX = "validation_"


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
    validation_score : float or None
        Of all validation ground together, the higher the better; None without anything counted.
    learning_rate : float
        Of the last step.
    measure : str
        What the score is; see `covermap.training.measures`.
    """

    epoch: int
    loss: float
    validation_loss: float | None
    validation_score: float | None
    learning_rate: float
    measure: str = "class_mean_iou"

    def to_dict(self) -> dict[str, Any]:
        """The row with its score under the measure's name, `validation_class_mean_iou` say."""
        facts = dataclasses.asdict(self)
        score, measure = facts.pop("validation_score"), facts.pop("measure")
        return {**facts, f"{_PREFIX}{measure}": score}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> EpochRow:
        """A row as `to_dict` wrote it."""
        own = {field.name for field in dataclasses.fields(cls)}
        (key,) = set(facts) - own
        rest = {name: value for name, value in facts.items() if name != key}
        return cls(**rest, validation_score=facts[key], measure=key.removeprefix(_PREFIX))


def kept_epoch(rows: Sequence[EpochRow]) -> int:
    """The epoch whose weights are kept: the best on validation, the last one without validation.

    Best is the highest smoothed score, among equals the lowest loss, among these the first.
    """
    if not _scored(rows):
        return rows[-1].epoch
    return _best(rows, smoothed_scores(rows))


def candidate_epochs(rows: Sequence[EpochRow]) -> set[int]:
    """The epochs that may still come to be kept, whatever follows; the last one is among them.

    A smoothed score is final once the epoch after it is known: of the epochs before the last only
    the best one can still win.
    """
    if len(rows) == 1 or not _scored(rows):
        return {rows[-1].epoch}
    return {_best(rows[:-1], smoothed_scores(rows)[:-1]), rows[-1].epoch}


def smoothed_scores(rows: Sequence[EpochRow]) -> list[float]:
    """Validation score of each epoch, as the mean of it and its neighbours.

    The highest of many noisy numbers is the luckiest one. A rare class has few validation pixels,
    so that its IoU, and with it the mean, jumps from epoch to epoch; an epoch between two good
    ones learnt the class, one between two bad ones met a few of its pixels by chance.
    """
    values = [row.validation_score or 0.0 for row in rows]
    windows = [values[max(0, place - 1) : place + 2] for place in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def standstills(rows: Sequence[EpochRow], patience: int) -> int:
    """How often `patience` epochs in a row brought no better smoothed score.

    After each standstill counting begins anew. Without validation there is none.
    """
    if not _scored(rows):
        return 0
    # The last epoch's score is not final yet; it neither ends a standstill nor makes one longer.
    count, waited, best = 0, 0, -math.inf
    for score in smoothed_scores(rows)[:-1]:
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == patience:
            count, waited = count + 1, 0
    return count


def stops_early(rows: Sequence[EpochRow], patience: int | None) -> bool:
    """Whether training has stood still for as long as the settings allow."""
    return patience is not None and standstills(rows, patience) > 0


def _best(rows: Sequence[EpochRow], scores: Sequence[float]) -> int:
    ranks = [
        (-score, math.inf if row.validation_loss is None else row.validation_loss)
        for score, row in zip(scores, rows, strict=True)
    ]
    return rows[ranks.index(min(ranks))].epoch


def _scored(rows: Sequence[EpochRow]) -> bool:
    return any(row.validation_score is not None for row in rows)


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
