"""Scores of predicted numbers, as functions of sums that add up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.assessment.joint import JointCounts, spearman

# Of the squares of a truth that does not vary: its mean is rounded, and what is left of its spread
# is the square of that, some 1e-32.
NO_SPREAD = 1e-24


@dataclass(frozen=True)
class RegressionTally:
    """Sums over the counted cells, t the truth and p the prediction.

    Spreads are kept about the mean and merged as in Chan, Golub and LeVeque 1983 (The American
    Statistician 37(3), 242-247): sums of squares would lose the digits of values far from 0.

    Attributes
    ----------
    count : int
    mean_truth, mean_prediction : float
    spread_truth : float
        Sum of (t - mean)^2.
    absolute, squared : float
        Sums of |p - t| and (p - t)^2.
    smaller, larger : float
        Sums of min(t, p) and max(t, p), both at least 0.
    both, either : int
        Cells where truth is above 0 and prediction above the threshold; where either is.
    """

    count: int = 0
    mean_truth: float = 0.0
    mean_prediction: float = 0.0
    spread_truth: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    smaller: float = 0.0
    larger: float = 0.0
    both: int = 0
    either: int = 0

    @classmethod
    def of(
        cls,
        truth: np.ndarray,
        prediction: np.ndarray,
        counted: np.ndarray,
        threshold: float = 0.5,
    ) -> RegressionTally:
        """The sums of one window.

        Parameters
        ----------
        truth, prediction : ndarray of float, same shape
            Anything where not `counted`.
        counted : ndarray of bool, same shape
            Which cells are scored: valid and labelled.
        threshold : float
            Predictions above it count as not zero; one number for all tallies that are added.

        Raises
        ------
        ValueError
            The shapes differ, or a counted value is not finite.
        """
        t, p = counted_pairs(truth, prediction, counted)
        if not len(t):
            return cls()
        mean = float(t.mean())
        there, said = t > 0, p > threshold
        return cls(
            count=len(t),
            mean_truth=mean,
            mean_prediction=float(p.mean()),
            spread_truth=float(np.square(t - mean).sum()),
            absolute=float(np.abs(p - t).sum()),
            squared=float(np.square(p - t).sum()),
            smaller=float(np.maximum(np.minimum(t, p), 0).sum()),
            larger=float(np.maximum(np.maximum(t, p), 0).sum()),
            both=int((there & said).sum()),
            either=int((there | said).sum()),
        )

    def __add__(self, other: RegressionTally) -> RegressionTally:
        count = self.count + other.count
        if not count:
            return self
        share = other.count / count
        step = other.mean_truth - self.mean_truth
        return RegressionTally(
            count=count,
            mean_truth=self.mean_truth + step * share,
            mean_prediction=self.mean_prediction
            + (other.mean_prediction - self.mean_prediction) * share,
            spread_truth=self.spread_truth + other.spread_truth + step**2 * self.count * share,
            absolute=self.absolute + other.absolute,
            squared=self.squared + other.squared,
            smaller=self.smaller + other.smaller,
            larger=self.larger + other.larger,
            both=self.both + other.both,
            either=self.either + other.either,
        )


def mean_absolute_error(tally: RegressionTally) -> float | None:
    """Mean of |p - t|, in the unit of the truth."""
    return tally.absolute / tally.count if tally.count else None


def root_mean_squared_error(tally: RegressionTally) -> float | None:
    """Root of the mean of (p - t)^2, in the unit of the truth."""
    return math.sqrt(tally.squared / tally.count) if tally.count else None


def bias(tally: RegressionTally) -> float | None:
    """Mean of p - t, in the unit of the truth; above 0 where too much is predicted."""
    return tally.mean_prediction - tally.mean_truth if tally.count else None


def r_squared(tally: RegressionTally) -> float | None:
    """1 - squared errors / spread of the truth, at most 1; None for a truth that does not vary.

    0 is what predicting the mean of this very truth scores: the mean of training ground may be
    below that.
    """
    least = NO_SPREAD * tally.count * tally.mean_truth**2
    return 1 - tally.squared / tally.spread_truth if tally.spread_truth > least else None


def nonzero_iou(tally: RegressionTally) -> float | None:
    """IoU, 0..1, of cells with a truth above 0 and cells predicted above the threshold."""
    return tally.both / tally.either if tally.either else None


def ruzicka(tally: RegressionTally) -> float | None:
    """Sum of min(t, p) over sum of max(t, p), 0..1: an IoU of amounts (Ruzicka 1958).

    Negative amounts count as 0. A map against itself scores 1, which the form with products
    instead of minima does not give.
    """
    return tally.smaller / tally.larger if tally.larger else None


def regression_metrics(tally: RegressionTally, joint: JointCounts | None = None) -> dict[str, Any]:
    """All scores ready for JSON; undefined is None.

    Parameters
    ----------
    tally : RegressionTally
    joint : JointCounts, optional
        Of the same cells, for the rank correlation.
    """
    return {
        "mean_absolute_error": mean_absolute_error(tally),
        "root_mean_squared_error": root_mean_squared_error(tally),
        "bias": bias(tally),
        "r_squared": r_squared(tally),
        "spearman": None if joint is None else spearman(joint),
        "nonzero_iou": nonzero_iou(tally),
        "ruzicka": ruzicka(tally),
        "labelled_pixels": tally.count,
    }


def counted_pairs(
    truth: np.ndarray, prediction: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction of the counted cells, float64 (N,) each.

    Raises
    ------
    ValueError
        The shapes differ, or a counted value is not finite.
    """
    if not truth.shape == prediction.shape == counted.shape or counted.dtype != np.bool_:
        raise ValueError(
            f"truth {truth.shape}, prediction {prediction.shape} and counted {counted.shape} "
            f"({counted.dtype}) should have one shape, counted be bool"
        )
    t, p = truth[counted].astype(np.float64), prediction[counted].astype(np.float64)
    if not (np.isfinite(t).all() and np.isfinite(p).all()):
        raise ValueError("a counted cell is not finite")
    return t, p
