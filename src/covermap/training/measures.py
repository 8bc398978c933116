"""What a validation adds up, and the one number of it that an epoch is judged by."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from covermap.models.decoding import activated
from covermap.models.settings import Activation
from covermap.training.batch import Batch
from covermap.training.history import class_mean_iou, confusion


class Measure(Protocol):
    """Counts of a validation.

    Attributes
    ----------
    name : str
        Of the score.
    """

    @property
    def name(self) -> str: ...

    def add(self, outputs: Tensor, batch: Batch) -> None:
        """Count a network's outputs, float32."""
        ...

    @property
    def score(self) -> float | None:
        """The higher the better; None while nothing is counted."""
        ...


def measure_of(task: str, outputs: int, activation: Activation = "identity") -> Measure:
    """What the validation of a task counts, from nothing.

    Parameters
    ----------
    task : str
        As a project file names it.
    outputs : int
        Answers of the network: classes, tags, or 1.
    activation : str
        Of a regression.
    """
    if task == "regression":
        return Errors(activation)
    if task in ("multilabel", "weak-segmentation"):
        return TagCounts(outputs)
    return ClassCounts(outputs, of_chips=task == "classification")


class ClassCounts:
    """Pixels, or chips, by true and predicted class.

    The score of pixels is the class-mean IoU over the classes in the truth; that of chips the mean
    F1 over the classes in truth or prediction.
    """

    def __init__(self, classes: int, of_chips: bool) -> None:
        self.name = "macro_f1" if of_chips else "class_mean_iou"
        self._classes = classes
        self._counts = torch.zeros(classes, classes, dtype=torch.int64)

    def add(self, outputs: Tensor, batch: Batch) -> None:
        # max, not argmax: on a CPU the latter is slower than the network.
        best = outputs.max(1).indices
        self._counts += confusion(best, batch.target, batch.counted, self._classes).cpu()

    @property
    def score(self) -> float | None:
        if self.name == "class_mean_iou":
            return class_mean_iou(self._counts)
        hit = self._counts.diagonal()
        return _mean_f1(hit, self._counts.sum(1), self._counts.sum(0))


class TagCounts:
    """Chips by true and predicted tag; the score is the mean F1 of the tags that occur.

    A tag is predicted from a probability of 0.5 on.
    """

    name = "mean_f1"

    def __init__(self, tags: int) -> None:
        # Rows: chips that have the tag and were said to, that have it, that were said to.
        self._counts = torch.zeros(3, tags, dtype=torch.int64)

    def add(self, outputs: Tensor, batch: Batch) -> None:
        truth = (batch.target > 0) & batch.counted
        said = (outputs >= 0) & batch.counted
        self._counts += torch.stack([(truth & said).sum(0), truth.sum(0), said.sum(0)]).cpu()

    @property
    def score(self) -> float | None:
        return _mean_f1(*self._counts)


class Errors:
    """Errors of a regression; the score is minus the root of their mean square."""

    name = "minus_rmse"

    def __init__(self, activation: Activation) -> None:
        self._activation: Activation = activation
        self._squared, self._count = 0.0, 0

    def add(self, outputs: Tensor, batch: Batch) -> None:
        values = activated(outputs[:, 0], self._activation)
        errors = (values - batch.target)[batch.counted].double()
        self._squared += float(errors.square().sum())
        self._count += len(errors)

    @property
    def score(self) -> float | None:
        return -math.sqrt(self._squared / self._count) if self._count else None


def _mean_f1(hit: Tensor, truth: Tensor, said: Tensor) -> float | None:
    """Mean over the classes that occur of 2 hits / (truth + said); None where none occurs."""
    total = truth + said
    present = total > 0
    if not bool(present.any()):
        return None
    return float((2 * hit[present].double() / total[present]).mean())
