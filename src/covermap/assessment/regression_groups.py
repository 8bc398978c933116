"""Sums of predicted numbers by group of ground, and the intervals that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from covermap.assessment.intervals import (
    CELLS_AT_ONCE,
    RESAMPLES,
    Interval,
    drawn_times,
    interval_of,
    ratio,
)
from covermap.assessment.joint import LEVELS, JointCounts, level_pairs
from covermap.assessment.regression import NO_SPREAD, RegressionTally
from covermap.assessment.sums import SumsByGroup


class GroupedNumbers:
    """Truth against prediction, a tally for each block, region or scene.

    Parameters
    ----------
    threshold : float
        As for `RegressionTally.of`.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._sums: SumsByGroup[int, RegressionTally] = SumsByGroup()
        self._cells: dict[int, Counter[int]] = {}

    def add(
        self,
        truth: np.ndarray,
        prediction: np.ndarray,
        counted: np.ndarray,
        groups: np.ndarray,
        ordered: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        """Count the cells of one window.

        Parameters
        ----------
        truth, prediction, counted : ndarray
            As for `RegressionTally.of`.
        groups : ndarray of int, same shape
            The group of each counted cell, 0 or more; anything elsewhere.
        ordered : pair of ndarray, optional
            What stands for truth and prediction where ranks are taken, from 0 to 1 and in the same
            order; themselves by default. See `order_of`.
        """
        if counted.any() and groups[counted].min() < 0:
            raise ValueError("a counted cell belongs to no group")
        for group in np.unique(groups[counted]).tolist():
            here = counted & (groups == group)
            tally = RegressionTally.of(truth, prediction, here, self._threshold)
            self._sums.add(group, tally)
            pairs = level_pairs(*(values[here] for values in ordered or (truth, prediction)))
            cells, times = np.unique(pairs, return_counts=True)
            own = self._cells.setdefault(group, Counter())
            own.update(dict(zip(cells.tolist(), times.tolist(), strict=True)))

    def __len__(self) -> int:
        return len(self._sums.groups)

    @property
    def pooled(self) -> RegressionTally:
        """All groups as one tally."""
        return sum((self._sums.groups[group] for group in self._ordered), RegressionTally())

    @property
    def joint(self) -> JointCounts:
        """All groups as counts of pairs of levels."""
        counts = np.zeros(LEVELS * LEVELS, np.int64)
        for cells in self._cells.values():
            counts[list(cells)] += list(cells.values())
        return JointCounts(counts.reshape(LEVELS, LEVELS), 0.0, 1.0)

    def intervals(self, seed: int, resamples: int = RESAMPLES) -> dict[str, Interval | None]:
        """95 % intervals by the keys of `regression_metrics`, as `bootstrap_intervals`.

        Empty for fewer than two groups.
        """
        if len(self) < 2:
            return {}
        scores: dict[str, list[np.ndarray]] = {}
        middle = self.pooled.mean_truth
        facts = self._facts(middle)
        ranks = _Ranks.of([self._cells[group] for group in self._ordered])
        for times in drawn_times(len(self), seed, resamples):
            for name, values in _scores(times @ facts, middle).items():
                scores.setdefault(name, []).append(values)
            scores.setdefault("spearman", []).extend(ranks.correlations(times))
        return {
            name: interval_of(np.concatenate(values), len(self)) for name, values in scores.items()
        }

    @property
    def _ordered(self) -> list[int]:
        return sorted(self._sums.groups)

    def _facts(self, middle: float) -> np.ndarray:
        """Float64 (G, F): what adds up over groups; moments about the mean of all cells."""
        rows = []
        for group in self._ordered:
            own = self._sums.groups[group]
            off = own.mean_truth - middle
            rows.append(
                (
                    own.count,
                    own.count * off,
                    own.spread_truth + own.count * off**2,
                    own.count * (own.mean_prediction - own.mean_truth),
                    own.absolute,
                    own.squared,
                    own.smaller,
                    own.larger,
                    own.both,
                    own.either,
                )
            )
        return np.array(rows, np.float64)


def _scores(sums: np.ndarray, middle: float) -> dict[str, np.ndarray]:
    """Scores of each draw, float64 (R,), from its sums of facts about the mean `middle`."""
    count, first, second, excess, absolute, squared, smaller, larger, both, either = sums.T
    spread = second - np.square(first) / count
    # A truth that does not vary leaves a spread of rounding errors, in a draw and in all cells.
    varies = spread > np.maximum(1e-12 * second, NO_SPREAD * count * middle**2)
    return {
        "mean_absolute_error": absolute / count,
        "root_mean_squared_error": np.sqrt(squared / count),
        "bias": excess / count,
        "r_squared": 1 - ratio(squared, np.where(varies, spread, 0.0)),
        "nonzero_iou": ratio(both, either),
        "ruzicka": ratio(smaller, larger),
    }


class _Ranks:
    """Rank correlations of resamples, from the counts of the pairs of levels that occur."""

    def __init__(self, counts: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> None:
        self._counts, self._truth, self._prediction = counts, truth, prediction

    @classmethod
    def of(cls, groups: list[Counter[int]]) -> _Ranks:
        """Of each group's counts by the flattened pair."""
        pairs = np.array(sorted(set().union(*groups)), np.int64)
        place = {pair: number for number, pair in enumerate(pairs.tolist())}
        counts = np.zeros((len(groups), len(pairs)))
        for row, cells in enumerate(groups):
            counts[row, [place[pair] for pair in cells]] = list(cells.values())
        return cls(counts, *np.divmod(pairs, LEVELS))

    def correlations(self, times: np.ndarray) -> Iterator[np.ndarray]:
        """Of resamples that hold each group so often (r, G): float64, NaN where undefined."""
        at_once = max(1, CELLS_AT_ONCE // max(1, self._counts.shape[1]))
        for start in range(0, len(times), at_once):
            yield self._correlated(times[start : start + at_once] @ self._counts)

    def _correlated(self, cells: np.ndarray) -> np.ndarray:
        """As `joint.spearman`, of many counts (r, M) at once."""
        shares = cells / cells.sum(axis=1, keepdims=True)
        truth, x = _ranked(shares, self._truth)
        prediction, y = _ranked(shares, self._prediction)
        spread = (truth * np.square(x)).sum(1) * (prediction * np.square(y)).sum(1)
        common = (shares * x[:, self._truth] * y[:, self._prediction]).sum(1)
        defined = spread > 1e-24
        root = np.sqrt(np.where(defined, spread, 1.0))
        return np.where(defined, np.clip(common / root, -1, 1), np.nan)


def _ranked(shares: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of each level (r, L), and its mean rank as a share of all about the mean rank."""
    from scipy.sparse import csr_matrix

    ones = np.ones(len(levels))
    places = csr_matrix((ones, (np.arange(len(levels)), levels)), (len(levels), LEVELS))
    of_level = np.asarray(shares @ places)
    return of_level, np.cumsum(of_level, axis=1) - of_level / 2 - 0.5
