"""How a project writes labels that are no map of classes: the one place that says so."""

from __future__ import annotations

from typing import Any


def folder_tags() -> dict[str, Any]:
    """A picture's class is the name of its folder."""
    return {"tags": "folders"}


def presence(path: str, threshold: float, **keys: Any) -> dict[str, Any]:
    """Masks that become one label for each class and chip.

    A class is present where it covers more than the share `threshold`, 0..1, of the chip's valid
    pixels.
    """
    return {"path": path, **keys, "presence": {"threshold": threshold}}


def boxes(path: str, attribute: str) -> dict[str, Any]:
    """Polygons whose bounding boxes are chips, all as large as the largest one."""
    return {
        "path": path,
        "attribute": attribute,
        "regions": {"size": "largest", "anchor": "upper-left"},
    }


def density(points: str, areas: str, percentile: float) -> dict[str, Any]:
    """Points counted in cells, within areas; the count at a percentile stands for 1."""
    return {"points": points, "areas": areas, "cap": {"percentile": percentile, "over": "all"}}
