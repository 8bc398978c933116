"""Truth against prediction in a grid of levels: what rank correlations and scatter plots need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 256


@dataclass(frozen=True, eq=False)
class JointCounts:
    """How many cells have each pair of levels; adds up exactly, in any order.

    Values are rounded to the nearest of `levels` equally spaced ones from `low` to `high`, both
    included; values beyond take the nearest end. Memory is bounded by the number of levels, however
    many cells are counted.

    Attributes
    ----------
    counts : ndarray of int64, shape (L, L)
        Rows are the truth, columns the prediction.
    low, high : float
    """

    counts: np.ndarray
    low: float
    high: float

    @classmethod
    def zero(cls, low: float = 0.0, high: float = 1.0, levels: int = LEVELS) -> JointCounts:
        """Counts of nothing, which change no others when added."""
        if not low < high or levels < 2:
            raise ValueError(f"expected low < high and 2 levels or more, got {low}, {high}")
        return cls(np.zeros((levels, levels), np.int64), low, high)

    def with_cells(self, truth: np.ndarray, prediction: np.ndarray) -> JointCounts:
        """These counts and those of more cells.

        Parameters
        ----------
        truth, prediction : ndarray of float, shape (N,)
            Of the counted cells.
        """
        levels = len(self.counts)
        pair = level_pairs(truth, prediction, self.low, self.high, levels)
        more = np.bincount(pair, minlength=levels * levels).reshape(levels, levels)
        return JointCounts(self.counts + more, self.low, self.high)

    def __add__(self, other: JointCounts) -> JointCounts:
        mine, others = (len(self.counts), self.low, self.high), (
            len(other.counts), other.low, other.high,
        )  # fmt: skip
        if mine != others:
            raise ValueError(f"joint counts of {mine} and {others} do not add up")
        return JointCounts(self.counts + other.counts, self.low, self.high)

    @property
    def total(self) -> int:
        """How many cells were counted."""
        return int(self.counts.sum())


def level_pairs(
    truth: np.ndarray,
    prediction: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    levels: int = LEVELS,
) -> np.ndarray:
    """Int64 (N,): the cell of the flattened counts that each pair belongs to."""

    def level(values: np.ndarray) -> np.ndarray:
        place = (np.asarray(values, np.float64) - low) / (high - low) * (levels - 1)
        return np.rint(np.clip(place, 0, levels - 1)).astype(np.int64)

    return level(truth) * levels + level(prediction)


def order_of(values: np.ndarray) -> np.ndarray:
    """Where each value stands among the distinct ones, 0..1, float64 of the same shape.

    Values that lie close together beside a few that are far off would share a level; their order
    does not. Up to as many distinct values as there are levels lose nothing.
    """
    distinct, place = np.unique(values, return_inverse=True)
    return place.reshape(values.shape) / max(len(distinct) - 1, 1)


def spearman(joint: JointCounts) -> float | None:
    """Rank correlation of truth and prediction, -1..1; None where either does not vary.

    Exact, ties at their mean rank (Kendall 1945, Biometrika 33(3), 239-251), for values as rounded
    to the levels: whole numbers of points up to the number of levels lose nothing; of a density
    from 0 to 1 values nearer than 1/255 to each other become ties.
    """
    total = joint.total
    if not total:
        return None
    # Shares instead of counts: products of counts of large maps overflow 64 bits.
    shares = joint.counts / total
    truth, prediction = shares.sum(axis=1), shares.sum(axis=0)
    x, y = _mean_ranks(truth), _mean_ranks(prediction)
    spread = float((truth @ np.square(x)) * (prediction @ np.square(y)))
    if spread <= 1e-24:
        return None
    return float(np.clip((x @ shares @ y) / np.sqrt(spread), -1, 1))


def _mean_ranks(shares: np.ndarray) -> np.ndarray:
    """The mean rank of each level, as a share of all, about the mean of all ranks."""
    return np.cumsum(shares) - shares / 2 - 0.5
