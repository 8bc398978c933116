"""Which files of a map's name this program wrote: those may be replaced, a stranger's never."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import RasterioIOError

from covermap.mapping.catalog import is_own_catalog
from covermap.mapping.files import MapFile, layer_path, map_files
from covermap.mapping.polygons import is_own, polygon_files
from covermap.mapping.preview import is_own_picture
from covermap.mapping.reading import pictures_allowed
from covermap.mapping.settings import MapOutput
from covermap.mapping.style import is_own_attributes, is_own_style
from covermap.mapping.writing import DESCRIPTIONS

_MADE_FROM_RASTERS = frozenset({"statistics", "polygons", "preview"})
_ENDINGS = (".tif", ".tiff")


def is_own_file(file: MapFile, target: Path) -> bool:
    """Whether a file that is to be written is free, or was written by this program.

    Parameters
    ----------
    file : MapFile
        One of the files of a map, see `covermap.mapping.files.map_files`.
    target : Path
        The class map. It may be missing where a map was stopped, or was deleted by itself.
    """
    path = file.path
    if not path.exists():
        # A link into nowhere is somebody's file as well.
        return not path.is_symlink()
    if path.name.endswith(".aux.xml"):
        # GDAL keeps statistics in it as well: beside our raster it is of our raster.
        raster = path.with_name(path.name.removesuffix(".aux.xml"))
        return is_own_raster(raster) or (not raster.exists() and is_own_attributes(path))
    if path.suffix == ".gpkg":
        return is_own(path)
    if path == polygon_files(target)[1]:
        return is_own_style(path) or is_own(path.with_suffix(".gpkg"))
    if path.suffix in {".qml", ".sld"}:
        return is_own_style(path) or is_own_raster(target)
    if path.suffix == ".png":
        return is_own_picture(path) or is_own_raster(target)
    # A map of values takes the place of one of classes; the map of a scene that is called like a
    # layer of another's map is nobody's to write over.
    kinds: tuple[MapOutput, ...] = ("class", "value") if path == target else (file.output,)
    return any(_is_own_layer(path, kind) for kind in kinds)


def is_own_catalog_file(path: Path) -> bool:
    """Whether a file of a catalog that is to be written is free, or was written by this program."""
    return is_own_catalog(path) if path.exists() else not path.is_symlink()


def remove_left_over(
    out: Path, written: Collection[MapOutput] = (), is_replaced: bool = True
) -> None:
    """Remove our files of an earlier map at `out` that the one about to be published has not.

    They would stand beside it and contradict it. What is not ours stays.

    Parameters
    ----------
    out : Path
        The class map, or map of values.
    written : collection of str
        Outputs of the map to be published; none where there is going to be no map.
    is_replaced : bool
        Whether those are about to be written: what was made from earlier ones, by GDAL or after
        them, goes too.
    """
    kept = {
        file.path
        for file in map_files(out, written)
        if not (is_replaced and file.kind in _MADE_FROM_RASTERS)
    }
    files = [file for file in map_files(out) if file.path not in kept]
    if any(out.with_suffix(ending).exists() for ending in _ENDINGS if ending != out.suffix):
        # Files of this name may be of the other map.
        files = [file for file in files if file.path.name.startswith(out.name)]
    # What is ours is told by files that go too: first find all, then remove.
    for path in {file.path for file in files if _is_left_over(file, out)}:
        path.unlink()


def _is_left_over(file: MapFile, out: Path) -> bool:
    if not file.path.exists():
        return False
    if file.kind == "raster":
        return _is_own_layer(file.path, file.output)
    if file.kind == "preview":
        return is_own_picture(file.path)
    if file.kind == "statistics" and file.output != "value":
        # They go with a layer of ours, and stay beside the map of a scene that is called like it.
        return _is_own_layer(layer_path(out, file.output), file.output)
    return is_own_file(file, out)


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


def _is_own_layer(path: Path, output: MapOutput) -> bool:
    """Whether a file is this output of a map, and not the map of a scene that is called like it."""
    tags = tags_of(path)
    if not str(tags.get("software", "")).startswith("covermap"):
        return False
    with pictures_allowed(), rasterio.open(path) as dataset:
        bands = dataset.descriptions
    if output == "probability":
        return bands == tuple(json.loads(tags.get("class_names", "{}")).values())
    return bands == (DESCRIPTIONS[output],)
