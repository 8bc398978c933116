"""What looks wrong about a finished map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.core.legend import Legend
from covermap.imagery.inspection import sample_windows
from covermap.imagery.raster import Raster, Scene
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


class Drift:
    """Counts how many valid values of each band lie beyond what training mostly saw.

    That is beyond the 1st and the 99th percentile of the training pixels.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._names = [channel.name for channel in bundle.channels]
        self._low, self._high = (
            np.asarray([getattr(channel, end) for channel in bundle.channels])[:, None, None]
            for end in ("low", "high")
        )
        self._outside, self._valid = np.zeros(len(self._names)), np.zeros(len(self._names))

    def add(self, raster: Raster) -> None:
        """Count a window with the bundle's bands, in their order."""
        strange = (raster.values < self._low) | (raster.values > self._high)
        self._outside += (strange & raster.valid).sum(axis=(1, 2))
        self._valid += raster.valid.sum(axis=(1, 2))

    def warnings(self, what: str, made: str) -> list[str]:
        """Bands that are mostly unlike those of training, in one line; empty when none is."""
        shares = self._outside / np.maximum(self._valid, 1)
        found = [
            f"{name} ({share:.0%} of the pixels)"
            for name, share in zip(self._names, shares, strict=True)
            if share > _STRANGE_SHARE
        ]
        if not found:
            return []
        return [
            f"{what} unlike the training imagery in {', '.join(found)}: another season, haze, "
            f"cloud, or unit. The accuracy of the report does not hold for {made}"
        ]


def drift_warnings(scene: Scene, bundle: Bundle) -> list[str]:
    """Whether a scene is unlike those of training, by an even sample of about a million pixels."""
    drift = Drift(bundle)
    names = [channel.name for channel in bundle.channels]
    for window in sample_windows(scene.geobox, _SAMPLE_PIXELS):
        drift.add(scene.read(names, window))
    return drift.warnings(f"{scene.name} is", "this map")
