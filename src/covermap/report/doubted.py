"""Which polygons that a model doubts are worth a second look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covermap.report.template import percent

# A model so far behind a simpler one is mostly wrong where it contradicts a label.
_FAR_BEHIND = 0.10
# Of the way from chance (one of K classes) to certainty; a surer answer is one.
_HARDLY_SURE = 0.15
_BASELINES = {
    "random_forest": "a random forest",
    "majority": "the commonest class everywhere",
}


def is_sure(confidence: float | None, classes: int) -> bool:
    """Whether a mean probability of answers, 0..1, is more than one of so many classes by chance.

    Examples
    --------
    >>> is_sure(0.36, 4), is_sure(0.6, 4)
    (False, True)
    """
    chance = 1 / classes
    return confidence is None or confidence >= chance + _HARDLY_SURE * (1 - chance)


def why_no_doubts(metrics: Mapping[str, Any]) -> str:
    """Why what this model contradicts is no sign of a wrong label; empty where it is one.

    Parameters
    ----------
    metrics : mapping
        The content of `metrics.json`.
    """
    ours = metrics["test"].get("overall_accuracy")
    for key, title in _BASELINES.items():
        theirs = metrics.get("baselines", {}).get(key, {}).get("overall_accuracy")
        if ours is not None and theirs is not None and theirs - ours > _FAR_BEHIND:
            return (
                f"None is shown: where this model (overall accuracy {percent(ours)}) contradicts "
                f"a label it is mostly the model that is wrong, since {title} has {percent(theirs)}"
            )
    return ""
