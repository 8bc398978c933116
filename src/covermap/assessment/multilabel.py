"""Scores of pictures that may have several labels each, from counts that add up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.assessment import scores
from covermap.assessment.scores import ClassScores
from covermap.assessment.sums import SumsByGroup
from covermap.assessment.tally import Tally


@dataclass(frozen=True)
class MultilabelTally:
    """How often each label was there and was predicted.

    Attributes
    ----------
    labels : tuple of Tally
        For each label the 2 x 2 counts, rows reference, columns prediction, absent before present;
        pictures of which the label is not known are left out.
    exact : int
        Pictures all of whose labels are known and were predicted right.
    complete : int
        Pictures all of whose labels are known.
    """

    labels: tuple[Tally, ...]
    exact: int = 0
    complete: int = 0

    @classmethod
    def zero(cls, labels: int) -> MultilabelTally:
        """A tally of nothing, which changes no other when added."""
        return cls((Tally.zero(2),) * labels)

    @classmethod
    def of(cls, reference: np.ndarray, prediction: np.ndarray) -> MultilabelTally:
        """The tally of some pictures.

        Parameters
        ----------
        reference : ndarray of float, shape (N, K)
            1 where a picture has a label, 0 where not, NaN where that is unknown.
        prediction : ndarray of bool, shape (N, K)

        Raises
        ------
        ValueError
            The shapes differ, or a reference is none of these.
        """
        if reference.shape != prediction.shape or reference.ndim != 2:
            raise ValueError(
                f"reference {reference.shape} and prediction {prediction.shape} should be (N, K)"
            )
        if prediction.dtype != np.bool_:
            raise ValueError(f"prediction should be bool, got {prediction.dtype}")
        known = ~np.isnan(reference)
        if not np.isin(reference[known], (0, 1)).all():
            raise ValueError("reference holds something else than 0, 1 and NaN")
        truth = np.where(known, reference, 0).astype(np.int64)
        answer = prediction.astype(np.int64)
        complete = known.all(axis=1)
        right = complete & (truth == answer).all(axis=1)
        labels = tuple(
            Tally.of(truth[:, k], answer[:, k], known[:, k], 2) for k in range(truth.shape[1])
        )
        return cls(labels, int(right.sum()), int(complete.sum()))

    def __add__(self, other: MultilabelTally) -> MultilabelTally:
        return MultilabelTally(
            tuple(a + b for a, b in zip(self.labels, other.labels, strict=True)),
            self.exact + other.exact,
            self.complete + other.complete,
        )


class GroupedLabels:
    """One tally a block, region or scene: what intervals are resampled from.

    Parameters
    ----------
    labels : int
        K.
    """

    def __init__(self, labels: int) -> None:
        self._sums: SumsByGroup[str, MultilabelTally] = SumsByGroup()
        self._nothing = MultilabelTally.zero(labels)

    def add(self, group: int, tally: MultilabelTally) -> None:
        """Count pictures of a group."""
        self._sums.add(str(group), tally)

    @property
    def groups(self) -> dict[str, MultilabelTally]:
        """The tally of each group by its name."""
        return self._sums.groups

    @property
    def pooled(self) -> MultilabelTally:
        """All groups as one tally."""
        return sum((self.groups[name] for name in sorted(self.groups)), self._nothing)


def label_accuracy(tally: MultilabelTally) -> ClassScores:
    """Share of the pictures for which each label was predicted right, 0..1."""
    return tuple(scores.overall_accuracy(item) for item in tally.labels)


def label_precision(tally: MultilabelTally) -> ClassScores:
    """Of the pictures that were said to have a label, the share that have it, 0..1."""
    return tuple(scores.users_accuracy(item)[1] for item in tally.labels)


def label_recall(tally: MultilabelTally) -> ClassScores:
    """Of the pictures that have a label, the share that were said to have it, 0..1."""
    return tuple(scores.producers_accuracy(item)[1] for item in tally.labels)


def label_f1(tally: MultilabelTally) -> ClassScores:
    """Harmonic mean of precision and recall of each label, 0..1."""
    return tuple(scores.f1(item)[1] for item in tally.labels)


def exact_match(tally: MultilabelTally) -> float | None:
    """Share of the pictures all of whose labels were predicted right, 0..1."""
    return tally.exact / tally.complete if tally.complete else None


def positive_rates(tally: MultilabelTally) -> ClassScores:
    """Share of the pictures that have each label, 0..1."""
    return tuple(
        float(item.reference[1]) / item.total if item.total else None for item in tally.labels
    )


def majority_labels(training_rates: Sequence[float | None]) -> np.ndarray:
    """Bool (K,): the same answer for every picture, labels that most training pictures have.

    Parameters
    ----------
    training_rates : sequence of float or None
        Share of the training pictures that have each label; an unknown one is not predicted.
    """
    return np.array([rate is not None and rate > 0.5 for rate in training_rates])


def of_constant_answer(tally: MultilabelTally, answer: np.ndarray) -> MultilabelTally:
    """The tally that one answer for all pictures would have made; no exact match is known of it.

    Parameters
    ----------
    tally : MultilabelTally
        Of any prediction: only its reference is looked at.
    answer : ndarray of bool, shape (K,)
    """
    labels = []
    for item, present in zip(tally.labels, answer.tolist(), strict=True):
        matrix = np.zeros((2, 2), np.int64)
        matrix[:, int(present)] = item.reference
        labels.append(Tally(matrix))
    return MultilabelTally(tuple(labels))


def constant_rate_cross_entropy(rates: Sequence[float]) -> tuple[float, ...]:
    """Binary cross-entropy of each label, in nats, when its rate is always predicted.

    A network whose loss, summed over the labels, is not below the sum of these has learnt nothing
    but how frequent labels are.

    Parameters
    ----------
    rates : sequence of float
        Share of pictures that have each label, 0..1.
    """
    share = np.asarray(rates, np.float64)
    if ((share < 0) | (share > 1)).any():
        raise ValueError(f"rates are shares from 0 to 1, got {share.tolist()}")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(p > 0, -p * np.log(p), 0.0) for p in (share, 1 - share)]
    return tuple((terms[0] + terms[1]).tolist())


def exact_match_by_chance(rates: Sequence[float]) -> float:
    """Share of exact matches of the majority answer were the labels independent, 0..1."""
    share = np.asarray(rates, np.float64)
    return float(np.prod(np.maximum(share, 1 - share)))


def multilabel_metrics(
    tally: MultilabelTally,
    names: Sequence[str],
    training_rates: Sequence[float | None],
    assessed: Collection[str] | None = None,
) -> dict[str, Any]:
    """All scores ready for JSON; undefined is None.

    Means are those of the assessed labels; `exact_match` asks for all labels, as its name says.

    Parameters
    ----------
    tally : MultilabelTally
    names : sequence of str
        Of the labels, in the order of the tally.
    training_rates : sequence of float or None
        Share of the training pictures that have each label, for the majority baseline.
    assessed : collection of str, optional
        Names of the labels that can be; the scores of the others are None. All by default.
    """
    chosen = [assessed is None or name in assessed for name in names]
    baseline = of_constant_answer(tally, majority_labels(training_rates))
    columns = {
        "accuracy": label_accuracy(tally),
        "majority_accuracy": label_accuracy(baseline),
        "precision": label_precision(tally),
        "recall": label_recall(tally),
        "f1": label_f1(tally),
    }
    columns = {
        key: tuple(value if ok else None for value, ok in zip(column, chosen, strict=True))
        for key, column in columns.items()
    }
    rates = positive_rates(tally)
    return {
        "mean_label_accuracy": _mean(columns["accuracy"]),
        "majority_mean_label_accuracy": _mean(columns["majority_accuracy"]),
        "exact_match": exact_match(tally),
        "mean_f1": _mean(columns["f1"]),
        "pictures": max((item.total for item in tally.labels), default=0),
        "complete_pictures": tally.complete,
        "not_assessed": [name for name, ok in zip(names, chosen, strict=True) if not ok],
        "per_label": {
            name: {
                **{key: column[k] for key, column in columns.items()},
                "positive_rate": rates[k],
                "pictures": tally.labels[k].total,
                "confusion_matrix": tally.labels[k].matrix.tolist(),
            }
            for k, name in enumerate(names)
        },
    }


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
