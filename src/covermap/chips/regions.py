"""Regions of the ground as polygons: which one each pixel of any grid lies in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

OUTSIDE = -1
# Between points so far apart a side bends by less than a metre.
_STEP_M, _STEP_DEGREES = 2000.0, 0.02


@dataclass(frozen=True)
class Regions:
    """Polygons, each a piece of one region.

    Attributes
    ----------
    shapes : ndarray of object, shape (N,)
        Shapely polygons; where two overlap, the later one has the ground.
    crs : str
        Of the shapes, as WKT.
    region_of : ndarray of int32, shape (N,)
        Number of the region of each shape.
    part_of : ndarray of int16, shape (R,)
        Code of the part of each region; -1 for none.
    """

    shapes: np.ndarray
    crs: str
    region_of: np.ndarray
    part_of: np.ndarray
    _by_crs: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def numbers(self, geobox: GeoBox) -> np.ndarray:
        """Number of the region that holds each pixel's centre, int32 (H, W); -1 outside all."""
        from rasterio.features import rasterize

        shapes, near = self._near(geobox)
        numbers = np.full(tuple(int(n) for n in geobox.shape), OUTSIDE, dtype=np.int32)
        if len(near):
            rasterize(
                ((shapes[place], int(self.region_of[place])) for place in near),
                out=numbers,
                transform=geobox.affine,
            )
        return numbers

    def parts(self, geobox: GeoBox) -> np.ndarray:
        """Code of the part of each pixel, int32 (H, W); -1 outside all regions."""
        return np.append(self.part_of, OUTSIDE)[self.numbers(geobox)].astype(np.int32)

    def in_crs(self, crs: Any) -> np.ndarray:
        """The shapes in another CRS, object (N,).

        What is straight in one CRS bends in another: sides get points between their corners, or
        scenes of two CRS would not agree on which region a pixel is of.
        """
        import geopandas as gpd

        drawn = gpd.GeoSeries(list(self.shapes), crs=self.crs)
        if drawn.crs.equals(crs):
            return drawn.to_numpy()
        unit = drawn.crs.axis_info[0].unit_conversion_factor or 1.0
        step = _STEP_DEGREES if drawn.crs.is_geographic else _STEP_M / unit
        return drawn.segmentize(step).to_crs(crs).to_numpy()

    def _near(self, geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
        """The shapes in a grid's CRS, and places of those that may meet the grid, in order."""
        import shapely

        key = str(geobox.crs)
        if key not in self._by_crs:
            shapes = self.in_crs(key)
            self._by_crs[key] = (shapes, shapely.STRtree(shapes))
        shapes, tree = self._by_crs[key]
        return shapes, np.sort(tree.query(geobox.extent.geom, predicate="intersects"))
