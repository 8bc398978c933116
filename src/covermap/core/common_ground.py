"""Whether grids show common ground, in whatever CRS they are, across the antimeridian too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, same_lattice, whole
from covermap.core.place import LON_LAT, border, place_of, transformer

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# Two outlines of one line that were projected differ by less of a pixel.
ROUNDING_PX = 0.05
# Sides of a mask get points so many pixels apart on their way to another grid; outlines on it are
# drawn so much narrower, since those that only touch cover nothing.
_STRAIGHT_PX, _TOUCHING_PX = 8, 1e-3


def share_ground(one: GeoBox, other: GeoBox, least_px: float = 0.0) -> bool:
    """Whether two grids show common ground; exact where their pixels coincide.

    Parameters
    ----------
    one, other : GeoBox
        Grids without a CRS share ground with no other, and are taken to be of one picture.
    least_px : float
        Of other grids: by how many pixels of `one` they must reach into it; with a negative number
        they may be so far beside it.
    """
    if (one.crs is None) != (other.crs is None):
        return False
    other = on_one_turn(one, other)
    offset = same_lattice(one, other)
    if offset is not None:
        placed = Window(*offset, int(other.shape[0]), int(other.shape[1]))
        return placed.intersection(whole(one)) is not None
    # What lies beyond the projection of one of them may still be seen from the other.
    for grid, seen in ((one, other), (other, one)):
        outline = outline_on(grid, seen)
        if outline is not None:
            return reaches_into(grid, outline, least_px)
    return True


def common_share(one: GeoBox, other: GeoBox) -> float:
    """Share, 0..1, of the ground of the smaller of two grids that both show.

    Both have a CRS. 1 where each lies beyond the projection of the other, and nothing is known.
    """
    import shapely

    for grid, seen in ((one, other), (other, one)):
        outline = outline_on(grid, seen)
        if outline is not None:
            own = shapely.box(0, 0, int(grid.shape[1]), int(grid.shape[0]))
            placed = shapely.make_valid(outline)
            return float(placed.intersection(own).area / min(own.area, placed.area))
    return 1.0


def reaches_into(grid: GeoBox, outline: BaseGeometry, least_px: float) -> bool:
    """Whether an outline in pixels of a grid reaches by so many pixels into it."""
    import shapely

    height, width = (int(side) for side in grid.shape)
    inset = min(least_px, 0.49 * height, 0.49 * width)
    inner = shapely.box(inset, inset, width - inset, height - inset)
    return bool(shapely.intersects(inner, outline))


def outline_on(grid: GeoBox, other: GeoBox) -> BaseGeometry | None:
    """The outline of another grid in pixels (column, row) of a grid; both have a CRS.

    None where it lies beyond the projection of the grid.
    """
    import shapely

    other = on_one_turn(grid, other)
    x, y = border(other, 1 if other.crs == grid.crs else None)
    if other.crs != grid.crs:
        x, y = transformer(other.crs, grid.crs).transform(x, y)
    points = _in_pixels(grid, np.column_stack([x, y]))
    return None if points is None else shapely.Polygon(points)


def covered_by(grid: GeoBox, other: GeoBox, shown: np.ndarray | None = None) -> np.ndarray:
    """Pixels of a grid that another grid covers, even in part; bool (H, W).

    With `shown`, bool of the other grid's shape, those that its pixels cover where that is True.
    """
    from rasterio.features import rasterize

    shape = (int(grid.shape[0]), int(grid.shape[1]))
    other = on_one_turn(grid, other)
    offset = same_lattice(grid, other)
    covered = np.zeros(shape, dtype=bool)
    if offset is not None:
        placed = Window(*offset, int(other.shape[0]), int(other.shape[1]))
        common = placed.intersection(whole(grid))
        if common is not None:
            inside = common.relative_to(placed).slices
            covered[common.slices] = True if shown is None else shown[inside]
        return covered
    if shown is None:
        outline = outline_on(grid, other)
        outlines = None if outline is None else [outline]
    else:
        outlines = _outlines_on(grid, other, shown)
    if outlines is None:
        return np.ones(shape, dtype=bool)
    if not outlines:
        return covered
    return np.asarray(rasterize(outlines, shape, all_touched=True) > 0)


def shape_on(grid: GeoBox, shape: BaseGeometry) -> BaseGeometry | None:
    """A shape in longitude and latitude, in pixels (column, row) of a grid with a CRS.

    None where it lies beyond the projection of the grid.
    """
    import shapely

    # Part by part: what is cut at the antimeridian may lie on two turns around the Earth.
    parts = [_placed(grid, part, LON_LAT) for part in getattr(shape, "geoms", [shape])]
    return None if any(part is None for part in parts) else shapely.union_all(parts)


def on_one_turn(grid: GeoBox, other: GeoBox) -> GeoBox:
    """The other grid, on that turn around the Earth on which it is nearest to a grid."""
    if grid.crs is None or not grid.crs.geographic or other.crs != grid.crs:
        return other
    turns = round((_middle(grid) - _middle(other)) / 360)
    if not turns:
        return other
    return GeoBox(other.shape, Affine.translation(360 * turns, 0) @ other.affine, other.crs)


class Outlines:
    """Where grids with a CRS lie, so that those near a grid are found without asking all."""

    def __init__(self, boxes: Sequence[GeoBox]) -> None:
        self._boxes = boxes
        crs = {box.crs for box in boxes}
        self._crs = next(iter(crs)) if len(crs) == 1 else None

    def near(self, box: GeoBox) -> list[int]:
        """Places of the grids that may share ground with a grid, in order."""
        if box.crs == self._crs and not box.crs.geographic:
            found = self._drawn.query(_drawn(box), predicate="intersects")
        else:
            found = self._on_earth.query(_on_earth(box), predicate="intersects")
        return sorted(found.tolist())

    @cached_property
    def _drawn(self) -> Any:
        import shapely

        return shapely.STRtree([_drawn(box) for box in self._boxes])

    @cached_property
    def _on_earth(self) -> Any:
        import shapely

        return shapely.STRtree([_on_earth(box) for box in self._boxes])


def _drawn(box: GeoBox) -> BaseGeometry:
    # A pixel wider than it is: rounding must not hide a common sliver.
    return box.pad(1).extent.geom


def _on_earth(box: GeoBox) -> BaseGeometry:
    import shapely

    place = place_of(box.pad(1))
    return shapely.box(-180, -90, 180, 90) if place is None else place.outline


def _outlines_on(grid: GeoBox, other: GeoBox, shown: np.ndarray) -> list[BaseGeometry] | None:
    """Outlines of some pixels of another grid, in pixels of a grid; None as in `outline_on`."""
    import shapely
    import shapely.affinity
    from rasterio.features import shapes

    drawn = shapes(shown.astype(np.uint8), mask=shown)
    parts = [shapely.geometry.shape(part) for part, _ in drawn]
    if not parts:
        return []
    # Straight sides bend on the way to another CRS.
    outlines = shapely.segmentize(shapely.MultiPolygon(parts), _STRAIGHT_PX)
    a = other.affine
    outlines = shapely.affinity.affine_transform(outlines, [a.a, a.b, a.d, a.e, a.c, a.f])
    placed = _placed(grid, outlines, other.crs)
    if placed is None:
        return None
    # What only touches a pixel covers nothing of it.
    inner = shapely.buffer(shapely.make_valid(placed), -_TOUCHING_PX, join_style="mitre")
    return [part for part in getattr(inner, "geoms", [inner]) if not part.is_empty]


def _placed(grid: GeoBox, shape: BaseGeometry, crs: Any) -> BaseGeometry | None:
    """A shape of a CRS in pixels (column, row) of a grid; None beyond the grid's projection."""
    import shapely

    points = shapely.get_coordinates(shape)
    if crs != grid.crs:
        points = np.column_stack(transformer(crs, grid.crs).transform(*points.T))
    found = _in_pixels(grid, points)
    return None if found is None else shapely.transform(shape, lambda _: found)


def _middle(grid: GeoBox) -> float:
    return float((grid.affine @ (grid.shape[1] / 2, grid.shape[0] / 2))[0])


def _in_pixels(grid: GeoBox, points: np.ndarray) -> np.ndarray | None:
    """Points (N, 2) in a grid's CRS, in pixels of it; None where one is not finite."""
    if not np.isfinite(points).all():
        return None
    x, y = points.T
    if grid.crs.geographic:
        x = np.unwrap(x, period=360)
        x = x + 360 * np.round((_middle(grid) - (x.min() + x.max()) / 2) / 360)
    back = ~grid.affine
    return np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])
