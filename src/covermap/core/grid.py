"""Windows and pixel sizes on odc-geo's GeoBox, the one grid of the program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Geod

_WGS84 = Geod(ellps="WGS84")
# Projections whose scale is off by more are measured on the ground; UTM's is by 0.0004.
_TRUE_TO_SCALE = 0.01


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of pixels; may reach beyond the grid it belongs to."""

    row_off: int
    col_off: int
    height: int
    width: int

    @property
    def row_stop(self) -> int:
        return self.row_off + self.height

    @property
    def col_stop(self) -> int:
        return self.col_off + self.width

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices of an array that starts at pixel (0, 0)."""
        return slice(self.row_off, self.row_stop), slice(self.col_off, self.col_stop)

    def intersection(self, other: Window) -> Window | None:
        """The common rectangle, or None when there is no common pixel."""
        row, col = max(self.row_off, other.row_off), max(self.col_off, other.col_off)
        height = min(self.row_stop, other.row_stop) - row
        width = min(self.col_stop, other.col_stop) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None

    def expanded(self, margin: int) -> Window:
        """Grown by `margin` pixels on each side."""
        return Window(
            self.row_off - margin,
            self.col_off - margin,
            self.height + 2 * margin,
            self.width + 2 * margin,
        )

    def relative_to(self, outer: Window) -> Window:
        """The same pixels counted from the upper left corner of `outer`."""
        return Window(
            self.row_off - outer.row_off, self.col_off - outer.col_off, self.height, self.width
        )


class WindowIndex:
    """Many windows of one grid, of which those that a window meets are found without a search."""

    def __init__(self, windows: Iterable[Window]) -> None:
        from shapely import STRtree, box

        self._windows = tuple(windows)
        sides = np.array([_sides(window) for window in self._windows]).reshape(-1, 4)
        self._tree = STRtree(box(*sides.T))

    def met_by(self, window: Window) -> list[int]:
        """Places, in their order, of the windows that have a pixel in common with `window`."""
        from shapely import box

        # The tree counts common sides as well.
        near = sorted(self._tree.query(box(*_sides(window))).tolist())
        return [place for place in near if self._windows[place].intersection(window) is not None]


def _sides(window: Window) -> tuple[int, int, int, int]:
    return window.col_off, window.row_off, window.col_stop, window.row_stop


def whole(geobox: GeoBox) -> Window:
    """The window that covers a grid exactly."""
    return Window(0, 0, int(geobox.shape[0]), int(geobox.shape[1]))


def tiles(window: Window, size: int) -> Iterator[Window]:
    """Windows of `size` from the upper left corner on, row by row; the last ones are cut."""
    for row in range(window.row_off, window.row_stop, size):
        for col in range(window.col_off, window.col_stop, size):
            yield Window(
                row, col, min(size, window.row_stop - row), min(size, window.col_stop - col)
            )


def window_geobox(geobox: GeoBox, window: Window) -> GeoBox:
    """The grid of a window, also where it reaches beyond `geobox`."""
    affine = geobox.affine @ Affine.translation(window.col_off, window.row_off)
    return GeoBox(window.shape, affine, geobox.crs)


def resolution_m(geobox: GeoBox) -> tuple[float, float]:
    """Width and height of a pixel in metres at the middle of the grid.

    Geographic grids are measured on the ellipsoid (WGS 84), and so are projected ones that are not
    true to scale there, as Web Mercator is far from the equator; a picture without a CRS has pixels
    of 1 by 1.
    """
    if geobox.crs is None:
        return 1.0, 1.0
    measured = _measured_m(geobox)
    if geobox.crs.geographic:
        return measured
    drawn = _drawn_m(geobox)
    return drawn if _agree(drawn, measured) else measured


def is_true_to_scale(geobox: GeoBox) -> bool:
    """Whether a unit of a projected grid is as long on the ground, in the middle of the grid."""
    if geobox.crs is None or geobox.crs.geographic:
        return False
    return _agree(_drawn_m(geobox), _measured_m(geobox))


def _drawn_m(geobox: GeoBox) -> tuple[float, float]:
    """Width and height of a pixel in metres as a projected CRS draws them."""
    affine, unit = geobox.affine, geobox.crs.proj.axis_info[0].unit_conversion_factor or 1.0
    return (
        float(np.hypot(affine.a, affine.d)) * unit,
        float(np.hypot(affine.b, affine.e)) * unit,
    )


def _measured_m(geobox: GeoBox) -> tuple[float, float]:
    """Width and height in metres of the middle pixel on the ellipsoid; not finite off the Earth."""
    row, col = geobox.shape[0] / 2, geobox.shape[1] / 2
    x, y = np.transpose([geobox.affine @ place for place in
                         ((col, row), (col + 1, row), (col, row + 1))])  # fmt: skip
    if not geobox.crs.geographic:
        if geobox.crs.proj.geodetic_crs is None:
            return math.nan, math.nan
        x, y = geobox.crs.transformer_to_crs(CRS("EPSG:4326"))(x, y)
    (lon, lon_x, lon_y), (lat, lat_x, lat_y) = x, y
    width = _WGS84.inv(lon, lat, lon_x, lat_x)[2]
    height = _WGS84.inv(lon, lat, lon_y, lat_y)[2]
    return float(width), float(height)


def _agree(drawn: tuple[float, float], measured: tuple[float, float]) -> bool:
    """Whether two sizes are alike; what could not be measured does not contradict."""
    return all(
        not math.isfinite(true) or math.isclose(own, true, rel_tol=_TRUE_TO_SCALE)
        for own, true in zip(drawn, measured, strict=True)
    )


def shortest_side_m(geobox: GeoBox) -> float:
    """The shortest side that a pixel has anywhere on the grid, in metres.

    In a geographic grid pixels are narrowest in the row that is nearest to a pole.
    """
    corners = product((0, int(geobox.shape[0]) - 1), (0, int(geobox.shape[1]) - 1))
    pixels = (window_geobox(geobox, Window(row, col, 1, 1)) for row, col in corners)
    return min(min(resolution_m(pixel)) for pixel in pixels)


def pixel_size_m(geobox: GeoBox) -> float:
    """Geometric mean of a pixel's width and height in metres."""
    width, height = resolution_m(geobox)
    return float(np.sqrt(width * height))


def same_lattice(one: GeoBox, other: GeoBox, tolerance: float = 1e-3) -> tuple[int, int] | None:
    """Row and column of `other`'s origin on `one`, when their pixels coincide; else None.

    `tolerance` is in pixels.
    """
    if one.crs != other.crs:
        return None
    step = ~one.affine @ other.affine
    scale_ok = np.allclose(
        [step.a, step.b, step.d, step.e],
        [1, 0, 0, 1],
        rtol=0,
        atol=tolerance / max(*one.shape, *other.shape, 1),
    )
    row, col = round(step.f), round(step.c)
    if not scale_ok or abs(step.f - row) > tolerance or abs(step.c - col) > tolerance:
        return None
    return row, col
