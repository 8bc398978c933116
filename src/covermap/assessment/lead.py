"""How far one model is ahead of another on the same ground, and whether that is more than luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from covermap.assessment.intervals import mean_of_drawn, parts_by_group, resampled_sums
from covermap.assessment.regression import RegressionTally, r_squared
from covermap.assessment.scores import class_mean_iou, true_classes
from covermap.assessment.tally import GroupedTally


@dataclass(frozen=True)
class Lead:
    """A difference of class-mean IoU, or of the share of a truth's variance that is explained.

    Attributes
    ----------
    difference : float
        -1..1; above 0 where the first model is ahead.
    standard_error : float or None
        Of the difference, 0 or more; None where fewer than two groups were counted.
    """

    difference: float
    standard_error: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the first model is ahead by more than the standard error of the difference."""
        return self.difference > (self.standard_error or 0.0)


def lead(first: GroupedTally, second: GroupedTally, seed: int) -> Lead:
    """How far the first model is ahead of the second by class-mean IoU over the true classes.

    The standard error is that of the paired bootstrap: both models are scored on the same draws of
    groups (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 8). What is hard
    for both then cancels out.

    Parameters
    ----------
    first, second : GroupedTally
        Of the same pixels by the same groups.
    seed : int
        Of the draws.

    Raises
    ------
    ValueError
        The groups differ, or no pixel was counted.
    """
    ours, theirs = first.counted, second.counted
    if list(ours.groups) != list(theirs.groups):
        raise ValueError("two models can only be compared on the same groups")
    classes = true_classes(ours.pooled)
    scores = [class_mean_iou(one.pooled, classes) or 0.0 for one in (ours, theirs)]
    difference = scores[0] - scores[1]
    if len(ours.groups) < 2:
        return Lead(difference, None)
    parts = (*parts_by_group(ours), *parts_by_group(theirs))
    facts = np.column_stack([part[:, classes] for part in parts])
    columns = np.split(resampled_sums(facts, seed), 6, axis=1)
    drawn = mean_of_drawn(*columns[:3]) - mean_of_drawn(*columns[3:])
    return Lead(difference, float(np.std(drawn, ddof=1)))


def explained_lead(
    first: Mapping[int, RegressionTally], second: Mapping[int, RegressionTally], seed: int
) -> Lead | None:
    """How far the first model of a regression is ahead of the second by R2; as `lead`.

    A draw divides by the spread of all of the truth, so that a few even groups do not decide.

    Parameters
    ----------
    first, second : mapping of int to RegressionTally
        Of the same cells by the same groups.
    seed : int
        Of the draws.

    Returns
    -------
    Lead or None
        None where the truth does not vary.

    Raises
    ------
    ValueError
        The groups differ.
    """
    if set(first) != set(second):
        raise ValueError("two models can only be compared on the same groups")
    pooled = [sum(tallies.values(), RegressionTally()) for tallies in (first, second)]
    explained = [r_squared(tally) for tally in pooled]
    if explained[0] is None or explained[1] is None:
        return None
    difference = explained[0] - explained[1]
    if len(first) < 2:
        return Lead(difference, None)
    facts = np.array(
        [(first[group].count, second[group].squared - first[group].squared) for group in first]
    )
    counts, more = resampled_sums(facts, seed).T
    variance = pooled[0].spread_truth / pooled[0].count
    return Lead(difference, float(np.std(more / counts / variance, ddof=1)))
