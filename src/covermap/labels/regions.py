"""Polygons as regions: windows of one size around their bounding boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError
from covermap.core.grid import Window, whole
from covermap.labels.settings import RegionSettings
from covermap.labels.target import Target

if TYPE_CHECKING:
    import geopandas as gpd

_MULTIPLE = 32


@dataclass(frozen=True)
class Region:
    """One polygon's place on a grid.

    Attributes
    ----------
    row : int
        Row of the polygon in its table.
    box : Window
        The pixels of its bounding box, on the grid, cropped where it is larger than the chip.
    chip : Window
        What is read: all regions' chips are of one size, square; may reach beyond the grid on any
        side.
    """

    row: int
    box: Window
    chip: Window

    @property
    def inside(self) -> np.ndarray:
        """Bool, of the chip's shape: its pixels in the box; all others are padding, invalid."""
        kept = np.zeros(self.chip.shape, dtype=bool)
        kept[self.box.relative_to(self.chip).slices] = True
        return kept

    def own(self, target: Target) -> Target:
        """Labels of a window without those of other polygons."""
        own = target.labelled & (target.source == self.row)
        return Target(target.index, own, target.source)


def bounding_boxes(shapes: gpd.GeoSeries, geobox: GeoBox) -> dict[int, Window]:
    """Smallest windows that cover each shape, by row; without shapes that do not meet the grid.

    Parameters
    ----------
    shapes : GeoSeries
        In any CRS; row numbers count from 0.
    geobox : GeoBox
        Grid with a CRS; rotated ones too: a box is upright on the grid, not on the map.
    """
    import shapely

    inverse = ~geobox.affine
    linear = np.array([[inverse.a, inverse.d], [inverse.b, inverse.e]])
    moved = shapely.transform(
        shapes.to_crs(str(geobox.crs)).to_numpy(),
        lambda xy: xy @ linear + np.array([inverse.c, inverse.f]),
    )
    boxes: dict[int, Window] = {}
    for row, bounds in enumerate(shapely.bounds(moved)):
        if np.isfinite(bounds).all():
            found = _covering(*bounds.tolist()).intersection(whole(geobox))
            if found is not None:
                boxes[row] = found
    return boxes


def chip_shape(boxes: Sequence[Window], settings: RegionSettings) -> tuple[int, int]:
    """Height and width of all chips.

    Parameters
    ----------
    boxes : sequence of Window
        Of all regions of all scenes, at least one.
    settings : RegionSettings
    """
    if isinstance(settings.size, int):
        return settings.size, settings.size
    height, width = max(box.height for box in boxes), max(box.width for box in boxes)
    if settings.size == "largest":
        return height, width
    return _rounded_up(height), _rounded_up(width)


def planned_regions(
    boxes: dict[int, Window], shape: tuple[int, int], settings: RegionSettings
) -> list[Region]:
    """Boxes in chips of one size, in order of row.

    A box that is larger than asked for is cropped: to its upper left part, or to its middle. Chips
    are square, so that they can be turned, and their sides multiples of 32 px, as networks need
    them: what `shape` lacks is padding too.

    Parameters
    ----------
    boxes : dict of int to Window
        See `bounding_boxes`.
    shape : tuple of int
        Height and width that boxes are cropped to, see `chip_shape`.
    settings : RegionSettings
    """
    return [_placed(row, boxes[row], shape, settings.anchor == "centre") for row in sorted(boxes)]


def regions_by_window(
    shapes: gpd.GeoSeries, grids: Mapping[str, GeoBox], settings: RegionSettings
) -> dict[tuple[str, Window], Region]:
    """The region of each chip of all scenes, by scene and window, in order of row in each scene.

    Parameters
    ----------
    shapes : GeoSeries
        In any CRS.
    grids : mapping of str to GeoBox
        Of scenes with a CRS, by name.
    settings : RegionSettings

    Raises
    ------
    LabelError
        Two regions would be one and the same chip.
    """
    boxes = {name: bounding_boxes(shapes, geobox) for name, geobox in grids.items()}
    every = [box for of_scene in boxes.values() for box in of_scene.values()]
    if not every:
        return {}
    shape = chip_shape(every, settings)
    found: dict[tuple[str, Window], Region] = {}
    for name, of_scene in boxes.items():
        for region in planned_regions(of_scene, shape, settings):
            other = found.setdefault((name, region.chip), region)
            if other is not region:
                raise LabelError(
                    f"labels: regions: the polygons in rows {other.row + 1} and {region.row + 1} "
                    f"would be the same chip of {name} (row {region.chip.row_off}, column "
                    f"{region.chip.col_off}), which can have one class; remove one of them, or "
                    "write anchor: centre"
                )
    return found


def _placed(row: int, box: Window, shape: tuple[int, int], centred: bool) -> Region:
    side = _rounded_up(max(shape))
    height, width = min(box.height, shape[0]), min(box.width, shape[1])
    # From the box to what is kept of it, and from there to where the chip begins.
    crop = ((box.height - height) // 2, (box.width - width) // 2) if centred else (0, 0)
    pad = ((side - height) // 2, (side - width) // 2) if centred else (0, 0)
    kept = Window(box.row_off + crop[0], box.col_off + crop[1], height, width)
    return Region(row, kept, Window(kept.row_off - pad[0], kept.col_off - pad[1], side, side))


def _covering(left: float, top: float, right: float, bottom: float) -> Window:
    """Pixels that a rectangle in pixels covers; at least one each way."""
    # Edges on a border of pixels come out a rounding error to either side of it.
    row, col = math.floor(top + 1e-6), math.floor(left + 1e-6)
    row_stop, col_stop = math.ceil(bottom - 1e-6), math.ceil(right - 1e-6)
    return Window(row, col, max(row_stop - row, 1), max(col_stop - col, 1))


def _rounded_up(size: int) -> int:
    return -(-size // _MULTIPLE) * _MULTIPLE
