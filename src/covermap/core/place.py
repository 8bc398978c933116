"""Where a grid lies on the Earth: its outline in degrees, as GeoJSON means it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import pixel_size_m

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Bounds = tuple[float, float, float, float]
LON_LAT = "OGC:CRS84"

# Points of a grid's side that are projected: a straight side is a curve in degrees. Sides of small
# grids, of which there are many, bend less than a hundredth of their pixels between fewer points.
_POINTS_A_SIDE, _FEWEST_POINTS, _PIXELS_A_POINT = 64, 8, 16
# 1e-7 degrees are a centimetre (RFC 7946 section 11.2).
_DECIMALS = 7
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Place:
    """Where a grid lies, in longitude and latitude (OGC:CRS84).

    Attributes
    ----------
    outline : shapely geometry
        A polygon; two where the grid crosses the antimeridian, cut there (RFC 7946 section 3.1.9).
    bounds : tuple of float
        West, south, east, north in degrees; west is greater than east where the antimeridian lies
        between them (RFC 7946 section 5.2).
    """

    outline: BaseGeometry
    bounds: Bounds


def place_of(geobox: GeoBox) -> Place | None:
    """The outline of a grid on the Earth.

    It follows the grid's sides to half a pixel. A grid that holds a pole gets all that is nearer
    to the pole than its own farthest point.

    Parameters
    ----------
    geobox : GeoBox

    Returns
    -------
    Place or None
        None where there is no CRS, or where the grid's border lies beyond its projection.
    """
    import shapely

    ring = _ring(geobox)
    if ring is None:
        return None
    lon, lat = ring
    if abs(lon[-1] - lon[0]) > 180:
        outline = _around_pole(lat)
        return Place(outline, outline.bounds)
    # The westernmost point decides on which turn around the Earth the outline lies.
    lon = lon - 360 * np.floor((lon.min() + 180) / 360)
    west, south, east, north = (
        float(np.round(end, _DECIMALS)) for end in (lon.min(), lat.min(), lon.max(), lat.max())
    )
    tolerance = 0.5 * pixel_size_m(geobox) / _METRES_PER_DEGREE
    outline = shapely.Polygon(np.column_stack([lon, lat])).simplify(tolerance)
    if east > 180:
        outline = _cut(outline)
        # All around the Earth there is no western end.
        west, east = (west, east - 360) if east - west < 360 else (-180.0, 180.0)
    return Place(_written(outline), (west, south, east, north))


def joined_bounds(bounds: Sequence[Bounds]) -> Bounds:
    """The narrowest bounds that hold all of them, across the antimeridian where that is shorter.

    Parameters
    ----------
    bounds : sequence of tuples
        Not empty; as in `Place`.
    """
    south, north = min(item[1] for item in bounds), max(item[3] for item in bounds)
    # Longitudes counted from the antimeridian and from Greenwich: one of them cuts none, mostly.
    spans = [_span(bounds, start) for start in (-180.0, 0.0)]
    west, east = min(spans, key=lambda span: span[1] - span[0])
    if east - west >= 360:
        return -180.0, south, 180.0, north
    west, east = (round(end - 360 if end > 180 else end, _DECIMALS) for end in (west, east))
    return west, south, east, north


def _span(bounds: Sequence[Bounds], start: float) -> tuple[float, float]:
    """West and east of bounds, with longitudes from `start` on to `start + 360`."""
    wests, easts = [], []
    for west, _, east, _ in bounds:
        width = 360.0 if east - west >= 360 else (east - west) % 360
        wests.append(start + (west - start) % 360)
        easts.append(wests[-1] + width)
    return (min(wests), max(easts)) if max(easts) <= start + 360 else (start, start + 360)


def border(geobox: GeoBox, points: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """X and y along a grid's border in its own CRS, closed; so many points a side, or enough."""
    fitting = max(geobox.shape) // _PIXELS_A_POINT
    points = points or int(np.clip(fitting, _FEWEST_POINTS, _POINTS_A_SIDE))
    along = np.linspace(0, 1, points, endpoint=False)
    none, full = np.zeros_like(along), np.ones_like(along)
    cols = np.concatenate([none, along, full, 1 - along, [0]]) * int(geobox.shape[1])
    rows = np.concatenate([along, full, 1 - along, none, [0]]) * int(geobox.shape[0])
    affine = geobox.affine
    return (
        affine.a * cols + affine.b * rows + affine.c,
        affine.d * cols + affine.e * rows + affine.f,
    )


def _ring(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray] | None:
    """Longitudes and latitudes along a grid's border, closed, without jumps of 360 degrees."""
    from pyproj.exceptions import ProjError

    if geobox.crs is None:
        return None
    try:
        to_degrees = transformer(geobox.crs, LON_LAT)
    except ProjError:
        return None
    lon, lat = to_degrees.transform(*border(geobox))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    return np.unwrap(lon, period=360), np.asarray(lat)


# Grids and chips ask for the same one again and again, and making one takes milliseconds.
@lru_cache(maxsize=64)
def transformer(source: Any, target: Any) -> Any:
    """What takes x and y (longitude and latitude) of one CRS to those of another.

    Raises
    ------
    ProjError
        There is no way from one to the other.
    """
    from pyproj import Transformer

    one, other = (getattr(crs, "proj", crs) for crs in (source, target))
    return Transformer.from_crs(one, other, always_xy=True)


def _around_pole(lat: np.ndarray) -> BaseGeometry:
    import shapely

    if lat.mean() > 0:
        return _written(shapely.box(-180, lat.min(), 180, 90))
    return _written(shapely.box(-180, -90, 180, lat.max()))


def _cut(outline: BaseGeometry) -> BaseGeometry:
    """An outline that reaches beyond 180 degrees east, as its two parts."""
    import shapely

    here = outline.intersection(shapely.box(-180, -90, 180, 90))
    beyond = outline.intersection(shapely.box(180, -90, 540, 90))
    moved = shapely.transform(beyond, lambda points: points - (360, 0))
    return shapely.MultiPolygon([*_polygons(here), *_polygons(moved)])


def _polygons(geometry: BaseGeometry) -> list[BaseGeometry]:
    parts = getattr(geometry, "geoms", [geometry])
    return [part for part in parts if part.geom_type == "Polygon"]


def _written(outline: BaseGeometry) -> BaseGeometry:
    """Rounded, and with outer rings counterclockwise (RFC 7946 section 3.1.6)."""
    import shapely
    from shapely.geometry.polygon import orient

    rounded = shapely.transform(outline, lambda points: np.round(points, _DECIMALS))
    parts = [orient(part) for part in _polygons(rounded)]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
