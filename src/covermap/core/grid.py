"""Windows and pixel sizes on odc-geo's GeoBox, the one grid of the program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod

_WGS84 = Geod(ellps="WGS84")


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
    affine = geobox.affine * Affine.translation(window.col_off, window.row_off)
    return GeoBox(window.shape, affine, geobox.crs)


def resolution_m(geobox: GeoBox) -> tuple[float, float]:
    """Width and height of a pixel in metres at the middle of the grid.

    Geographic grids are measured on the ellipsoid (WGS 84); a picture without a CRS has pixels of
    1 by 1.
    """
    if geobox.crs is None:
        return 1.0, 1.0
    affine = geobox.affine
    if not geobox.crs.geographic:
        unit = geobox.crs.proj.axis_info[0].unit_conversion_factor or 1.0
        return (
            float(np.hypot(affine.a, affine.d)) * unit,
            float(np.hypot(affine.b, affine.e)) * unit,
        )
    row, col = geobox.shape[0] / 2, geobox.shape[1] / 2
    lon, lat = affine * (col, row)
    lon_x, lat_x = affine * (col + 1, row)
    lon_y, lat_y = affine * (col, row + 1)
    width = _WGS84.inv(lon, lat, lon_x, lat_x)[2]
    height = _WGS84.inv(lon, lat, lon_y, lat_y)[2]
    return float(width), float(height)


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


def row_areas_m2(geobox: GeoBox) -> np.ndarray:
    """Area of one pixel of each row in square metres, shape (H,), float64.

    In a geographic grid pixels shrink towards the poles, so each row has an area of its own
    (ellipsoid WGS 84); elsewhere all rows are equal. Projected grids are taken at their nominal
    scale.
    """
    height = int(geobox.shape[0])
    width_m, height_m = resolution_m(geobox)
    if geobox.crs is None or not geobox.crs.geographic:
        return np.full(height, width_m * height_m)
    affine, col = geobox.affine, geobox.shape[1] / 2
    rows = np.arange(height) + 0.5
    lon, lat = (
        affine.a * col + affine.b * rows + affine.c,
        affine.d * col + affine.e * rows + affine.f,
    )
    across = _WGS84.inv(lon, lat, lon + affine.a, lat + affine.d)[2]
    along = _WGS84.inv(lon, lat, lon + affine.b, lat + affine.e)[2]
    return np.asarray(across) * np.asarray(along)


def same_lattice(one: GeoBox, other: GeoBox, tolerance: float = 1e-3) -> tuple[int, int] | None:
    """Row and column of `other`'s origin on `one`, when their pixels coincide; else None.

    `tolerance` is in pixels.
    """
    if one.crs != other.crs:
        return None
    step = ~one.affine * other.affine
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
