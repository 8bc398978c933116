"""A scene whose bands are kept in files, and what all scenes made of bands have in common."""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from covermap.core.area import Ground
from covermap.core.grid import Window, whole, window_geobox
from covermap.imagery.indices import described, inputs_of, read_with_indices
from covermap.imagery.quality import QualityLayer
from covermap.imagery.raster import Band, Days, Raster, Scene
from covermap.imagery.sources import BandSource, reach_px, read_sources


class BandedScene(ABC):
    """Indices, usability and clipping for any scene that can read its own bands."""

    name: str
    geobox: GeoBox

    @property
    @abstractmethod
    def bands(self) -> tuple[Band, ...]:
        """The scene's own bands."""

    @abstractmethod
    def read_own(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of own bands in a window."""

    def describe(self, names: Sequence[str]) -> tuple[Band, ...]:
        """What each of `names` is, indices included.

        Raises
        ------
        ImageryError
            One of them cannot be had of this scene.
        """
        return described(self.name, self.bands, names)

    def read(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of bands or indices in a window, which may reach beyond the grid."""
        return read_with_indices(self.name, self.bands, self.read_own, names, window)

    @abstractmethod
    def own_reach(self, names: Sequence[str]) -> int:
        """As `reach`, of own bands."""

    def reach(self, names: Sequence[str]) -> int:
        """Pixels by which bands or indices tell of ground beyond the pixel that has them."""
        return self.own_reach(inputs_of(self.name, self.bands, names))

    def usable(self, raster: Raster) -> np.ndarray:
        """Bool (H, W): pixels of which every band that was read is valid."""
        return np.asarray(raster.valid.all(axis=0))

    @property
    @abstractmethod
    def cloud_grid(self) -> GeoBox | None:
        """The quality layer's own grid; None without one."""

    def cloud(self, window: Window) -> np.ndarray:
        """Bool (H, W): cloud or cloud shadow in a window of the scene; False without a layer."""
        return self.cloud_on(self.geobox, window)

    @abstractmethod
    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """As `cloud`, on a window of any grid."""

    def clipped(self, area: Any) -> Scene:
        """The same scene, invalid outside `area` (shapely geometry in the scene's CRS)."""
        return ClippedScene(cast(Scene, self), area)


@dataclass(frozen=True)
class FileScene(BandedScene):
    """Bands in files, brought onto one grid, with an optional quality layer.

    Attributes
    ----------
    name : str
    date : date or None
    geobox : GeoBox
        The grid that everything is read on; that of the finest band unless it is put on another.
    sources : tuple of BandSource
    quality : QualityLayer or None
        Forbids pixels of all bands.
    notes : tuple of str
        What was assumed or passed over when it was opened.
    metadata : tuple of Path
        Files that scale, offset or date were taken from.
    """

    name: str
    date: datetime.date | None
    geobox: GeoBox
    sources: tuple[BandSource, ...]
    quality: QualityLayer | None = None
    notes: tuple[str, ...] = ()
    metadata: tuple[Path, ...] = ()

    @property
    def days(self) -> Days | None:
        return None if self.date is None else (self.date, self.date)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        return tuple(source.band for source in self.sources)

    @property
    def files(self) -> tuple[Path, ...]:
        """The images and metadata that what is read depends on, each once."""
        paths = [source.path for source in self.sources]
        if self.quality is not None:
            paths.append(self.quality.source.path)
        return tuple(dict.fromkeys([*paths, *self.metadata]))

    def read_own(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of own bands in a window; the quality layer forbids pixels."""
        by_name = {source.band.name: source for source in self.sources}
        values, valid = read_sources([by_name[name] for name in names], self.geobox, window)
        if self.quality is not None:
            valid &= ~self.quality.invalid_at(self.geobox, window)
            np.multiply(values, valid, out=values)
        return Raster(values, valid, window_geobox(self.geobox, window), tuple(names))

    def own_reach(self, names: Sequence[str]) -> int:
        """That of the coarsest band that is brought onto the grid."""
        return reach_px([s for s in self.sources if s.band.name in names], self.geobox)

    @property
    def cloud_grid(self) -> GeoBox | None:
        """The grid of the quality layer."""
        return None if self.quality is None else self.quality.source.geobox

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Bool (H, W): cloud or cloud shadow by the quality layer; False without one."""
        if self.quality is None:
            return np.zeros(window.shape, bool)
        return self.quality.cloud_at(geobox, window)


@dataclass(frozen=True)
class ClippedScene:
    """A scene that is invalid outside an area; a pixel is inside when its centre is."""

    inner: Scene
    area: Any

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def date(self) -> datetime.date | None:
        return self.inner.date

    @property
    def days(self) -> Days | None:
        return self.inner.days

    @property
    def geobox(self) -> GeoBox:
        return self.inner.geobox

    @property
    def bands(self) -> tuple[Band, ...]:
        return self.inner.bands

    @property
    def files(self) -> tuple[Path, ...]:
        return self.inner.files

    @property
    def notes(self) -> tuple[str, ...]:
        return self.inner.notes

    def describe(self, names: Sequence[str]) -> tuple[Band, ...]:
        """As the whole scene."""
        return self.inner.describe(names)

    def read(self, names: Sequence[str], window: Window) -> Raster:
        """As the whole scene, invalid outside the area; nothing is read where all is outside."""
        inside = self._inside(window)
        if not inside.any():
            shape = (len(self.describe(names)), *window.shape)
            box = window_geobox(self.geobox, window)
            return Raster(np.zeros(shape, np.float32), np.zeros(shape, bool), box, tuple(names))
        raster = self.inner.read(names, window)
        return Raster(raster.values, raster.valid & inside, raster.geobox, raster.bands)

    def reach(self, names: Sequence[str]) -> int:
        """As the whole scene."""
        return self.inner.reach(names)

    def usable(self, raster: Raster) -> np.ndarray:
        """As the whole scene."""
        return self.inner.usable(raster)

    @property
    def cloud_grid(self) -> GeoBox | None:
        """As the whole scene."""
        return self.inner.cloud_grid

    def cloud(self, window: Window) -> np.ndarray:
        """Cloud inside the area."""
        return self.inner.cloud(window) & self._inside(window)

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Cloud inside the area, on a window of any grid."""
        return self.inner.cloud_on(geobox, window) & self._ground_on(geobox).mask(window)

    def clipped(self, area: Any) -> Scene:
        """The scene within both areas."""
        return ClippedScene(self, area)

    def _inside(self, window: Window) -> np.ndarray:
        inside = np.zeros(window.shape, bool)
        inner = window.intersection(whole(self.geobox))
        if inner is not None:
            inside[inner.relative_to(window).slices] = self._ground_on(self.geobox).mask(inner)
        return inside

    def _ground_on(self, geobox: GeoBox) -> Ground:
        """The area on a grid: the scene's, or its quality layer's; kept for the next window."""
        if geobox not in self._grounds:
            area = self.area
            if geobox.crs != self.geobox.crs and geobox.crs is not None:
                area = Geometry(area, self.geobox.crs).to_crs(geobox.crs).geom
            self._grounds[geobox] = Ground(geobox, area)
        return self._grounds[geobox]

    @cached_property
    def _grounds(self) -> dict[GeoBox, Ground]:
        return {}


def comparable_bands(scene: FileScene) -> tuple[Band, ...]:
    """A scene's bands without their sizes of pixels, which the grid tells exactly.

    In degrees a pixel's size in metres changes from north to south.
    """
    return tuple(replace(band, resolution_m=None) for band in scene.bands)
