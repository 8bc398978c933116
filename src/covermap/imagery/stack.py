"""Dates of one place as one scene whose bands are `<band>@01`, `<band>@02`, ..."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.common_ground import common_share
from covermap.core.errors import ImageryError
from covermap.core.grid import Window, window_geobox
from covermap.imagery.file_scene import BandedScene, FileScene, comparable_bands
from covermap.imagery.headers import folder_name
from covermap.imagery.inspection import invalid_share
from covermap.imagery.places import has_place
from covermap.imagery.raster import Band, Days, Raster

# Two pictures of one moment and place have at least so much of the smaller one in common;
# neighbouring tiles of Sentinel-2 a tenth.
_LEAST_COMMON = 0.5


@dataclass(frozen=True)
class DatedScene:
    """A scene and the moment it was taken, as sortable text (`20180713T100008`)."""

    moment: str
    scene: FileScene


@dataclass(frozen=True)
class StackScene(BandedScene):
    """Dates on the grid of the first; a pixel is usable when enough of its dates are valid.

    `dates` are in order of time; `min_dates` is how many must be valid.
    """

    name: str
    geobox: GeoBox
    dates: tuple[FileScene, ...]
    moments: tuple[str, ...]
    min_dates: int
    notes: tuple[str, ...] = ()

    @property
    def date(self) -> datetime.date | None:
        """None: a stack has no date of its own; `notes` tell those of its bands."""
        return None

    @property
    def days(self) -> Days | None:
        """Those of the first and the last date."""
        first, last = (
            datetime.datetime.strptime(moment[:8], "%Y%m%d").date()
            for moment in (self.moments[0], self.moments[-1])
        )
        return first, last

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        return tuple(
            replace(band, name=f"{band.name}{suffix}")
            for scene, suffix in zip(self.dates, self._suffixes, strict=True)
            for band in scene.bands
        )

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files of all dates."""
        return tuple(dict.fromkeys(path for scene in self.dates for path in scene.files))

    def read_own(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of bands of any dates."""
        values = np.zeros((len(names), *window.shape), np.float32)
        valid = np.zeros(values.shape, bool)
        for scene, rows, own in self._by_date(names):
            raster = scene.read_own(own, window)
            values[rows], valid[rows] = raster.values, raster.valid
        return Raster(values, valid, window_geobox(self.geobox, window), tuple(names))

    def own_reach(self, names: Sequence[str]) -> int:
        """The farthest of any date."""
        return max((scene.own_reach(own) for scene, _, own in self._by_date(names)), default=0)

    def usable(self, raster: Raster) -> np.ndarray:
        """Bool (H, W): pixels with at least `min_dates` dates of which all that was read is valid.

        Where fewer dates than that were read, all of them must be valid.
        """
        by_date: dict[str, np.ndarray] = {}
        for name, valid in zip(raster.bands, raster.valid, strict=True):
            suffix = name.rpartition("@")[2]
            by_date[suffix] = by_date[suffix] & valid if suffix in by_date else valid
        needed = min(self.min_dates, len(by_date))
        return np.asarray(sum(valid.astype(np.int32) for valid in by_date.values()) >= needed)

    @property
    def cloud_grid(self) -> GeoBox | None:
        """The grid of the first quality layer."""
        grids = (scene.cloud_grid for scene in self.dates)
        return next((grid for grid in grids if grid is not None), None)

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Bool (H, W): so many dates are cloudy that fewer than `min_dates` are left."""
        clear = np.zeros(window.shape, np.int32)
        for scene in self.dates:
            clear += ~scene.cloud_on(geobox, window)
        return np.asarray(clear < self.min_dates)

    def _by_date(self, names: Sequence[str]) -> Iterator[tuple[FileScene, list[int], list[str]]]:
        """Each date that is asked for, where its bands stand in `names`, and their own names."""
        for scene, suffix in zip(self.dates, self._suffixes, strict=True):
            rows = [row for row, name in enumerate(names) if name.endswith(suffix)]
            if rows:
                yield scene, rows, [names[row].removesuffix(suffix) for row in rows]

    @cached_property
    def _suffixes(self) -> tuple[str, ...]:
        digits = max(2, len(str(len(self.dates))))
        return tuple(f"@{number:0{digits}d}" for number in range(1, len(self.dates) + 1))


def stacked(
    dated: Sequence[DatedScene],
    name: str | None,
    min_dates: int | None,
    max_invalid: float | None,
) -> StackScene:
    """One scene of several dates.

    Parameters
    ----------
    dated : sequence of DatedScene
        In any order; two of one day keep their order of time.
    name : str or None
        The folder's name by default.
    min_dates : int or None
        Half of the dates, rounded up, by default.
    max_invalid : float or None
        Dates with a larger share (0..1) of unusable pixels, by an even sample, are left out.

    Raises
    ------
    ImageryError
        Dates have other bands or show other ground than the first, none is left, or `min_dates` is
        more than there are.
    """
    ordered = sorted(dated, key=lambda item: (item.moment, item.scene.name))
    first = ordered[0].scene
    kept, left_out = [], []
    at: dict[str, FileScene] = {}
    for item in ordered:
        if comparable_bands(item.scene) != comparable_bands(first):
            raise ImageryError(
                f"{item.scene.files[0]}: has the bands {_listed(item.scene)}, but "
                f"{first.files[0]} has {_listed(first)}; the dates of a stack need the same bands "
                "in the same units"
            )
        _require_one_place(first, item.scene, 0.0)
        _require_one_place(at.setdefault(item.moment, item.scene), item.scene, _LEAST_COMMON)
        scene = replace(item.scene, geobox=first.geobox)
        share = 0.0 if max_invalid is None else invalid_share(scene)
        if max_invalid is not None and share > max_invalid:
            left_out.append(f"{item.moment} ({100 * share:.0f} %)")
        else:
            kept.append(DatedScene(item.moment, scene))
    if not kept:
        raise ImageryError(
            f"{first.files[0].parent}: all {len(ordered)} dates have more than max_invalid: "
            f"{max_invalid} of invalid pixels; raise it"
        )
    if min_dates is not None and min_dates > len(kept):
        raise ImageryError(
            f"{first.files[0].parent}: min_dates: {min_dates}, but only {len(kept)} dates are "
            f"there; write at most {len(kept)}"
        )
    stack = StackScene(
        name=name or folder_name(first.files[0]),
        geobox=first.geobox,
        dates=tuple(item.scene for item in kept),
        moments=tuple(item.moment for item in kept),
        min_dates=min_dates or (len(kept) + 1) // 2,
    )
    told = [
        f"{suffix} is {moment}"
        for suffix, moment in zip(stack._suffixes, stack.moments, strict=True)
    ]
    notes = [f"{len(kept)} dates: " + ", ".join(told)]
    if left_out:
        notes.append(
            f"left out {len(left_out)} dates for their share of invalid pixels: "
            + ", ".join(left_out)
        )
    return replace(stack, notes=tuple(notes))


def _require_one_place(first: FileScene, scene: FileScene, least: float) -> None:
    """Stop where a date shows other ground than an earlier one: that ground would be lost.

    More than the share `least` (0..1) of the smaller one must be common.
    """
    one, other = first.geobox, scene.geobox
    if has_place(one) and has_place(other):
        share = 1.0 if one.crs is None or other.crs is None else common_share(one, other)
        if share <= least:
            raise ImageryError(
                f"{scene.files[0]}: shows other ground than {first.files[0].name} ("
                f"{100 * share:.0f} % of the smaller one is common), and a stack is of one place. "
                "Make an entry of each place: imagery: [{path: A_*.tif, stack: dates, name: A}, "
                "{path: B_*.tif, stack: dates, name: B}]"
            )
    elif one != other:
        raise ImageryError(
            f"{scene.files[0]}: is {other.shape.x} x {other.shape.y} pixels, and "
            f"{first.files[0].name} {one.shape.x} x {one.shape.y}: without a CRS in both nothing "
            "tells how they lie on each other. Export all dates in one size, or with their CRS"
        )


def _listed(scene: FileScene) -> str:
    return ", ".join(f"{band.name} ({band.unit})" for band in scene.bands)
