"""Bands in files: windows of raw numbers, and their way onto another grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.errors import ImageryError
from covermap.core.grid import Window, resolution_m, same_lattice, shortest_side_m, whole
from covermap.imagery.places import TURN, Points, points_on, touched, turns_to
from covermap.imagery.pool import POOL
from covermap.imagery.raster import Band

# Up to it float64 holds every whole number.
_LARGEST_CODE = 2**53
# Of a pixel: what rounding adds to a ratio of two sizes.
_ROUNDING = 1e-3
_CACHED_NUMBERS = 2**16  # half of a usual second-level cache in float64


@dataclass(frozen=True)
class BandSource:
    """Where a band is kept and what its numbers mean.

    Attributes
    ----------
    band : Band
        What the numbers are after `DN x scale + offset`.
    path : Path
    index : int
        Number of the band in the file, from 1.
    geobox : GeoBox
        The file's grid.
    scale, offset : float
    nodata : tuple of float
        DNs that mean "nothing here"; may hold NaN.
    mask : {"none", "dataset"} or int
        Whether the file has a mask of its own; a number names an alpha band.
    """

    band: Band
    path: Path
    index: int
    geobox: GeoBox
    scale: float = 1.0
    offset: float = 0.0
    nodata: tuple[float, ...] = ()
    mask: str | int = "none"


def read_sources(
    sources: Sequence[BandSource], geobox: GeoBox, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """Physical values and validity of bands in a window of `geobox`.

    Bands on another lattice are interpolated bilinearly between valid neighbours; a pixel is valid
    when the source pixel that its centre lies in is, so that validity never grows. Each pixel
    depends on its own place alone, so windows commute.

    Returns
    -------
    values : ndarray of float32, shape (C, H, W)
        0 where not valid.
    valid : ndarray of bool, shape (C, H, W)
    """
    groups = _by_file(sources)
    if len(groups) == 1:
        values, valid = _read_file(sources, geobox, window)
    else:
        values = np.empty((len(sources), *window.shape), np.float32)
        valid = np.empty(values.shape, bool)
        for rows in groups:
            values[rows], valid[rows] = _read_file([sources[r] for r in rows], geobox, window)
    if not valid.all():
        # Values are finite here, so that this is a mask, and faster than picking.
        np.multiply(values, valid, out=values)
    return values, valid


def reach_px(sources: Sequence[BandSource], geobox: GeoBox) -> int:
    """Pixels of a grid by which values of bands tell of ground beyond the pixel that has them.

    0 where all bands lie on the grid's lattice. Between the centres of coarser pixels a value is
    made of those around it, each of which is the mean of all its ground.
    """
    moved = [source.geobox for source in sources if same_lattice(geobox, source.geobox) is None]
    sides = [side for box in dict.fromkeys(moved) for side in _sides_on(geobox, box)]
    # From a centre to the far end of a pixel whose own centre is just less than a pixel away.
    return max((math.ceil(1.5 * side - 0.5 - _ROUNDING) for side in sides), default=0)


def read_codes(source: BandSource, geobox: GeoBox, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the nearest pixels of a class or bit layer, and where it has any.

    Returns
    -------
    codes : ndarray of int64, shape (H, W)
        0 where there is none.
    told : ndarray of bool, shape (H, W)
        False beyond the layer, and where it holds its nodata or no number, or its mask says so.

    Raises
    ------
    ImageryError
        The layer holds fractions.
    """
    raw, told = read_nearest(
        source.path, [source.index], source.geobox, geobox, window, source.mask
    )
    found = raw[0]
    for nodata in source.nodata:
        told &= ~_equals(found, nodata)
    if np.issubdtype(found.dtype, np.floating):
        told &= np.isfinite(found)
        found = np.where(told, found, 0)
        _require_codes(source, found)
    return np.where(told, found, 0).astype(np.int64), told


def _require_codes(source: BandSource, found: np.ndarray) -> None:
    strange = found[(found != np.rint(found)) | (np.abs(found) > _LARGEST_CODE)]
    if strange.size:
        name = source.path.name
        raise ImageryError(
            f"{source.path}: quality: band {source.index} holds shares ({strange[0]:g}), expected "
            "codes (whole numbers). Make a mask of it at the share that you choose, and name that: "
            f'gdal_calc.py -A {name} --A_band={source.index} --calc="A>0.4" --type=Byte '
            "--outfile=mask.tif; quality: {path: mask.tif}"
        )


def read_nearest(
    path: Path,
    indexes: Sequence[int],
    source: GeoBox,
    geobox: GeoBox,
    window: Window,
    mask: str | int = "none",
) -> tuple[np.ndarray, np.ndarray]:
    """Raw numbers of the nearest pixels of some bands of a file, and where the file holds any.

    Parameters
    ----------
    path : Path
    indexes : sequence of int
        Numbers of bands, from 1.
    source : GeoBox
        The grid on which the file lies.
    geobox : GeoBox
        The grid to read on; where one of the two has no CRS, both are taken to have the same.
    window : Window
        A window of `geobox`; may reach beyond it.
    mask : {"none", "dataset"} or int
        Whether the file has a mask of its own that counts; a number names an alpha band.

    Returns
    -------
    raw : ndarray, shape (C, H, W)
        In the file's own type; 0 where the file does not reach.
    inside : ndarray of bool, shape (H, W)
    """
    points = points_on(source, geobox, window)
    rows, cols = np.floor(points.rows), np.floor(points.cols)
    reach = touched(rows, cols, source, margin=0)
    if reach is None:
        return np.zeros((len(indexes), *window.shape), np.uint8), np.zeros(window.shape, bool)
    raw, valid = _read_raw(path, list(indexes), reach, mask)
    height, width = source.shape
    inside = np.zeros(window.shape, bool)
    inside |= (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    row = np.clip(rows - reach.row_off, 0, reach.height - 1).astype(np.intp)
    col = np.clip(cols - reach.col_off, 0, reach.width - 1).astype(np.intp)
    there = inside & valid[:, row, col].all(axis=0)
    return np.where(inside, raw[:, row, col], raw.dtype.type(0)), there


def _sides_on(geobox: GeoBox, source: GeoBox) -> tuple[float, float]:
    """Width and height, in pixels of a grid, of what a pixel of a source covers."""
    if source.crs == geobox.crs or source.crs is None or geobox.crs is None:
        step = ~geobox.affine @ source.affine
        return abs(step.a) + abs(step.b), abs(step.d) + abs(step.e)
    # However the two are turned against each other.
    side = float(np.hypot(*resolution_m(source))) / shortest_side_m(geobox)
    return side, side


def _by_file(sources: Sequence[BandSource]) -> list[list[int]]:
    groups: dict[tuple[Path, str | int], list[int]] = {}
    for row, source in enumerate(sources):
        groups.setdefault((source.path, source.mask), []).append(row)
    return list(groups.values())


def _read_file(
    sources: Sequence[BandSource], geobox: GeoBox, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """Values and validity of bands of one file in a window of `geobox`."""
    place = same_lattice(geobox, sources[0].geobox)
    if place is None:
        return _interpolated(sources, geobox, window)
    turns = turns_to(sources[0].geobox, geobox, window)
    if turns.any():
        return _read_turned(sources, geobox, window, turns)
    shifted = Window(window.row_off - place[0], window.col_off - place[1], *window.shape)
    inner = shifted.intersection(whole(sources[0].geobox))
    if inner == shifted:
        return _read_physical(sources, inner)
    values = np.zeros((len(sources), *window.shape), np.float32)
    valid = np.zeros(values.shape, bool)
    if inner is not None:
        target = (slice(None), *inner.relative_to(shifted).slices)
        values[target], valid[target] = _read_physical(sources, inner)
    return values, valid


def _read_turned(
    sources: Sequence[BandSource], geobox: GeoBox, window: Window, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `_read_file`, where longitudes of file and grid differ by whole turns around the Earth."""
    if len(turns) > 1:
        return _interpolated(sources, geobox, window)
    values = np.zeros((len(sources), *window.shape), np.float32)
    valid = np.zeros(values.shape, bool)
    starts = np.flatnonzero(np.diff(turns[0], prepend=np.nan))
    for start, stop in zip(starts, [*starts[1:], window.width], strict=True):
        # Moved beside the grid, so that pixels which coincide are not interpolated.
        moved = Affine.translation(-TURN * turns[0, start], 0) @ sources[0].geobox.affine
        box = GeoBox(sources[0].geobox.shape, moved, geobox.crs)
        part = Window(window.row_off, window.col_off + int(start), window.height, int(stop - start))
        there = (slice(None), *part.relative_to(window).slices)
        beside = [replace(source, geobox=box) for source in sources]
        values[there], valid[there] = _read_file(beside, geobox, part)
    return values, valid


def _read_physical(sources: Sequence[BandSource], window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Values and validity of bands of one file on the file's own grid; `window` lies inside."""
    first = sources[0]
    raw, valid = _read_raw(first.path, [source.index for source in sources], window, first.mask)
    values = np.empty(raw.shape, np.float32)
    # float64 holds numbers that float32 does not: they become infinite, which is not valid.
    with np.errstate(all="ignore"):
        for row, source in enumerate(sources):
            for nodata in source.nodata:
                valid[row] &= ~_equals(raw[row], nodata)
            if source.scale == 1 and source.offset == 0:
                values[row] = raw[row]
            else:
                _scale(raw[row], source, values[row])
    if np.issubdtype(raw.dtype, np.floating):
        valid &= np.isfinite(values)
        values[~valid] = 0
    return values, valid


def _scale(raw: np.ndarray, source: BandSource, values: np.ndarray) -> None:
    """Put `raw x scale + offset`, computed in float64, into `values`."""
    # A few rows at a time: what is computed in between stays in the processor's cache.
    lines = max(1, _CACHED_NUMBERS // max(1, raw.shape[1]))
    for start in range(0, len(raw), lines):
        part = slice(start, start + lines)
        values[part] = raw[part].astype(np.float64) * source.scale + source.offset


def _read_raw(
    path: Path, indexes: list[int], window: Window, mask: str | int
) -> tuple[np.ndarray, np.ndarray]:
    region = rasterio.windows.Window(window.col_off, window.row_off, window.width, window.height)
    with POOL.lend(path) as dataset, np.errstate(all="ignore"):
        raw = dataset.read(indexes, window=region)
        if np.iscomplexobj(raw):
            raise ImageryError(
                f"{path}: holds complex numbers; expected real ones (use amplitudes)"
            )
        if mask == "dataset":
            valid = dataset.read_masks(indexes, window=region) > 0
        elif isinstance(mask, int):
            opaque = dataset.read(mask, window=region) > 0
            valid = np.broadcast_to(opaque, raw.shape).copy()
        else:
            valid = np.ones(raw.shape, bool)
    return raw, valid


def _equals(raw: np.ndarray, nodata: float) -> np.ndarray:
    if math.isnan(nodata):
        return np.isnan(raw) if np.issubdtype(raw.dtype, np.floating) else np.zeros(raw.shape, bool)
    if np.issubdtype(raw.dtype, np.floating):
        with np.errstate(all="ignore"):
            return np.asarray(raw == raw.dtype.type(nodata))
    limits = np.iinfo(raw.dtype)
    if not float(nodata).is_integer() or not limits.min <= nodata <= limits.max:
        return np.zeros(raw.shape, bool)
    return np.asarray(raw == raw.dtype.type(int(nodata)))


def _interpolated(
    sources: Sequence[BandSource], geobox: GeoBox, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    box = sources[0].geobox
    height, width = box.shape
    points = points_on(box, geobox, window)
    reach = touched(points.rows, points.cols, box, margin=1)
    shape = (len(sources), *window.shape)
    if reach is None:
        return np.zeros(shape, np.float32), np.zeros(shape, bool)
    values, valid = _read_physical(sources, reach)
    rows, cols = np.floor(points.rows), np.floor(points.cols)
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    near = valid[
        :,
        np.clip(rows - reach.row_off, 0, reach.height - 1).astype(np.intp),
        np.clip(cols - reach.col_off, 0, reach.width - 1).astype(np.intp),
    ]
    blended = _bilinear(np.where(valid, values, 0), points, reach)
    if not valid.all():
        weight = _bilinear(valid.astype(np.float32), points, reach)
        blended = np.divide(blended, weight, out=np.zeros_like(blended), where=weight > 0)
    return blended, near & inside


def _bilinear(values: np.ndarray, points: Points, reach: Window) -> np.ndarray:
    """Values (C, h, w) of `reach` between pixel centres; beyond the outermost centres they stay."""
    row = np.clip(points.rows - 0.5, reach.row_off, reach.row_stop - 1) - reach.row_off
    col = np.clip(points.cols - 0.5, reach.col_off, reach.col_stop - 1) - reach.col_off
    upper, left = np.floor(row).astype(np.intp), np.floor(col).astype(np.intp)
    lower, right = np.minimum(upper + 1, reach.height - 1), np.minimum(left + 1, reach.width - 1)
    down, across = (row - upper).astype(np.float32), (col - left).astype(np.float32)
    if row.shape[1] == 1 and col.shape[0] == 1:
        left, right, across = left[0], right[0], across[0]
        lines = values[:, :, left] * (1 - across) + values[:, :, right] * across
        upper, lower = upper[:, 0], lower[:, 0]
        return np.asarray(lines[:, upper] * (1 - down) + lines[:, lower] * down)
    top = values[:, upper, left] * (1 - across) + values[:, upper, right] * across
    bottom = values[:, lower, left] * (1 - across) + values[:, lower, right] * across
    return np.asarray(top * (1 - down) + bottom * down)
