"""Tiny scenes with every pathology by name, for the tests of all floors."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp

from covermap.core.grid import Window, whole, window_geobox
from covermap.imagery.raster import Band, Days, Raster, Scene

_WAVELENGTHS_NM = {"B02": 492.7, "B03": 559.8, "B04": 664.6, "B08": 832.8, "B11": 1613.7}


@dataclass(frozen=True)
class ArrayScene:
    """A scene over arrays in memory.

    `values` (C, H, W) are in the units of `bands`; `valid` (C, H, W) is True everywhere when it is
    left out; `bands` are `Band` objects or names (then reflectance, 10 m); `cloudy` is bool (H, W).
    """

    values: np.ndarray
    valid: np.ndarray | None
    geobox: GeoBox
    bands: Sequence[Any]
    name: str = "tiny"
    date: datetime.date | None = None
    cloudy: np.ndarray | None = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        bands = tuple(
            Band(band, "reflectance", _WAVELENGTHS_NM.get(band), 10.0)
            if isinstance(band, str)
            else band
            for band in self.bands
        )
        object.__setattr__(self, "bands", bands)
        object.__setattr__(self, "values", np.asarray(self.values, np.float32))
        if self.valid is None:
            object.__setattr__(self, "valid", np.ones(self.values.shape, bool))

    @property
    def days(self) -> Days | None:
        return None if self.date is None else (self.date, self.date)

    def describe(self, names: Sequence[str]) -> tuple[Band, ...]:
        own = {band.name: band for band in self.bands}
        if all(name in own for name in names):
            return tuple(own[name] for name in names)
        from covermap.imagery.indices import described

        return described(self.name, tuple(self.bands), names)

    def read(self, names: Sequence[str], window: Window) -> Raster:
        if all(name in self._names for name in names):
            return self._read_own(names, window)
        from covermap.imagery.indices import read_with_indices

        return read_with_indices(self.name, tuple(self.bands), self._read_own, names, window)

    def reach(self, names: Sequence[str]) -> int:
        return 0

    def usable(self, raster: Raster) -> np.ndarray:
        return np.asarray(raster.valid.all(axis=0))

    @property
    def cloud_grid(self) -> GeoBox | None:
        return None if self.cloudy is None else self.geobox

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        assert geobox == self.geobox, "an array's clouds are known on its own grid"
        return self.cloud(window)

    def cloud(self, window: Window) -> np.ndarray:
        cloudy = np.zeros(self.geobox.shape, bool) if self.cloudy is None else self.cloudy
        return _cut(cloudy[None], window, False)[0]

    def clipped(self, area: Any) -> Scene:
        from covermap.imagery.file_scene import ClippedScene

        return ClippedScene(self, area)

    @property
    def _names(self) -> list[str]:
        return [band.name for band in self.bands]

    def _read_own(self, names: Sequence[str], window: Window) -> Raster:
        rows = [self._names.index(name) for name in names]
        return Raster(
            values=_cut(self.values[rows], window, 0.0),
            valid=_cut(self.valid[rows], window, False),
            geobox=window_geobox(self.geobox, window),
            bands=tuple(names),
        )


def tiny_geobox(
    height: int,
    width: int,
    resolution: float = 10,
    crs: int | None = 32633,
    south_up: bool = False,
    rotated: bool = False,
) -> GeoBox:
    """A grid near Zagreb; for EPSG:4326 the resolution (given in metres) becomes degrees."""
    left, top = 500_000.0, 5_000_000.0
    if crs is None:
        return GeoBox((height, width), Affine.identity(), None)
    if crs == 4326:
        left, top, resolution = 15.0, 45.0, resolution / 111_320.0
    affine = Affine.translation(left, top) @ Affine.scale(resolution, -resolution)
    if south_up:
        affine = Affine.translation(left, top - height * resolution) @ Affine.scale(resolution)
    if rotated:
        affine = (
            Affine.translation(left, top)
            @ Affine.rotation(20)
            @ Affine.scale(resolution, -resolution)
        )
    return GeoBox((height, width), affine, f"EPSG:{crs}")


def write_scene(
    path: Path,
    *,
    height: int = 64,
    width: int = 80,
    bands: Sequence[str] = ("B02", "B03", "B04", "B08"),
    dtype: str = "uint16",
    nodata: float | None = None,
    scale: float | None = None,
    offset: float | None = None,
    south_up: bool = False,
    rotated: bool = False,
    crs: int | None = 32633,
    descriptions: bool = True,
    alpha: bool = False,
    mask: bool = False,
    seed: int = 0,
    resolution: float = 10,
    geobox: GeoBox | None = None,
    values: np.ndarray | None = None,
    driver: str = "GTiff",
    **creation: Any,
) -> Path:
    """Write a raster with the named pathology and return its path.

    Without `values` (C, H, W) the bands hold random integers of 200..3000 (1..200 in 8 bits,
    reflectance 0.02..0.3 in floats). With `nodata` the upper left corner of 8 by 10 pixels holds it
    in all bands; with `alpha` a band, with `mask` an internal mask, is 0 there.
    """
    if values is not None:
        height, width = values.shape[-2:]
    box = geobox or tiny_geobox(height, width, resolution, crs, south_up, rotated)
    data = _random(len(bands), *box.shape, dtype, seed) if values is None else np.asarray(values)
    data = data.astype(dtype)
    corner = (slice(None), slice(0, 8), slice(0, 10))
    if nodata is not None and values is None:
        data[corner] = nodata
    if alpha:
        opaque = 255 if dtype == "uint8" else np.iinfo(dtype).max
        data = np.concatenate([data, np.full((1, *data.shape[1:]), opaque, dtype)])
        data[(slice(-1, None), *corner[1:])] = 0
        if len(bands) == 3:
            creation = {"photometric": "RGB", "alpha": "YES", **creation}
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": driver, "dtype": dtype, "count": len(data), "nodata": nodata, **creation}
    profile |= {"height": data.shape[1], "width": data.shape[2]}
    if box.crs is not None:
        profile |= {"crs": str(box.crs), "transform": box.affine}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as out:
        if alpha:
            # GDAL keeps colours of a GeoTIFF only when they are set before the first pixel.
            out.colorinterp = [*out.colorinterp[:-1], ColorInterp.alpha]
        out.write(data)
        if descriptions:
            for index, name in enumerate(bands, start=1):
                out.set_band_description(index, name)
        if scale is not None or offset is not None:
            out.scales = [1.0 if scale is None else scale] * len(data)
            out.offsets = [offset or 0.0] * len(data)
        if mask:
            opaque_mask = np.full(data.shape[1:], 255, np.uint8)
            opaque_mask[corner[1:]] = 0
            out.write_mask(opaque_mask)
    return path


def shared_data(name: str) -> Path:
    """A folder of real data beside the repository; the test is skipped where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"real data '{name}' is not beside the repository (../shared/data/{name})")
    return path


def _random(count: int, height: int, width: int, dtype: str, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    if np.issubdtype(np.dtype(dtype), np.floating):
        return random.uniform(0.02, 0.3, (count, height, width))
    low, high = (1, 200) if np.dtype(dtype).itemsize == 1 else (200, 3000)
    return random.integers(low, high, (count, height, width))


def _cut(array: np.ndarray, window: Window, fill: float) -> np.ndarray:
    """Cut a window that may reach beyond the array; `fill` stands there."""
    out = np.full((len(array), *window.shape), fill, array.dtype)
    inner = window.intersection(whole(GeoBox(array.shape[1:], Affine.identity(), None)))
    if inner is not None:
        out[(slice(None), *inner.relative_to(window).slices)] = array[(slice(None), *inner.slices)]
    return out
