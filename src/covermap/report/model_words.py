"""What a page calls the model of a run, and whether the forest beside it is that model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FOREST = "random forest, "
_BY_PIXEL, _WINDOWS, _OF_CHIPS = "by pixel", "windows of ", "chip statistics"
_SCORES = ("overall_accuracy", "class_mean_iou", "micro_iou")


def model_word(metrics: Mapping[str, Any]) -> str:
    """A model in words, from the content of `metrics.json`.

    Examples
    --------
    >>> model_word({"model": {"name": "random forest, windows of 5 px"}})
    'random forest of windows of 5 px'
    >>> model_word({"model": {"name": "unet, efficientnet-lite0, weights: imagenet"}})
    'network'
    """
    name = _name(metrics)
    if not name.startswith(_FOREST):
        return "network"
    seen = name.removeprefix(_FOREST)
    return f"random forest {seen if seen == _BY_PIXEL else f'of {seen}'}"


def is_the_forest_beside(metrics: Mapping[str, Any]) -> bool:
    """Whether the model is a forest like that of the baselines, so that one of them is enough.

    Of a k-fold whose models were chosen one by one, the last may be such a forest, others not:
    their scores tell.
    """
    forest = metrics.get("baselines", {}).get("random_forest")
    if forest is None or _name(metrics) not in (_FOREST + _BY_PIXEL, _FOREST + _OF_CHIPS):
        return False
    return all(metrics["test"].get(key) == forest.get(key) for key in _SCORES)


def better_forest_advice(metrics: Mapping[str, Any]) -> str:
    """What to type where the forest by pixel is better than the model."""
    if _name(metrics).startswith(_FOREST + _WINDOWS):
        return "Prefer it (model: {name: random-forest}, without window)"
    return "Prefer it"


def _name(metrics: Mapping[str, Any]) -> str:
    return str(metrics.get("model", {}).get("name", ""))
