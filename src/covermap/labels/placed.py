"""Drawings in the CRS of a grid: what lies far around the Earth, and beyond the antimeridian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.labels.areas import repaired

if TYPE_CHECKING:
    import geopandas as gpd
    import pyproj
    from shapely.geometry.base import BaseGeometry

# A shape wider than this reaches where a projection folds or ends; so far around the area that a
# CRS is meant for nothing does.
_WIDE_DEGREES, _AROUND_DEGREES, _STEP_DEGREES = 90.0, 25.0, 0.5
# Shapes of a projected CRS that are larger than this may go around the Earth.
_LARGE_M = 5e6
_HALF, _TURN = 180.0, 360.0


def placed_on(table: gpd.GeoDataFrame, geobox: GeoBox) -> gpd.GeoDataFrame:
    """A table in the CRS of a grid, each shape wherever the grid's coordinates show it.

    A grid in degrees that crosses the antimeridian counts on beyond 180 degrees, or begins before
    -180: shapes of the other side lie there as well.
    """
    moved = moved_to(table, str(geobox.crs))
    if goes_beyond(geobox) or (moved.crs.is_geographic and _beyond(*moved.total_bounds[::2])):
        return moved.set_geometry(_on_all_turns(moved.geometry.to_numpy()), crs=moved.crs)
    return moved


def goes_beyond(geobox: GeoBox) -> bool:
    """Whether a grid in degrees has longitudes beyond those from -180 to 180."""
    box = geobox.boundingbox
    return bool(geobox.crs.geographic) and _beyond(box.left, box.right)


def moved_to(table: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    """A table in another CRS.

    Of shapes in degrees that reach far around the Earth, as oceans do, only what lies near the area
    that a projected CRS is meant for is kept: the rest would be folded over it, and with a corner
    that has no place there the shape is lost. Shapes of a projected CRS that cross the antimeridian
    have longitudes beyond 180 degrees.
    """
    from pyproj import CRS

    wanted = CRS(crs)
    if table.crs is None:
        return table.to_crs(crs)
    if wanted.is_geographic and not table.crs.is_geographic:
        return _unrolled(table, table.to_crs(crs))
    meant = wanted.area_of_use
    if not table.crs.is_geographic or wanted.is_geographic or meant is None:
        return table.to_crs(crs)
    return _cut_around(table, meant).to_crs(crs)


def _beyond(left: float, right: float) -> bool:
    # What a file writes for 180 may be off by a rounding error.
    return bool(left < -_HALF - 1e-9 or right > _HALF + 1e-9)


def _on_all_turns(shapes: np.ndarray) -> np.ndarray:
    """Shapes in degrees together with themselves a turn to the west and to the east."""
    import shapely

    turned = [
        shapely.transform(shapes, lambda xy, x=x: np.add(xy, (x, 0))) for x in (-_TURN, 0, _TURN)
    ]
    return np.asarray(shapely.union_all(np.array(turned), axis=0))


def _unrolled(before: gpd.GeoDataFrame, moved: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Shapes that came out as wide as the Earth, because they cross the antimeridian, put right."""
    import shapely

    shapes = moved.geometry.to_numpy()
    left, _, right, _ = shapely.bounds(shapes).T
    sides = np.ptp(shapely.bounds(before.geometry.to_numpy()).reshape(-1, 2, 2), axis=1)
    with np.errstate(invalid="ignore"):
        torn = (right - left > _HALF) & (sides * _unit(before.crs) < _LARGE_M).all(axis=1)
    if not torn.any():
        return moved
    shapes = shapes.copy()
    shapes[torn] = shapely.transform(
        shapes[torn], lambda xy: np.column_stack([xy[:, 0] % _TURN, xy[:, 1]])
    )
    return moved.set_geometry(shapes, crs=moved.crs)


def _unit(crs: pyproj.CRS) -> float:
    return crs.axis_info[0].unit_conversion_factor or 1.0


def _cut_around(table: gpd.GeoDataFrame, meant: Any) -> gpd.GeoDataFrame:
    """A table in degrees, of whose widest shapes only what lies near an area of use is left."""
    import shapely

    shapes = table.geometry.to_numpy()
    bounds = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        wide = (bounds[:, 2:] - bounds[:, :2] > _WIDE_DEGREES).any(axis=1)
    if not wide.any():
        return table
    near = _degrees_around(meant.west, meant.south, meant.east, meant.north)
    shapes = shapes.copy()
    cut = shapely.intersection(repaired(shapes[wide]), near)
    shapes[wide] = shapely.segmentize(cut, _STEP_DEGREES)
    return table.set_geometry(shapes, crs=table.crs)


def _degrees_around(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """What lies around a box of degrees, on any turn from -360 to 360."""
    import shapely

    east += _TURN if east < west else 0
    left, right = west - _AROUND_DEGREES, east + _AROUND_DEGREES
    bottom, top = max(south - _AROUND_DEGREES, -90), min(north + _AROUND_DEGREES, 90)
    if right - left >= _TURN:
        left, right = -_TURN, _TURN
    turns = [shapely.box(left + turn, bottom, right + turn, top) for turn in (-_TURN, 0, _TURN)]
    return shapely.union_all(turns)
