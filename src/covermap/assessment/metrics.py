"""The content of `metrics.json` for one model or baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from covermap.assessment import scores
from covermap.assessment.intervals import bootstrap_intervals, with_interval
from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.legend import Legend


def metrics_of(
    grouped: GroupedTally, legend: Legend, assessed: Sequence[str], seed: int
) -> dict[str, Any]:
    """All scores with their intervals, ready for JSON; undefined is None.

    Overall accuracy and micro IoU count every pixel of the tally. The class-mean IoU is the mean
    over the assessed classes whose IoU is defined (`class_mean_iou_classes` says how many); pixels
    predicted as a class that is not assessed remain errors of the classes that they belong to.

    Parameters
    ----------
    grouped : GroupedTally
        A tally for each polygon group or block, of the legend's classes.
    legend : Legend
        The classes in the order of the tallies.
    assessed : sequence of str
        Names of the classes that are in training and test; the others' scores are None.
    seed : int
        Of the resampling.

    Raises
    ------
    ValueError
        A name is not in the legend, or the tallies have another number of classes.
    """
    strangers = sorted(set(assessed) - set(legend.names))
    if strangers:
        raise ValueError(f"assessed {strangers} are not in the legend {legend.names}")
    counted = grouped.counted
    tally = counted.pooled if counted.groups else Tally.zero(len(legend))
    if tally.classes != len(legend):
        raise ValueError(f"tallies of {tally.classes} classes, a legend of {len(legend)}")
    chosen = [k for k, name in enumerate(legend.names) if name in set(assessed)]
    intervals = bootstrap_intervals(counted, seed, chosen)
    leading = {
        "overall_accuracy": scores.overall_accuracy(tally),
        "class_mean_iou": scores.class_mean_iou(tally, chosen),
        "micro_iou": scores.micro_iou(tally),
    }
    content: dict[str, Any] = {}
    for name, value in leading.items():
        content |= with_interval(name, value, getattr(intervals, name, None))
    defined = [score for k, score in enumerate(scores.class_iou(tally)) if k in set(chosen)]
    return content | {
        "class_mean_iou_classes": sum(score is not None for score in defined),
        "frequency_weighted_iou": scores.frequency_weighted_iou(tally),
        "kappa": scores.kappa(tally),
        "matthews_correlation": scores.matthews_correlation(tally),
        "quantity_disagreement": scores.quantity_disagreement(tally),
        "allocation_disagreement": scores.allocation_disagreement(tally),
        "labelled_pixels": tally.total,
        "groups": len(counted.groups),
        "not_assessed": [name for name in legend.names if name not in set(assessed)],
        "per_class": _per_class(counted, tally, legend, set(chosen)),
        "classes": list(legend.names),
        "confusion_matrix": tally.matrix.tolist(),
    }


def _per_class(
    counted: GroupedTally, tally: Tally, legend: Legend, chosen: set[int]
) -> dict[str, dict[str, float | int | None]]:
    columns = {
        "iou": scores.class_iou(tally),
        "f1": scores.f1(tally),
        "users_accuracy": scores.users_accuracy(tally),
        "producers_accuracy": scores.producers_accuracy(tally),
    }
    present = [group.reference > 0 for group in counted.groups.values()]
    groups = np.sum(present, axis=0) if present else np.zeros(len(legend), np.int64)
    return {
        name: {
            **{key: column[k] if k in chosen else None for key, column in columns.items()},
            "labelled_pixels": int(tally.reference[k]),
            "groups": int(groups[k]),
        }
        for k, name in enumerate(legend.names)
    }
