"""What looks wrong about a finished map."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from covermap.bundle.folder import read_applicability
from covermap.core.errors import listed
from covermap.core.legend import Legend
from covermap.imagery.inspection import sample_windows, spread
from covermap.imagery.raster import Raster, Scene
from covermap.mapping.result import MapResult
from covermap.mapping.source import Normalisation

if TYPE_CHECKING:
    from covermap.bundle.facts import Bundle

# Below this share of mapped pixels the map is hardly what the user wanted.
_FEW_USABLE = 0.01
# A scene like those of training has 2 % of its pixels beyond the 1st and 99th percentile.
_STRANGE_SHARE = 0.25
# Of the pixels of ground like that of training up to 0.28 lie beyond the area of applicability
# (halves of one scene, one picture of many); after five days with haze it is 0.5.
_BEYOND_SHARE = 0.3
# A single picture may well be of bright or dark ground only, and some of it is then beyond; where
# nearly all is, it is something else.
_NEARLY_ALL = 0.9
# Of each window; a share is sure to a hundredth or two with those of a few windows.
_COMPARED_PIXELS = 2000
_NAMED = 6
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
    """Counts how much of what is mapped is unlike what training saw.

    That is values of a band beyond the 1st and the 99th percentile of the training pixels, and
    pixels beyond the model's area of applicability, where the bundle holds that.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._names = bundle.channel_names
        self._low, self._high = (
            np.asarray([getattr(channel, end) for channel in bundle.channels])[:, None, None]
            for end in ("low", "high")
        )
        self._outside, self._valid = np.zeros(len(self._names)), np.zeros(len(self._names))
        self._normalisation = Normalisation.of(bundle)
        self._applicability = read_applicability(bundle)
        self._beyond = self._asked = 0

    def add(self, raster: Raster, usable: np.ndarray) -> None:
        """Count a window with the bundle's bands, in their order, and its usable pixels (H, W)."""
        valid = raster.valid & usable
        strange = (raster.values < self._low) | (raster.values > self._high)
        self._outside += (strange & valid).sum(axis=(1, 2))
        self._valid += valid.sum(axis=(1, 2))
        if self._applicability is None:
            return
        places = np.asarray(spread(np.flatnonzero(usable).tolist(), _COMPARED_PIXELS), int)
        values = self._normalisation.applied(raster).reshape(len(self._names), -1)[:, places]
        self._beyond += int(self._applicability.beyond(values.T).sum())
        self._asked += len(places)

    def fresh(self) -> Drift:
        """The same without anything counted."""
        other = copy.copy(self)
        other._outside, other._valid = np.zeros_like(self._outside), np.zeros_like(self._valid)
        other._beyond = other._asked = 0
        return other

    def take(self, other: Drift) -> None:
        """Count what another one has counted, too."""
        self._outside, self._valid = self._outside + other._outside, self._valid + other._valid
        self._beyond, self._asked = self._beyond + other._beyond, self._asked + other._asked

    @property
    def is_of_another_kind(self) -> bool:
        """Whether hardly a pixel of what was counted is like training, in some band or in all."""
        shares = [*(self._outside / np.maximum(self._valid, 1)), self._beyond / max(self._asked, 1)]
        return max(shares) > _NEARLY_ALL

    def warnings(self, what: str, made: str) -> list[str]:
        """What is mostly unlike training, in one line; empty when nothing is."""
        shares = self._outside / np.maximum(self._valid, 1)
        together = self._names[0] if len(self._names) == 1 else "all bands taken together"
        strange = [(together, self._beyond / max(self._asked, 1))]
        strange = [item for item in strange if item[1] > _BEYOND_SHARE]
        strange += [
            item for item in zip(self._names, shares, strict=True) if item[1] > _STRANGE_SHARE
        ]
        found = [f"{name} ({share:.0%} of the pixels)" for name, share in dict(strange).items()]
        if not found:
            return []
        return [
            f"{what} unlike the training imagery in {listed(found, _NAMED)}: another season, haze, "
            f"cloud, or unit. The accuracy of the report does not hold for {made}"
        ]


def drift_warnings(scene: Scene, bundle: Bundle) -> list[str]:
    """Whether a scene is unlike those of training, by an even sample of about a million pixels."""
    drift = Drift(bundle)
    for window in sample_windows(scene.geobox, _SAMPLE_PIXELS):
        raster = scene.read(bundle.channel_names, window)
        drift.add(raster, scene.usable(raster))
    return drift.warnings(f"{scene.name} is", "this map")
