"""What looks wrong about a finished map."""

from __future__ import annotations

from covermap.core.legend import Legend
from covermap.mapping.engine import MapResult

# Below this share of mapped pixels the map is hardly what the user wanted.
_FEW_USABLE = 0.01


def self_check(result: MapResult, legend: Legend) -> list[str]:
    """Warnings about a map, one line each; empty when nothing is odd.

    Parameters
    ----------
    result : MapResult
    legend : Legend
        The classes that the map could hold.
    """
    warnings = []
    present = [item.name for item in legend.classes if result.class_pixels.get(item.id, 0)]
    path = result.paths["class"]
    if len(present) == 1 and len(legend) > 1:
        warnings.append(
            f"{path}: the whole map is '{present[0]}', one of {len(legend)} classes; compare the "
            "scene with the training imagery (units, scale, season)"
        )
    share = result.valid_pixels / result.total_pixels
    if share < _FEW_USABLE:
        warnings.append(
            f"{path}: only {share:.2%} of the pixels could be mapped; the rest is nodata, cloud or "
            "lacks a band"
        )
    return warnings
