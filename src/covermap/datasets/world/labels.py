"""Polygons as a person would draw them: whole patches, edges included, a few with a wrong class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
import shapely.affinity
from affine import Affine
from shapely.geometry import shape

from covermap.core.files import fixed_date
from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.cover import NAMES, Cover

# No patch is longer than this, so a patch that begins in a block ends within this many pixels.
REACH_PX = 96
_SHARE_DRAWN = 0.20
_SHARE_WRONG = 0.03
_MOST_POLYGONS = 5000
# Mean size of a drawn patch: what turns a number of polygons into a share of the ground.
_PATCH_PX = 200.0
_LEAST_PX = 20
_TOLERANCE_M = 6.0


@dataclass(frozen=True)
class Drawing:
    """Polygons of the world's CRS and the class written on each.

    Attributes
    ----------
    outlines : ndarray of shapely Polygon, shape (N,)
    names : ndarray of str, shape (N,)
    """

    outlines: np.ndarray
    names: np.ndarray


def drawn(cover: Cover, block: Window, world: Window, affine: Affine, seed: int) -> Drawing:
    """The polygons whose first pixel, from the top and then from the left, lies in `block`.

    Patches are taken by lot, each with the same chance, so that drawn ground has the shares of the
    true classes. They are outlined in the whole world, clouds or not.

    Parameters
    ----------
    cover : Cover
        The truth of `block` and `REACH_PX` around it, as far as the world goes.
    block, world : Window
        The block, and all pixels of the world.
    affine : Affine
        From the world's pixels to its CRS.
    seed : int
        The world.
    """
    chance = min(_SHARE_DRAWN, _MOST_POLYGONS * _PATCH_PX / (world.height * world.width))
    chosen = noise.uniform(noise.stream(seed, "drawn"), cover.patch) < chance
    # Few patches are drawn: number them small, as polygonising takes 32 bits.
    keys, numbers = np.unique(np.where(chosen, cover.patch, 0), return_inverse=True)
    numbers = numbers.reshape(cover.ids.shape).astype(np.int32)
    outlines, names = [], []
    for polygon, row, col in _pieces(numbers, chosen, cover.window):
        if not _holds(block, row, col):
            continue
        place = row - cover.window.row_off, col - cover.window.col_off
        key = keys[numbers[place]]
        outlines.append(_traced(polygon, affine))
        names.append(NAMES[_written(int(cover.ids[place]), key, seed)])
    return Drawing(np.array(outlines, object), np.array(names, object))


def append(path: Path, drawing: Drawing, crs: str) -> None:
    """Add polygons to the layer `labels` of a GeoPackage, made when it is not there."""
    from pyogrio import raw

    with fixed_date():
        raw.write(
            str(path),
            layer="labels",
            driver="GPKG",
            geometry=shapely.to_wkb(drawing.outlines),
            geometry_type="Polygon",
            field_data=[drawing.names],
            fields=["cover"],
            crs=crs,
            append=path.exists(),
        )


def _pieces(
    numbers: np.ndarray, chosen: np.ndarray, window: Window
) -> Iterator[tuple[shapely.Polygon, int, int]]:
    """Each connected piece of a patch in pixels of the world, its first pixel's row and column."""
    from rasterio.features import shapes

    to_world = Affine.translation(window.col_off, window.row_off)
    for geometry, _ in shapes(numbers, mask=chosen, connectivity=4, transform=to_world):
        polygon = shape(geometry)
        if polygon.area < _LEAST_PX:
            continue
        corners = shapely.get_coordinates(polygon.exterior)
        row = corners[:, 1].min()
        yield polygon, int(row), int(corners[corners[:, 1] == row, 0].min())


def _holds(block: Window, row: int, col: int) -> bool:
    return block.row_off <= row < block.row_stop and block.col_off <= col < block.col_stop


def _traced(polygon: shapely.Polygon, affine: Affine) -> shapely.Polygon:
    """The outline in the world's CRS without the steps of the pixels."""
    numbers = (affine.a, affine.b, affine.d, affine.e, affine.c, affine.f)
    moved = shapely.affinity.affine_transform(polygon, numbers)
    smooth = moved.simplify(_TOLERANCE_M)
    return smooth if smooth.geom_type == "Polygon" and not smooth.is_empty else moved


def _written(number: int, key: np.uint64, seed: int) -> int:
    """The class that a person writes on a patch: seldom a wrong one."""
    one = np.array([key])
    if noise.uniform(noise.stream(seed, "mistake"), one)[0] >= _SHARE_WRONG:
        return number
    others = [other for other in NAMES if other != number]
    return others[int(noise.uniform(noise.stream(seed, "mistaken for"), one)[0] * len(others))]
