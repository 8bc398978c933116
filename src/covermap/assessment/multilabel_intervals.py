"""Intervals of the scores of several labels a picture, by resampling groups of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from covermap.assessment.intervals import (
    RESAMPLES,
    Interval,
    interval_of,
    mean_of_defined,
    mean_of_drawn,
    ratio,
    resampled_sums,
)
from covermap.assessment.multilabel import MultilabelTally


def multilabel_intervals(
    groups: Mapping[str, MultilabelTally],
    seed: int,
    resamples: int = RESAMPLES,
    labels: Sequence[int] | None = None,
) -> dict[str, Interval | None]:
    """95 % intervals of `mean_accuracy`, `mean_f1` and `exact_match`, as `bootstrap_intervals`.

    Parameters
    ----------
    groups : mapping of str to MultilabelTally
        A tally for each block, region or scene.
    seed : int
    resamples : int
    labels : sequence of int, optional
        Places of those whose means are asked for; all by default.

    Returns
    -------
    dict
        Empty for fewer than two groups.
    """
    if len(groups) < 2:
        return {}
    counts = np.array(
        [[label.matrix.ravel() for label in groups[name].labels] for name in sorted(groups)],
        np.float64,
    )
    whole = np.array([(groups[name].exact, groups[name].complete) for name in sorted(groups)])
    known = counts.shape[1]
    facts = np.concatenate([counts.reshape(len(groups), -1), whole], axis=1)
    sums = resampled_sums(facts, seed, resamples)
    asked = range(known) if labels is None else labels
    drawn = sums[:, :-2].reshape(-1, known, 4)[:, list(asked)]
    absent, wrongly, missed, found = np.moveaxis(drawn, 2, 0)
    scores = {
        "mean_accuracy": mean_of_defined(absent + found, absent + wrongly + missed + found),
        "mean_f1": mean_of_drawn(2 * found, 2 * found + wrongly + missed, found + missed),
        "exact_match": ratio(sums[:, -2], sums[:, -1]),
    }
    return {name: interval_of(values, len(groups)) for name, values in scores.items()}
