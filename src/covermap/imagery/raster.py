"""Values, validity and grid as one object, and the scene that they are read from."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window

# The first and the last day on which a scene was taken.
Days = tuple[datetime.date, datetime.date]
Unit = Literal["reflectance", "index", "kelvin", "dn"]


@dataclass(frozen=True)
class Band:
    """One band of a scene.

    `wavelength_nm` is the centre wavelength, None where the band has none or it is not known;
    `resolution_m` the native pixel size.
    """

    name: str
    unit: Unit
    wavelength_nm: float | None = None
    resolution_m: float | None = None


@dataclass(frozen=True)
class Raster:
    """Physical values of some bands on a grid, with their validity.

    Attributes
    ----------
    values : ndarray of float32, shape (C, H, W)
        In the band's unit (reflectance 0..1, kelvin, index, or plain dn). Finite everywhere; what
        stands where `valid` is False means nothing.
    valid : ndarray of bool, shape (C, H, W)
        Which values may be used.
    geobox : GeoBox
        The grid, shape (H, W).
    bands : tuple of str
        Names, one for each C.
    """

    values: np.ndarray
    valid: np.ndarray
    geobox: GeoBox
    bands: tuple[str, ...]

    def __post_init__(self) -> None:
        expected = (len(self.bands), *self.geobox.shape)
        if self.values.shape != expected or self.valid.shape != expected:
            raise ValueError(
                f"values {self.values.shape} and valid {self.valid.shape} should both be {expected}"
            )


class Scene(Protocol):
    """Named bands on one grid, read by window; what every later step sees of imagery.

    `bands` are those the scene has itself. `read` also takes names of spectral indices that can be
    computed from them, in lower case (`ndvi`). Windows may reach beyond the grid: what lies there
    is invalid. `files` are the images and metadata that a result depends on, without what lies
    beside or behind them (see `headers.parts_of_image`); `notes` say what was passed over.
    `date` is None where it is not known, and so are `days`, which a stack of dates has as well.
    """

    @property
    def name(self) -> str: ...
    @property
    def date(self) -> datetime.date | None: ...
    @property
    def days(self) -> Days | None: ...
    @property
    def geobox(self) -> GeoBox: ...
    @property
    def bands(self) -> tuple[Band, ...]: ...
    @property
    def files(self) -> tuple[Path, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def describe(self, names: Sequence[str]) -> tuple[Band, ...]:
        """What each of `names` is, indices included; ImageryError when one cannot be had."""
        ...

    def read(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of bands or indices in a window."""
        ...

    def reach(self, names: Sequence[str]) -> int:
        """Pixels by which what `read` gives tells of ground beyond the pixel that has it."""
        ...

    def usable(self, raster: Raster) -> np.ndarray:
        """Bool (H, W): which pixels of what `read` gave can be trained on, scored and mapped."""
        ...

    @property
    def cloud_grid(self) -> GeoBox | None:
        """The quality layer's own grid; None without one."""
        ...

    def cloud(self, window: Window) -> np.ndarray:
        """Bool (H, W): cloud or cloud shadow by the scene's quality layer; False without one."""
        ...

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """As `cloud`, on a window of any grid."""
        ...

    def clipped(self, area: Any) -> Scene:
        """The same scene, invalid outside `area` (a shapely geometry in the scene's CRS)."""
        ...
