"""Which files of a map's name this program wrote: those may be replaced, a stranger's never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioIOError

from covermap.mapping.catalog import is_own_catalog
from covermap.mapping.polygons import is_own, polygon_files
from covermap.mapping.preview import is_own_picture
from covermap.mapping.reading import pictures_allowed
from covermap.mapping.style import is_own_attributes, is_own_style


def is_own_file(path: Path, target: Path) -> bool:
    """Whether a file that is to be written is free, or was written by this program.

    Parameters
    ----------
    path : Path
        One of the files of a map, see `covermap.mapping.files.output_files`.
    target : Path
        The class map. It may be missing where a map was stopped, or was deleted by itself.
    """
    if not path.exists():
        return True
    if path.name.endswith(".aux.xml"):
        # GDAL keeps statistics in it as well: beside our raster it is of our raster.
        raster = path.with_name(path.name.removesuffix(".aux.xml"))
        return is_own_raster(raster) or (not raster.exists() and is_own_attributes(path))
    if path.suffix == ".gpkg":
        return is_own(path)
    if path.suffix == ".json":
        return is_own_catalog(path)
    if path == polygon_files(target)[1]:
        return is_own_style(path) or is_own(path.with_suffix(".gpkg"))
    if path.suffix in {".qml", ".sld"}:
        return is_own_style(path) or is_own_raster(target)
    if path.suffix == ".png":
        return is_own_picture(path) or is_own_raster(target)
    return is_own_raster(path)


def is_own_raster(path: Path) -> bool:
    """Whether a file is a map as this program writes it."""
    return str(tags_of(path).get("software", "")).startswith("covermap")


def tags_of(path: Path) -> dict[str, Any]:
    """Tags of a raster; empty where there is none."""
    if not path.exists():
        return {}
    try:
        with pictures_allowed(), rasterio.open(path) as dataset:
            return dict(dataset.tags())
    except RasterioIOError:
        return {}
