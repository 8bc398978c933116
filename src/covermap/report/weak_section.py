"""What a page says of the ways in which activation maps became classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from covermap.models.combiners import WEAK, WEAK_AND_DENSE

_TITLES = {
    "argmax": "the largest map (argmax)",
    "standardised": "standardised by mean and deviation, then the largest",
    "median": "standardised by median, then the largest",
    "regression": "logistic regression on labelled pixels",
}
_UNFITTED = "not fitted: too few labelled pixels"


@dataclass(frozen=True)
class CombinerRow:
    """A way to combine the maps of one network; `scores` is None where it could not be fitted."""

    title: str
    taught_by: str
    scores: Mapping[str, Any] | None
    kept: bool


def combiner_rows(test: Mapping[str, Any]) -> list[CombinerRow]:
    """A row for each combiner, from `test` of `metrics.json`; none where there are no maps."""
    return [
        CombinerRow(
            title=_TITLES.get(name, name),
            taught_by=_UNFITTED if scores is None else _taught_by(scores),
            scores=scores,
            kept=name == test["combiner"],
        )
        for name, scores in test.get("combiners", {}).items()
    ]


def weak_headlines(test: Mapping[str, Any]) -> list[str]:
    """What taught the map, to be read before its scores; nothing for other tasks."""
    own = test.get("combiners", {}).get(test.get("combiner"))
    if own is None:
        return []
    if own["taught_by"] == WEAK_AND_DENSE:
        return [
            f"{WEAK_AND_DENSE[0].upper()}{WEAK_AND_DENSE[1:]}: the network learnt from labels of "
            f"whole chips, but the pixels of {own['dense_images']:,} training chips taught how its "
            "maps are combined. Do not compare it with maps that were made of weak labels alone."
        ]
    return [
        f"{WEAK[0].upper()}{WEAK[1:]}: the model was told what a chip holds, never where; labels "
        "of pixels were used to score it alone. The random forest beside it was taught by pixels."
    ]


def _taught_by(scores: Mapping[str, Any]) -> str:
    images = scores["dense_images"]
    return f"{scores['taught_by']}, of {images:,} chips" if images else str(scores["taught_by"])
