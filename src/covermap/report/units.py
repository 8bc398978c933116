"""What tested ground is counted in: blocks, groups of polygons, whole images or regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Unit:
    """The pieces of ground that a split deals out.

    Attributes
    ----------
    one, many : str
        What a piece is called, and several of them.
    drawn : str
        What the labels are made of.
    more : str
        What to do to have more of them.
    pictured : str
        What the map of the split shows.
    """

    one: str
    many: str
    drawn: str
    more: str
    pictured: str

    def counted(self, number: int) -> str:
        """So many of them, in words.

        Examples
        --------
        >>> UNITS["blocks"].counted(1)
        '1 block'
        """
        told = f"{number:,}".replace(",", "\u202f")
        return f"{told} {self.one if number == 1 else self.many}"


UNITS = {
    "blocks": Unit("block", "blocks", "labels", "label more ground", "Blocks"),
    "polygons": Unit(
        "group of polygons", "groups of polygons", "polygons", "draw more polygons", "Polygons"
    ),
    "scenes": Unit(
        "image (with those that share its ground)",
        "images (those that share ground count as one)",
        "images",
        "label more images",
        "Whole images",
    ),
    "regions": Unit("region", "regions", "regions", "label more regions", "Regions"),
}


def unit_of(metrics: Mapping[str, Any]) -> Unit:
    """The unit of a run, from the content of `metrics.json`."""
    return UNITS[metrics.get("split", {}).get("of", "polygons")]


def curve_unit(metrics: Mapping[str, Any]) -> str:
    """What errors by epoch are counted in, where that is not what the scores are told in.

    Numbers of chips are learnt in standard deviations about their mean; densities as they are.
    """
    of_numbers = metrics.get("task") == "regression" and not metrics["test"].get("caps")
    return "standard deviations" if of_numbers else ""
