"""Geometries as areas: points become discs, edges of polygons are left out; distances in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd

_POINTS = ("Point", "MultiPoint")


def discs_of_points(table: gpd.GeoDataFrame, radius_m: float) -> gpd.GeoDataFrame:
    """The table with each point as a disc of `radius_m`; other geometries stay."""
    points = table.geometry.geom_type.isin(_POINTS).to_numpy()
    if not points.any():
        return table
    table = table.copy()
    table.loc[points, "geometry"] = buffered(table.geometry[points], radius_m)
    return table


def buffered(shapes: gpd.GeoSeries, distance_m: float) -> gpd.GeoSeries:
    """Shapes grown, or shrunk by a negative distance, in their own CRS.

    Measured in the shapes' CRS where it is projected, else in the UTM zone of their middle.
    """
    if len(shapes) == 0:
        return shapes
    crs = shapes.crs
    if crs.is_projected:
        return shapes.buffer(distance_m / (crs.axis_info[0].unit_conversion_factor or 1.0))
    zone = shapes.estimate_utm_crs()
    return shapes.to_crs(zone).buffer(distance_m).to_crs(crs)


def without_edges(shapes: gpd.GeoSeries, width_m: float) -> tuple[gpd.GeoSeries, np.ndarray]:
    """Shapes without the ground nearer than `width_m` to their edge; bool (N,): which vanish."""
    inner = buffered(shapes, -width_m)
    return inner, inner.is_empty.to_numpy()


def edges_of(shapes: gpd.GeoSeries, inner: gpd.GeoSeries) -> Any:
    """What `without_edges` took away of each shape."""
    return shapes.difference(inner, align=False)
