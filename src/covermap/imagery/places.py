"""Where pixels of one grid lie on another, across projections and the antimeridian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, whole

# Degrees after which longitudes mean the same place again: 180.1 is -179.9.
TURN = 360.0
# No grid has so many pixels: points further away are those that a projection does not know.
_FAR = 1e9


@dataclass(frozen=True)
class Points:
    """Pixel centres of a window in a source's pixel coordinates; (H, 1) and (1, W), or (H, W)."""

    rows: np.ndarray
    cols: np.ndarray


def has_place(geobox: GeoBox) -> bool:
    """Whether a file says where its pixels lie, be it in an unknown CRS."""
    return geobox.crs is not None or geobox.affine != Affine.identity()


def points_on(source: GeoBox, geobox: GeoBox, window: Window) -> Points:
    """Where the pixel centres of a window of `geobox` lie on the grid of a source.

    Where one of the two has no CRS, both are taken to have the same. In degrees a point lies at the
    one of its longitudes that is nearest to the middle of the source.
    """
    cols = (np.arange(window.col_off, window.col_stop) + 0.5)[None, :]
    rows = (np.arange(window.row_off, window.row_stop) + 0.5)[:, None]
    back: Affine = ~source.affine
    if source.crs == geobox.crs or source.crs is None or geobox.crs is None:
        step: Affine = back @ geobox.affine
        upright = step.b == 0 and step.d == 0
        turns = TURN * turns_to(source, geobox, window)
        points = Points(
            step.e * rows + step.f if upright else step.d * cols + step.e * rows + step.f,
            step.a * cols + step.c if upright else step.a * cols + step.b * rows + step.c,
        )
        if not turns.any():
            return points
        return Points(points.rows + back.d * turns, points.cols + back.a * turns)
    x, y = geobox.affine @ (cols + 0 * rows, rows + 0 * cols)
    x, y = geobox.crs.transformer_to_crs(source.crs)(x, y)
    # Points that the source's projection does not know are far outside of it.
    x, y = (np.where(np.isfinite(axis), axis, 1e30) for axis in (x, y))
    if source.crs.geographic:
        x = x + TURN * _turns_between(x, source)
    return Points(back.d * x + back.e * y + back.f, back.a * x + back.b * y + back.c)


def turns_to(source: GeoBox, geobox: GeoBox, window: Window) -> np.ndarray:
    """Whole turns around the Earth that take longitudes of a window to the side of a source.

    Both have the same CRS; shape (1, 1), (1, W) or (H, W).
    """
    if source.crs is None or geobox.crs is None or not source.crs.geographic:
        return np.zeros((1, 1))
    cols = (np.arange(window.col_off, window.col_stop) + 0.5)[None, :]
    rows = (np.arange(window.row_off, window.row_stop) + 0.5)[:, None]
    x = geobox.affine.a * cols + geobox.affine.c
    return _turns_between(x if geobox.affine.b == 0 else x + geobox.affine.b * rows, source)


def touched(rows: np.ndarray, cols: np.ndarray, box: GeoBox, margin: int) -> Window | None:
    """The part of a source that points in its pixel coordinates need, or None."""
    inner_rows = rows[(rows > -1) & (rows < box.shape[0] + 1)]
    inner_cols = cols[(cols > -1) & (cols < box.shape[1] + 1)]
    if inner_rows.size == 0 or inner_cols.size == 0:
        return None
    top, left = math.floor(inner_rows.min()) - margin, math.floor(inner_cols.min()) - margin
    bottom, right = math.floor(inner_rows.max()) + margin, math.floor(inner_cols.max()) + margin
    return Window(top, left, bottom - top + 1, right - left + 1).intersection(whole(box))


def centres_inside(grid: GeoBox, part: Window, geobox: GeoBox, window: Window) -> np.ndarray:
    """Which pixels of a window of `geobox` have their centre in a part of `grid`; bool (H, W)."""
    points = points_on(grid, geobox, window)
    rows = (points.rows >= part.row_off) & (points.rows < part.row_stop)
    return np.broadcast_to(
        rows & (points.cols >= part.col_off) & (points.cols < part.col_stop), window.shape
    )


def window_around(grid: GeoBox, geobox: GeoBox, window: Window) -> Window:
    """The window of `grid`, which it may leave, that holds all of a window of `geobox`."""
    points = points_on(grid, geobox, window.expanded(1))
    known = np.isfinite(points.rows) & np.isfinite(points.cols)
    known &= (np.abs(points.rows) < _FAR) & (np.abs(points.cols) < _FAR)
    rows = np.broadcast_to(points.rows, known.shape)[known]
    cols = np.broadcast_to(points.cols, known.shape)[known]
    if not rows.size:
        return Window(0, 0, 0, 0)
    top, left = math.floor(rows.min()), math.floor(cols.min())
    return Window(top, left, math.floor(rows.max()) + 1 - top, math.floor(cols.max()) + 1 - left)


def _turns_between(x: np.ndarray, source: GeoBox) -> np.ndarray:
    height, width = source.shape
    middle, _ = source.affine @ (width / 2, height / 2)
    return np.where(np.abs(x) < _FAR, np.rint((middle - x) / TURN), 0)
