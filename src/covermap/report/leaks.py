"""What a reader must know of the split before any score: ground, chips or pictures shown twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def leak_headlines(metrics: Mapping[str, Any], leak_allowed: bool = False) -> list[str]:
    """Lines that stand before all others, and before every table.

    Parameters
    ----------
    metrics : mapping
        The content of `metrics.json`.
    leak_allowed : bool
        The project says `split: {allow_leak: true}`.
    """
    split = metrics.get("split", {})
    lines = []
    if leak_allowed:
        lines.append(
            "LEAK ALLOWED: this project lets the model train on ground that it is tested on. "
            "The scores below are not an accuracy of the map."
        )
    if split.get("leaky"):
        lines.append(
            f"LEAKY SPLIT ({split['leaky']}): chips were drawn at random, so tested ground lies "
            "beside ground that taught. The scores below can be compared with others of random "
            "splits; on other ground expect less."
        )
    if split.get("near_duplicates"):
        lines.append(
            "NEAR-DUPLICATES: pictures that are shown in more than one part of the split: "
            f"{split['near_duplicates']:,} (pairs of chips; audit.json names them). Scores of "
            "copies say nothing of other pictures."
        )
    return lines


def unseen(leak_allowed: bool) -> str:
    """What the tested ground was to the model, as the end of a sentence."""
    if leak_allowed:
        return "that were not always kept apart from what taught the scored model"
    return "that the scored model had not seen in training"


def leak_stamp(metrics: Mapping[str, Any], leak_allowed: bool) -> str:
    """Two words for every table; empty where the split is honest."""
    if leak_allowed:
        return "leak allowed"
    leaky = metrics.get("split", {}).get("leaky")
    return f"leaky: {leaky}" if leaky else ""
