"""One map of many scenes: their probabilities averaged on a common grid, so that no seam shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry

from covermap.core.errors import ImageryError, OutputError
from covermap.core.grid import Window, WindowIndex, tiles, whole, window_geobox
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.imagery.raster import Band
from covermap.imagery.sources import BandSource, read_sources
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Scratch, encode

# Over how many pixels from its edge on a scene takes its full part.
RAMP_PIXELS = 64
_WINDOW = 512
# Pixels of a footprint's side that are projected: the sides are curves on another projection.
_POINTS_A_SIDE = 64
# A corner that lies on the lattice but for rounding adds no row.
_ROUNDING = 1e-3
# Scenes may leave gaps; where they leave almost nothing else, they were not meant to be one map.
_LARGEST_GAPS = 200


@dataclass(frozen=True)
class Part:
    """What a scene gives to a mosaic.

    Attributes
    ----------
    name : str
        Of the scene; parts are added up in the order of names, whatever order they are given in.
    path : Path
        A file of float32 with a band for each class's probability, or one of values; NaN where the
        scene is not valid.
    geobox : GeoBox
        The scene's grid.
    bands : int
        K, bands of the file.
    """

    name: str
    path: Path
    geobox: GeoBox
    bands: int

    @property
    def sources(self) -> list[BandSource]:
        return [
            BandSource(Band(str(k), "index"), self.path, k, self.geobox, nodata=(math.nan,))
            for k in range(1, self.bands + 1)
        ]


def common_grid(geoboxes: Sequence[GeoBox], names: Sequence[str]) -> GeoBox:
    """The first grid, extended to hold all of them.

    Parameters
    ----------
    geoboxes : sequence of GeoBox
        Not empty; in any CRS.
    names : sequence of str
        What they are called in messages.

    Raises
    ------
    ImageryError
        A scene has no CRS, or they are so far apart that the mosaic would be a few specks.
    """
    for geobox, name in zip(geoboxes, names, strict=True):
        if geobox.crs is None:
            raise ImageryError(
                f"{name}: has no CRS, so its place in a mosaic is not known; expected "
                "georeferenced scenes. Map it by itself: --out FOLDER"
            )
    first = geoboxes[0]
    spans = np.array([_span_on(first, geobox) for geobox in geoboxes])
    top, left = np.floor(spans[:, :2].min(axis=0) + _ROUNDING).astype(int)
    bottom, right = np.ceil(spans[:, 2:].max(axis=0) - _ROUNDING).astype(int)
    grid = window_geobox(first, Window(int(top), int(left), int(bottom - top), int(right - left)))
    held = sum((span[2] - span[0]) * (span[3] - span[1]) for span in spans)
    if math.prod(grid.shape) > _LARGEST_GAPS * held:
        raise ImageryError(
            f"{names[0]} and the other scenes are so far apart that they fill less than "
            f"{1 / _LARGEST_GAPS:.1%} of their mosaic; map groups of neighbours, or --out FOLDER"
        )
    return grid


def merge(
    parts: Sequence[Part],
    grid: GeoBox,
    scratch: Scratch,
    legend: Legend,
    settings: MapSettings,
    title: str,
    ramp: int = RAMP_PIXELS,
) -> None:
    """Write the weighted mean of all parts that see a pixel to scratch files on `grid`.

    The probability of class k at a pixel is sum(w_s P_sk) / sum(w_s) over the scenes s that are
    valid there, with w_s = min(d_s, ramp) / ramp, where d_s is the distance, in pixels of the grid,
    to the nearest pixel at which scene s is not valid: beyond its border, nodata, cloud. So each
    scene fades out towards its edges and holes. Where one scene alone is valid its probabilities
    stand unchanged; where none is there is nodata.

    Scenes on another lattice are interpolated as imagery is (bilinearly between valid pixels; valid
    is a pixel whose centre lies in a valid one). Memory holds a window of the grid, whatever the
    number of scenes.

    Parameters
    ----------
    parts : sequence of Part
    grid : GeoBox
    scratch : Scratch
        Created, on `grid`.
    legend : Legend
    settings : MapSettings
    title : str
        Shown by the progress bar.
    ramp : int
        Pixels, at least 1.
    """
    ordered = sorted(parts, key=lambda part: part.name)
    reaches = WindowIndex(_window_on(grid, part.geobox) for part in ordered)
    windows = list(tiles(whole(grid), _WINDOW))
    with progress(title, len(windows), "windows") as bar, scratch.opened() as writer:
        for window in windows:
            here = [ordered[place] for place in reaches.met_by(window)]
            shares, wanted = _mean(here, grid, window, ramp)
            if wanted.any():
                writer.write(window, encode(shares, wanted, legend, settings))
            bar.advance()


def feather(valid: np.ndarray, ramp: int) -> np.ndarray:
    """Weights, 0 to 1, that rise over `ramp` pixels from invalid ones on.

    Parameters
    ----------
    valid : ndarray of bool, shape (H, W)
        What lies beyond it is taken as valid: give a margin of `ramp`.
    ramp : int
        Pixels.
    """
    from scipy.ndimage import distance_transform_edt

    if valid.all():
        return np.ones(valid.shape)
    return np.asarray(np.minimum(distance_transform_edt(valid), ramp) / ramp)


def _mean(
    parts: Sequence[Part], grid: GeoBox, window: Window, ramp: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean (K, h, w), float32, of parts in a window, and where there is any."""
    bands = parts[0].bands if parts else 1
    # float64, so that weight times value by weight is the value again where one part is alone.
    total = np.zeros((bands, *window.shape))
    weights = np.zeros(window.shape)
    around = window.expanded(ramp)
    inner = window.relative_to(around).slices
    for part in parts:
        values, valid = read_sources(part.sources, grid, around)
        weight = feather(valid[0], ramp)[inner]
        weights += weight
        for k in range(bands):
            total[k] += weight * values[k][inner]
    wanted = weights > 0
    np.divide(total, weights, out=total, where=wanted)
    return total.astype(np.float32), wanted


def _window_on(grid: GeoBox, geobox: GeoBox) -> Window:
    top, left, bottom, right = _span_on(grid, geobox)
    row, col = math.floor(top), math.floor(left)
    return Window(row, col, math.ceil(bottom) - row, math.ceil(right) - col)


def _span_on(grid: GeoBox, geobox: GeoBox) -> tuple[float, float, float, float]:
    """First row, first column, last row and last column that a grid takes of another's lattice."""
    footprint = geobox.extent if geobox.crs == grid.crs else _projected(geobox, grid)
    xs, ys = np.array(footprint.geom.exterior.coords).T[:2]
    if grid.crs.geographic and np.isfinite(xs).all():
        if geobox.crs != grid.crs:
            xs = _unwrapped(xs, geobox, grid)
        box = grid.extent.boundingbox
        # On the grid's side of the antimeridian: 180.1 is -179.9.
        xs = xs + 360 * round(((box.left + box.right) - (xs.min() + xs.max())) / 720)
    cols, rows = ~grid.affine @ (xs, ys)
    if not (np.isfinite(cols).all() and np.isfinite(rows).all()):
        raise OutputError(
            f"a scene in {geobox.crs} has no place in {grid.crs}, the CRS of the first scene; name "
            "another scene first, or map groups of neighbours"
        )
    return float(rows.min()), float(cols.min()), float(rows.max()), float(cols.max())


def _unwrapped(lon: np.ndarray, geobox: GeoBox, grid: GeoBox) -> np.ndarray:
    """Longitudes along a footprint without a jump at the antimeridian."""
    lon = np.unwrap(lon, period=360)
    # Around a pole the footprint does not close.
    if np.ptp(lon) > 180 or abs(lon[-1] - lon[0]) > 180:
        raise OutputError(
            f"a scene in {geobox.crs} reaches around a pole, so that in {grid.crs}, the CRS of the "
            "first scene, it would be as wide as the Earth; name another scene first, or map "
            "groups of neighbours"
        )
    return lon


def _projected(geobox: GeoBox, grid: GeoBox) -> Geometry:
    side = max(geobox.extent.boundingbox.span_x, geobox.extent.boundingbox.span_y)
    return geobox.extent.to_crs(grid.crs, resolution=side / _POINTS_A_SIDE)
