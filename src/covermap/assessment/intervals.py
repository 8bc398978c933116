"""Intervals of scores by resampling groups of pixels, not pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from covermap.assessment.tally import GroupedTally

RESAMPLES = 2000
# Resamples drawn at once: keeps memory small however many groups there are.
CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """Where a score lies with 95 % confidence, `low` <= `high`, in the score's unit."""

    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """The intervals of the three leading scores; None where there is no score to resample."""

    overall_accuracy: Interval | None
    class_mean_iou: Interval | None
    micro_iou: Interval | None


def bootstrap_intervals(
    grouped: GroupedTally,
    seed: int,
    classes: Sequence[int] | None = None,
    resamples: int = RESAMPLES,
) -> Intervals | None:
    """95 % intervals by the percentile bootstrap over groups.

    Few groups make the plain percentile interval too narrow; its levels are therefore widened as
    for Student's t (the expanded percentile interval: Hesterberg 2015, The American Statistician
    69(4), 371-386). Groups without a pixel are left out; the order of groups does not matter.

    Parameters
    ----------
    grouped : GroupedTally
        A tally for each polygon group or block.
    seed : int
        Of the resampling: the same tallies and seed give the same intervals.
    classes : sequence of int, optional
        Positions in the legend that `class_mean_iou` is the mean of; all by default.
    resamples : int
        How many times the groups are drawn with replacement.

    Returns
    -------
    Intervals or None
        None for fewer than two groups: one group says nothing of how groups differ.
    """
    tallies = list(grouped.counted.groups.values())
    if len(tallies) < 2:
        return None
    chosen = list(range(tallies[0].classes)) if classes is None else list(classes)
    correct, union, truth = parts_by_group(grouped.counted)
    totals = np.array([tally.total for tally in tallies], np.float64)
    # Columns: pixels, correct pixels, then intersection, union and truth of each chosen class.
    by_class = [part[:, chosen] for part in (correct, union, truth)]
    sums = resampled_sums(
        np.column_stack([totals, correct.sum(axis=1), *by_class]), seed, resamples
    )
    total, right = sums[:, 0], sums[:, 1]
    parts, wholes, true = np.split(sums[:, 2:], 3, axis=1)
    levels = _levels(len(tallies))
    return Intervals(
        overall_accuracy=_between(right / total, levels),
        class_mean_iou=_between(mean_of_drawn(parts, wholes, true), levels),
        micro_iou=_between(right / (2 * total - right), levels),
    )


def with_interval(
    name: str, value: float | None, interval: Interval | None
) -> dict[str, float | None]:
    """A score and its interval as `metrics.json` holds them."""
    return {
        name: value,
        f"{name}_low": interval.low if interval else None,
        f"{name}_high": interval.high if interval else None,
    }


def drawn_times(groups: int, seed: int, resamples: int = RESAMPLES) -> Iterator[np.ndarray]:
    """How often each group is in each resample, float64 (r, G), some resamples at a time.

    The order of the groups and the seed decide it.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    at_once = max(1, CELLS_AT_ONCE // groups)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = generator.integers(groups, size=(rows, groups))
        cells = drawn + groups * np.arange(rows)[:, None]
        times = np.bincount(cells.ravel(), minlength=rows * groups).reshape(rows, groups)
        yield times.astype(np.float64)


def parts_by_group(grouped: GroupedTally) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Float64 (G, K) each: intersection, union and truth of each class by group.

    Groups in their order.
    """
    tallies = grouped.groups.values()
    correct = np.array([tally.correct for tally in tallies], np.float64)
    truth = np.array([tally.reference for tally in tallies], np.float64)
    union = truth + np.array([tally.prediction for tally in tallies], np.float64) - correct
    return correct, union, truth


def resampled_sums(facts: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Float64 (R, F): sums over groups drawn with replacement, of facts (G, F)."""
    # Counts are whole and below 2**53: their float64 sums are exact in any order.
    return np.concatenate([times @ facts for times in drawn_times(len(facts), seed, resamples)])


def interval_of(scores: np.ndarray, groups: int) -> Interval | None:
    """The 95 % interval of a score, from its resamples (R,), NaN where undefined.

    Parameters
    ----------
    scores : ndarray of float
    groups : int
        How many groups were drawn from, at least two; see `bootstrap_intervals`.
    """
    return _between(scores, _levels(groups))


def mean_of_defined(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Float64 (R,): mean over the columns where `wholes` is not 0; NaN where it is 0 in all."""
    defined = wholes > 0
    ratios = np.divide(parts, wholes, out=np.zeros_like(parts), where=defined)
    count = defined.sum(axis=1)
    return np.where(count > 0, ratios.sum(axis=1) / np.maximum(count, 1), np.nan)


def mean_of_drawn(parts: np.ndarray, wholes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Float64 (R,): mean over the classes that each draw holds, NaN where it holds none.

    A draw may miss all groups of a rare class. One false alarm would then make 0 of its score,
    which says nothing of how well the class is found, and the interval would lie below the score.

    Parameters
    ----------
    parts, wholes : ndarray of float, shape (R, K)
        What is divided, and by what.
    truth : ndarray of float, shape (R, K)
        True pixels of each class in each draw. A class that is true nowhere stays a class of the
        mean, as it is one of the score.
    """
    held = (truth > 0) | ~truth.any(axis=0)
    return mean_of_defined(parts, np.where(held, wholes, 0.0))


def ratio(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Float64 (R,): parts / wholes, NaN where the whole is not above 0."""
    return np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)


def _levels(groups: int) -> tuple[float, float]:
    """The two quantiles, 0..1, that stand for 95 % with so many groups."""
    from scipy.special import ndtr, stdtrit

    widened = float(ndtr(np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, 0.025)))
    return widened, 1 - widened


def _between(scores: np.ndarray, levels: tuple[float, float]) -> Interval | None:
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, levels)
    return Interval(float(low), float(high))
