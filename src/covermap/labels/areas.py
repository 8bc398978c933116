"""Geometries as areas: points become discs, edges of polygons are left out; distances in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd
    import pyproj
    from shapely.geometry.base import BaseGeometry

_POINTS = ("Point", "MultiPoint")
# Lengths of a projected CRS may be wrong by this share; UTM and national grids are within it.
_TRUE = 0.005
_ZONE = 6.0
_STEP_M = 1000.0
_SLANT = 0.5**0.5
# Corners of a quarter of a disc.
_QUARTER = 16


def discs_of_points(table: gpd.GeoDataFrame, radius_m: float) -> gpd.GeoDataFrame:
    """The table with each point as a disc of `radius_m`; other geometries stay."""
    points = table.geometry.geom_type.isin(_POINTS).to_numpy()
    if not points.any():
        return table
    table = table.copy()
    table.loc[points, "geometry"] = buffered(table.geometry[points], radius_m)
    return table


def check_places(image: Any, drawn: np.ndarray) -> str:
    """What to check where drawings lie on no image.

    Parameters
    ----------
    image : odc.geo.geom.BoundingBox
        In degrees.
    drawn : ndarray of float, shape (4,)
        Least longitude and latitude, and greatest ones.
    """
    left, bottom, right, top = drawn
    across = left <= image.top and right >= image.bottom
    if across and bottom <= image.right and top >= image.left:
        return "Longitude and latitude have changed places there: export it again, x before y"
    return "Check the CRS of both"


def repaired(shapes: np.ndarray) -> np.ndarray:
    """Shapes with their crossings mended.

    A spike that would be left as a line drops out: only areas hold pixels.
    """
    import shapely

    return np.asarray(shapely.make_valid(shapes, method="structure", keep_collapsed=False))


def polygons_in(shapes: np.ndarray) -> np.ndarray:
    """All polygons with an area in shapes of any kind, one by one, repaired."""
    import shapely

    parts = shapes[~shapely.is_missing(shapes)]
    # Collections may hold several polygons, those of collections too.
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts = shapely.get_parts(parts)
    drawn = repaired(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    return np.asarray(drawn[shapely.area(drawn) > 0])


def only_polygons(shape: BaseGeometry) -> BaseGeometry:
    """The polygons in a collection as one shape: its lines and points would take pixels as well."""
    import shapely

    return shapely.union_all(polygons_in(np.array([shape])))


def buffered(shapes: gpd.GeoSeries, distance_m: float) -> gpd.GeoSeries:
    """Shapes grown, or shrunk by a negative distance, in their own CRS.

    Measured there where it is true to scale; else each part of a shape is measured in a transverse
    Mercator projection of its own place, in zones of 6 degrees as those of UTM.
    """
    import geopandas as gpd
    import shapely

    if len(shapes) == 0:
        return shapes
    drawn = shapes.to_numpy()
    parts, rows = shapely.get_parts(drawn, return_index=True)
    zones = _zones(parts, shapes.crs)
    moved = np.unique(rows[~np.isnan(zones)])
    grown = drawn.copy()
    stays = np.ones(len(drawn), bool)
    stays[moved] = False
    grown[stays] = _grown(drawn[stays], distance_m / _unit(shapes.crs))
    if len(moved):
        # All parts of a shape, so that it is put together again from all of them.
        chosen = ~stays[rows]
        pieces = _grown_in_zones(parts[chosen], zones[chosen], shapes.crs, distance_m)
        firsts = np.searchsorted(rows[chosen], moved)
        for row, own in zip(moved, np.split(pieces, firsts[1:]), strict=True):
            grown[row] = own[0] if len(own) == 1 else shapely.union_all(own)
    return gpd.GeoSeries(grown, index=shapes.index, crs=shapes.crs)


def _grown(shapes: np.ndarray, distance: float) -> np.ndarray:
    import shapely

    return np.asarray(shapely.buffer(shapes, distance, quad_segs=_QUARTER))


def _grown_in_zones(
    parts: np.ndarray, zones: np.ndarray, crs: pyproj.CRS, distance_m: float
) -> np.ndarray:
    """Parts grown, each in the projection of its zone; in their own CRS where that is NaN."""
    import geopandas as gpd

    stays = np.isnan(zones)
    grown = parts.copy()
    grown[stays] = _grown(parts[stays], distance_m / _unit(crs))
    for zone in np.unique(zones[~stays]):
        inside = zones == zone
        local = _transverse_mercator(crs, zone)
        there = _grown(gpd.GeoSeries(parts[inside], crs=crs).to_crs(local).to_numpy(), distance_m)
        grown[inside] = gpd.GeoSeries(there, crs=local).to_crs(crs).to_numpy()
    return grown


def _zones(parts: np.ndarray, crs: pyproj.CRS) -> np.ndarray:
    """Central meridian of the zone in which each part is measured; NaN where its CRS is true."""
    import shapely

    zones = np.full(len(parts), np.nan)
    if crs.geodetic_crs is None:
        return zones
    left, bottom, right, top = shapely.bounds(parts).T
    x, y = (left + right) / 2, (bottom + top) / 2
    lon, _ = _degrees(crs, x, y)
    off = np.isfinite(lon)
    if not crs.is_geographic:
        off &= _scale_error(crs, x, y) > _TRUE
    zones[off] = np.floor(lon[off] / _ZONE) * _ZONE + _ZONE / 2
    return zones


def _scale_error(crs: pyproj.CRS, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far a metre of a CRS is from one on the ground, in the worst direction, as a share.

    The axes of Tissot's indicatrix out of the lengths of three short lines.
    """
    geod, half = crs.get_geod(), _STEP_M / 2 / _unit(crs)
    assert geod is not None

    def stretch(east: float, north: float) -> np.ndarray:
        before = _degrees(crs, x - half * east, y - half * north)
        after = _degrees(crs, x + half * east, y + half * north)
        return np.asarray(geod.inv(*before, *after)[2]) / _STEP_M

    with np.errstate(invalid="ignore"):
        across, along = stretch(1, 0) ** 2, stretch(0, 1) ** 2
        middle = (across + along) / 2
        apart = np.hypot((across - along) / 2, stretch(_SLANT, _SLANT) ** 2 - middle)
        longest, shortest = np.sqrt(middle + apart), np.sqrt(np.maximum(middle - apart, 0))
    return np.maximum(np.abs(longest - 1), np.abs(shortest - 1))


def _degrees(crs: pyproj.CRS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude on the ellipsoid of a CRS."""
    from pyproj import Transformer

    assert crs.geodetic_crs is not None
    lon, lat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    # A few old maps count in grads.
    unit = crs.geodetic_crs.axis_info[0].unit_conversion_factor
    return np.degrees(np.asarray(lon) * unit), np.degrees(np.asarray(lat) * unit)


def _transverse_mercator(crs: pyproj.CRS, meridian: float) -> pyproj.CRS:
    """On the datum of `crs`: another one would move shapes there and back."""
    from pyproj.crs import ProjectedCRS
    from pyproj.crs.coordinate_operation import TransverseMercatorConversion

    way = TransverseMercatorConversion(
        longitude_natural_origin=meridian, scale_factor_natural_origin=0.9996
    )
    return ProjectedCRS(way, geodetic_crs=crs.geodetic_crs)


def _unit(crs: pyproj.CRS) -> float:
    """Metres of one unit of a projected CRS."""
    return 1.0 if crs.is_geographic else crs.axis_info[0].unit_conversion_factor or 1.0


def without_edges(shapes: gpd.GeoSeries, width_m: float) -> tuple[gpd.GeoSeries, np.ndarray]:
    """Shapes without the ground nearer than `width_m` to their edge; bool (N,): which vanish."""
    inner = buffered(shapes, -width_m)
    return inner, inner.is_empty.to_numpy()


def edges_of(shapes: gpd.GeoSeries, inner: gpd.GeoSeries) -> Any:
    """What `without_edges` took away of each shape."""
    return shapes.difference(inner, align=False)
