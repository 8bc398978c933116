"""What a validation adds up, and the one number of it that an epoch is judged by."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from covermap.assessment.multilabel import MultilabelTally, label_f1
from covermap.assessment.regression import RegressionTally, root_mean_squared_error
from covermap.assessment.scores import f1
from covermap.assessment.tally import Tally
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
        return _mean(f1(Tally(self._counts.numpy())))


class TagCounts:
    """Chips by true and predicted tag; the score is the mean F1 of the tags that occur.

    A tag is predicted from a probability of 0.5 on.
    """

    name = "mean_f1"

    def __init__(self, tags: int) -> None:
        self._tally = MultilabelTally.zero(tags)

    def add(self, outputs: Tensor, batch: Batch) -> None:
        unknown = torch.full_like(batch.target, np.nan)
        truth = torch.where(batch.counted, batch.target, unknown).cpu().numpy()
        self._tally += MultilabelTally.of(truth, (outputs >= 0).cpu().numpy())

    @property
    def score(self) -> float | None:
        return _mean(label_f1(self._tally))


class Errors:
    """Errors of a regression; the score is minus the root of their mean square."""

    name = "minus_rmse"

    def __init__(self, activation: Activation) -> None:
        self._activation: Activation = activation
        self._tally = RegressionTally()

    def add(self, outputs: Tensor, batch: Batch) -> None:
        values = activated(outputs[:, 0], self._activation).cpu().numpy()
        self._tally += RegressionTally.of(
            batch.target.cpu().numpy(), values, batch.counted.cpu().numpy()
        )

    @property
    def score(self) -> float | None:
        error = root_mean_squared_error(self._tally)
        return None if error is None else -error


def _mean(values: tuple[float | None, ...]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
