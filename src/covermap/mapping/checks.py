"""What looks wrong about a finished map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.core.legend import Legend
from covermap.imagery.inspection import sample_windows
from covermap.imagery.raster import Scene
from covermap.mapping.result import MapResult

if TYPE_CHECKING:
    from covermap.bundle.facts import Bundle

# Below this share of mapped pixels the map is hardly what the user wanted.
_FEW_USABLE = 0.01
# A scene like those of training has 2 % of its pixels beyond the 1st and 99th percentile.
_STRANGE_SHARE = 0.25
_SAMPLE_PIXELS = 1_000_000


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


def drift_warnings(scene: Scene, bundle: Bundle) -> list[str]:
    """Bands whose values are mostly unlike those of training, in one line; empty when none is.

    An even sample of about a million pixels is read. Counted are valid values beyond the 1st and
    99th percentile of the training pixels.
    """
    names = [channel.name for channel in bundle.channels]
    low = np.asarray([channel.low for channel in bundle.channels])[:, None, None]
    high = np.asarray([channel.high for channel in bundle.channels])[:, None, None]
    outside, valid = np.zeros(len(names)), np.zeros(len(names))
    for window in sample_windows(scene.geobox, _SAMPLE_PIXELS):
        raster = scene.read(names, window)
        strange = (raster.values < low) | (raster.values > high)
        outside += (strange & raster.valid).sum(axis=(1, 2))
        valid += raster.valid.sum(axis=(1, 2))
    shares = outside / np.maximum(valid, 1)
    found = [
        f"{name} ({share:.0%} of the pixels)"
        for name, share in zip(names, shares, strict=True)
        if share > _STRANGE_SHARE
    ]
    if not found:
        return []
    return [
        f"{scene.name} is unlike the training imagery in {', '.join(found)}: another season, haze, "
        "cloud, or unit. The accuracy of the report does not hold for this map"
    ]
