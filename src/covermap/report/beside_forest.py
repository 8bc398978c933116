"""The line that begins a page where map and forest divide the ground otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from covermap.core.errors import listed
from covermap.report.template import percent

# Of the ground; less is what two good maps differ by, unless the one hardly knows the class.
_LEAST, _LEAST_OF_RARE, _TIMES = 0.10, 0.03, 5.0
# A forest that is further behind on tested ground has nothing to say elsewhere.
_FAR_BEHIND = 0.10
# Where more is labelled, tested ground stands for the rest.
_MOST_LABELLED = 0.25
_NAMED = 3


def forest_headlines(beside: Mapping[str, Any] | None, metrics: Mapping[str, Any]) -> list[str]:
    """A sentence on classes whose share of the ground is another one by a forest.

    Parameters
    ----------
    beside : mapping or None
        Of `verbs.beside_forest`.
    metrics : mapping
        The content of `metrics.json`.
    """
    if beside is None or beside["labelled_share"] > _MOST_LABELLED:
        return []
    key = "overall_accuracy"
    ours = metrics["test"].get(key)
    theirs = metrics.get("baselines", {}).get("random_forest", {}).get(key)
    if ours is None or theirs is None or theirs < ours - _FAR_BEHIND:
        return []
    apart = {name: shares for name, shares in beside["classes"].items() if _is_apart(shares)}
    if not apart:
        return []
    order = sorted(apart, key=lambda name: -abs(apart[name]["map"] - apart[name]["forest"]))
    told = [
        f"{name} is {percent(apart[name]['map'])} of the map, {percent(apart[name]['forest'])} by "
        f"the forest and {percent(apart[name]['labels'])} of the labelled pixels"
        for name in order
    ]
    return [
        "Map and random forest differ on ground without labels: "
        f"{listed(told, _NAMED, '; ')}. On tested ground the forest has an overall accuracy of "
        f"{percent(theirs)}, the map {percent(ours)}, and no label says who is right elsewhere. "
        "Look at the map there: ground of a kind that nobody drew is given to some class, so draw "
        "it as one."
    ]


def _is_apart(shares: Mapping[str, float]) -> bool:
    less, more = sorted((shares["map"], shares["forest"]))
    return more - less >= (_LEAST_OF_RARE if more >= _TIMES * less else _LEAST)
