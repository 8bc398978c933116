"""Vector files of generated ground: outlines of classes, boxes and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.files import fixed_date

# What a shapefile's table says of its last change.
_CHANGED = "2020-01-01"


def outlines(codes: np.ndarray, transform: Any) -> tuple[list[Any], list[int]]:
    """Polygons of the connected pieces of equal code, and the code of each; 0 is left out.

    Parameters
    ----------
    codes : ndarray of int, shape (H, W)
    transform : Affine
        From pixels to the polygons' CRS.
    """
    from rasterio.features import shapes
    from shapely.geometry import shape

    numbers = codes.astype(np.int32)
    pieces = [
        (shape(geometry), int(code))
        for geometry, code in shapes(numbers, mask=numbers != 0, transform=transform)
    ]
    return [piece for piece, _ in pieces], [code for _, code in pieces]


def write_vectors(
    path: Path,
    geometry: Sequence[Any],
    columns: Mapping[str, Sequence[Any]],
    crs: str,
    to_crs: str | None = None,
    layer: str | None = None,
) -> None:
    """Write shapes of one kind as a shapefile or a GeoPackage, whose bytes hold no date.

    Parameters
    ----------
    path : Path
        `.shp` or `.gpkg`; its folder is made. A layer is added to a GeoPackage that is there.
    geometry : sequence of shapely geometry
    columns : mapping
        Values of each column in the order of the shapes.
    crs : str
        That of the shapes.
    to_crs : str, optional
        That of the file.
    layer : str, optional
        Name of the layer; the file's when not given.
    """
    import geopandas

    path.parent.mkdir(parents=True, exist_ok=True)
    table = geopandas.GeoDataFrame(dict(columns), geometry=list(geometry), crs=crs)
    if to_crs is not None:
        table = table.to_crs(to_crs)
    is_shape = path.suffix == ".shp"
    options = {"DBF_DATE_LAST_UPDATE": _CHANGED} if is_shape else {}
    with nullcontext() if is_shape else fixed_date():
        table.to_file(path, layer=layer or path.stem, engine="pyogrio", **options)
