"""The classification report, and a confusion matrix in the forms that it is shown in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from covermap.assessment import scores
from covermap.assessment.tally import Tally


@dataclass(frozen=True)
class ClassRow:
    """Precision, recall and F1, 0..1, of a class or of a mean; `support` counts the reference."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ClassTable:
    """Scores of each class and their means.

    Where a score is undefined it is None and left out of the means.

    Attributes
    ----------
    classes : dict of str to ClassRow
    macro : ClassRow
        Mean over classes, each alike.
    weighted : ClassRow
        Mean weighted by support.
    micro : ClassRow
        Of all classes' counts taken together: three times the overall accuracy.
    """

    classes: dict[str, ClassRow]
    macro: ClassRow
    weighted: ClassRow
    micro: ClassRow

    def to_dict(self) -> dict[str, Any]:
        """The table ready for JSON."""
        return asdict(self)


def class_table(tally: Tally, names: Sequence[str]) -> ClassTable:
    """The classification report of a tally, with the numbers of scikit-learn's.

    Parameters
    ----------
    tally : Tally
    names : sequence of str
        Of the classes, in the order of the tally.
    """
    precision, recall = scores.users_accuracy(tally), scores.producers_accuracy(tally)
    f1, support = scores.f1(tally), tally.reference.tolist()
    accuracy = scores.overall_accuracy(tally)

    def means(weights: Sequence[int]) -> ClassRow:
        return ClassRow(
            _mean(precision, weights), _mean(recall, weights), _mean(f1, weights), tally.total
        )

    return ClassTable(
        classes={
            name: ClassRow(precision[k], recall[k], f1[k], support[k])
            for k, name in enumerate(names)
        },
        macro=means([1] * len(support)),
        weighted=means(support),
        micro=ClassRow(accuracy, accuracy, accuracy, tally.total),
    )


@dataclass(frozen=True)
class ConfusionForms:
    """One confusion matrix in three forms, each (K, K), rows reference, columns prediction.

    Attributes
    ----------
    absolute : ndarray of int64
    by_row : ndarray of float64
        Shares of each row, 0..1; NaN in rows without reference.
    log1p : ndarray of float64
        Natural logarithm of 1 + count: 0 stays 0, where a plain logarithm has no value.
    """

    absolute: np.ndarray
    by_row: np.ndarray
    log1p: np.ndarray


def confusion_forms(matrix: np.ndarray) -> ConfusionForms:
    """The forms of a matrix of counts (K, K)."""
    counts = np.asarray(matrix, np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return ConfusionForms(counts, shares, np.log1p(counts))


def _mean(values: Sequence[float | None], weights: Sequence[int]) -> float | None:
    pairs = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
    total = sum(weight for _, weight in pairs)
    return sum(value * weight for value, weight in pairs) / total if total else None
