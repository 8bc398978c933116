"""Which pixels of a grid lie in an area, window by window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


class Ground:
    """Which pixels of a grid lie in the wanted area, by their centres.

    What a window costs does not grow with the area's corners far from it. A centre that lies on an
    outline to the last bits of its numbers is inside or outside as these are rounded.

    Parameters
    ----------
    geobox : GeoBox
    area : shapely geometry, or None
        In the grid's CRS; only its polygons hold pixels. None: everywhere.
    """

    def __init__(self, geobox: GeoBox, area: BaseGeometry | None) -> None:
        self._area = None
        if area is not None:
            from shapely import prepare
            from shapely.affinity import affine_transform

            # In pixels every grid is upright, so rotated and south-up scenes need no care.
            to_pixels = ~geobox.affine
            self._area = affine_transform(
                area,
                [to_pixels.a, to_pixels.b, to_pixels.d, to_pixels.e, to_pixels.c, to_pixels.f],
            )
            prepare(self._area)

    def touches(self, window: Window) -> bool:
        """Whether any of the area lies in a window; quick, so that tiles need not be read."""
        return self._area is None or bool(self._area.intersects(_box(window)))

    def mask(self, window: Window) -> np.ndarray:
        """Bool (height, width) of a window."""
        if self._area is None or self._area.contains(_box(window)):
            return np.ones(window.shape, dtype=bool)
        shapes = self._outlines.near(window) if self.touches(window) else []
        if not shapes:
            return np.zeros(window.shape, dtype=bool)
        from rasterio.features import rasterize

        shift = Affine.translation(window.col_off, window.row_off)
        burnt = rasterize(shapes, out_shape=window.shape, transform=shift, dtype="uint8")
        return np.asarray(burnt == 1)

    @cached_property
    def _outlines(self) -> _Outlines:
        return _Outlines.of(self._area)


@dataclass(frozen=True)
class _Outlines:
    """Rings of polygons as arrays (N, 2) of x and y, the first one not repeated at the end.

    `bounds` (P, 4) are the polygons' first x, first y, last x and last y.
    """

    rings: tuple[tuple[np.ndarray, ...], ...]
    bounds: np.ndarray

    @classmethod
    def of(cls, area: BaseGeometry) -> _Outlines:
        import shapely

        parts = np.array([area])
        # Collections may hold several polygons, those of collections too.
        while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
            parts = shapely.get_parts(parts)
        polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
        parts = parts[polygon & ~shapely.is_empty(parts)]
        rings = tuple(
            tuple(shapely.get_coordinates(ring)[:-1] for ring in shapely.get_rings(part))
            for part in parts
        )
        return cls(rings, shapely.bounds(parts).reshape(-1, 4))

    def near(self, window: Window) -> list[dict[str, object]]:
        """Polygons (GeoJSON) that hold the same pixels of a window, with few corners beyond it."""
        frame = window.expanded(1)
        low, high = (frame.col_off, frame.row_off), (frame.col_stop, frame.row_stop)
        met = (self.bounds[:, :2] <= high).all(axis=1) & (self.bounds[:, 2:] >= low).all(axis=1)
        shapes: list[dict[str, object]] = []
        for number in np.flatnonzero(met):
            kept = [_trimmed(ring, low, high) for ring in self.rings[number]]
            lines = [np.vstack([ring, ring[:1]]).tolist() for ring in kept if len(ring) > 2]
            if lines:
                shapes.append({"type": "Polygon", "coordinates": lines})
        return shapes


def _trimmed(ring: np.ndarray, low: tuple[int, int], high: tuple[int, int]) -> np.ndarray:
    """A ring without its corners beyond a frame that change no pixel in it.

    Of corners in a row that all lie beyond one side of the frame, the first and the last do: the
    way between them, whatever it is, stays beyond that side. Sides that meet the frame stand
    unchanged to the last bit, so that windows cut the same area.
    """
    for axis in (0, 1):
        for is_beyond, side in ((np.less, low[axis]), (np.greater, high[axis])):
            beyond = is_beyond(ring[:, axis], side)
            ring = ring[~(beyond & np.roll(beyond, 1) & np.roll(beyond, -1))]
    return ring


def _box(window: Window) -> BaseGeometry:
    from shapely.geometry import box

    return box(window.col_off, window.row_off, window.col_stop, window.row_stop)
