"""The scores that a bundle carries: what whoever maps with it should know of its accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_KEPT = ("overall_accuracy", "class_mean_iou")
_ENDS = ("_low", "_high")
# Scores of other tasks that one line has room for.
_TOLD = 3
# Scores in the unit of the labels.
_IN_UNITS = ("mae", "rmse", "bias")
_FURTHER = ("class_mean_iou_classes", "labelled_pixels", "groups", "not_assessed", "per_class")


def kept_scores(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The part of `metrics.json` that goes into the bundle.

    Parameters
    ----------
    metrics : mapping
        With `test` (see `covermap.assessment.metrics.metrics_of`) and `split`.

    Returns
    -------
    dict
        `overall_accuracy` and `class_mean_iou` with `_low` and `_high` (95 %), 0..1 or None;
        `per_class`; on how many `groups` and `labelled_pixels`; and `split`, which says how ground
        was held out and whether a leak was allowed. Of labels of chips and of a regression all
        single numbers of `test`. Of a k-fold the scores are those of the folds'
        models, pooled.
    """
    test = metrics["test"]
    if not set(_KEPT) <= set(test):
        numbers = {name: value for name, value in test.items() if isinstance(value, int | float)}
        return {**numbers, "split": metrics["split"]}
    leading = [f"{name}{end}" for name in _KEPT for end in ("", "_low", "_high")]
    return {**{name: test[name] for name in (*leading, *_FURTHER)}, "split": metrics["split"]}


def told_scores(scores: Mapping[str, Any], counted: str = "pixels") -> str:
    """The scores of a bundle in one line; `counted` is what its accuracy counts.

    Examples
    --------
    >>> told_scores({})
    'this model was not evaluated: nothing is known of its accuracy'
    """
    if not scores:
        return "this model was not evaluated: nothing is known of its accuracy"
    split = scores["split"]
    folds = "by folds of" if split["scheme"] == "kfold" else "on held-out"
    unit = {"scenes": "images"}.get(split["of"], split["of"])
    leak = ""
    if split["leak_allowed"]:
        leak = "LEAK ALLOWED, too good to be true: "
    elif split.get("leaky"):
        leak = f"LEAKY SPLIT ({split['leaky']}), better than on other ground: "
    if not set(_KEPT) <= set(scores):
        named = (name for name, value in scores.items() if isinstance(value, float))
        first = [name for name in named if not name.endswith(_ENDS)][:_TOLD]
        told = ", ".join(f"{name.replace('_', ' ')} {told_score(scores, name)}" for name in first)
        return f"{leak}tested {folds} {unit}: {told}"
    accuracy, iou = (told_score(scores, name) for name in _KEPT)
    return (
        f"{leak}tested {folds} {unit}: overall accuracy {accuracy}, class-mean IoU {iou} "
        f"({scores['labelled_pixels']:,} {counted} in {scores['groups']} groups)"
    )


def told_score(scores: Mapping[str, Any], name: str) -> str:
    """A score with its interval: `0.812 (0.740 to 0.871)`; alone where all resamples agree."""
    value, low, high = (scores.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return "undefined"
    digits = decimals_of(scores, name)
    if low is None or high is None or f"{low:.{digits}f}" == f"{high:.{digits}f}":
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def decimals_of(scores: Mapping[str, Any], name: str) -> int:
    """How many decimals a score is told with: three, unless its unit asks for others.

    Errors in the unit of the labels have as many as show two digits of the mean absolute one where
    that is small, and no more than four where it is large.

    Examples
    --------
    >>> decimals_of({"mae": 0.00042}, "rmse"), decimals_of({"mae": 676.3}, "rmse")
    (5, 1)
    >>> decimals_of({"mae": 0.00042}, "r2")
    3
    """
    error = scores.get("mae")
    if name not in _IN_UNITS or not error:
        return 3
    tens = math.floor(math.log10(error))
    return max(1 - tens, min(3, 3 - tens), 0)
