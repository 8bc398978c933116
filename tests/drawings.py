"""Files of polygons as a person draws them, for the tests of all floors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from covermap.labels.polygons import Polygons, read_polygons
from covermap.labels.settings import LabelSettings
from tiny import tiny_geobox

# Row, column, height and width of a rectangle in pixels of a grid.
Cell = tuple[float, float, float, float]


def rectangle(geobox: GeoBox, cell: Cell) -> shapely.Polygon:
    """A rectangle of pixels in the grid's CRS."""
    row, col, height, width = cell
    corners = [(col, row), (col + width, row), (col + width, row + height), (col, row + height)]
    return shapely.Polygon([geobox.affine @ corner for corner in corners])


def drawing(
    cells: Sequence[Cell],
    classes: Sequence[Any],
    *,
    geobox: GeoBox | None = None,
    crs: str | None = "grid",
    attribute: str = "cover",
) -> gpd.GeoDataFrame:
    """Rectangles of pixels with a class each, in the grid's CRS or another one."""
    box = geobox or tiny_geobox(128, 128)
    shapes = [rectangle(box, cell) for cell in cells]
    table = gpd.GeoDataFrame({attribute: list(classes)}, geometry=shapes, crs=str(box.crs))
    if crs is None:
        return table.set_crs(None, allow_override=True)
    return table if crs == "grid" else table.to_crs(crs)


def squares(
    path: Path,
    cells: Sequence[Cell],
    classes: Sequence[Any],
    *,
    geobox: GeoBox | None = None,
    crs: str | None = "grid",
    attribute: str = "cover",
    layer: str | None = None,
) -> Path:
    """Write `drawing` to a file that OGR knows by its suffix; a GeoPackage may get more layers."""
    table = drawing(cells, classes, geobox=geobox, crs=crs, attribute=attribute)
    return saved(path, table, layer)


def saved(path: Path, table: gpd.GeoDataFrame, layer: str | None = None) -> Path:
    """Write a table of geometries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    more = {} if layer is None else {"layer": layer, "append": path.exists()}
    table.to_file(path, engine="pyogrio", **more)
    return path


def polygons(
    path: Path, cells: Sequence[Cell], classes: Sequence[Any], complete: bool = False, **drawn: Any
) -> Polygons:
    """Labels of rectangles, read back from a file that is written for it."""
    file = squares(path, cells, classes, **drawn)
    attribute = drawn.get("attribute", "cover")
    settings = LabelSettings(path=str(file), attribute=attribute, complete=complete)
    return read_polygons(settings, Path())


def scattered(
    count: int, height: int, width: int, seed: int, least: int = 4, most: int = 12
) -> list[Cell]:
    """Rectangles at random places, some of them on top of each other."""
    random = np.random.default_rng(seed)
    sides = random.integers(least, most + 1, (count, 2))
    rows = random.integers(0, height - most, count)
    cols = random.integers(0, width - most, count)
    return [
        (int(row), int(col), int(side[0]), int(side[1]))
        for row, col, side in zip(rows, cols, sides, strict=True)
    ]


def stripes(path: Path, geobox: GeoBox, number: int) -> Path:
    """A file of regions: stripes across a grid, from west to east, slanted."""
    height, width = (int(n) for n in geobox.shape)
    edges = np.linspace(0, width, number + 1)
    shapes = [
        shapely.Polygon(
            [
                geobox.affine @ corner
                for corner in ((a - 4, 0), (b - 4, 0), (b, height), (a, height))
            ]
        )
        for a, b in itertools.pairwise(edges)
    ]
    table = gpd.GeoDataFrame({"name": range(number)}, geometry=shapes, crs=str(geobox.crs))
    return saved(path, table)
