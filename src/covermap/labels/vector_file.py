"""Vector files: all files that hold their content, their layers, and a layer as a table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from covermap.core.errors import LabelError
from covermap.core.names import composed

if TYPE_CHECKING:
    import geopandas as gpd

# Files of one name that hold a part of the content each, by the suffix of the one that is named.
_PARTS = {
    ".shp": (".shp", ".dbf", ".shx", ".prj", ".cpg"),
    ".tab": (".tab", ".dat", ".map", ".id", ".ind"),
    ".mif": (".mif", ".mid"),
}
# What another program has just saved stands in a log beside these, until it closes them.
_LOGGED = frozenset({".gpkg", ".sqlite"})
# GDAL lists all layers that such a file may have, whether it has them or not.
_ALL_LAYERS = frozenset({".gpx"})
# GDAL as it comes with pyogrio has no driver for them.
_PARQUET = frozenset({".parquet", ".geoparquet"})


def parts_of(path: Path) -> list[Path]:
    """All files that hold the content of a vector file."""
    suffix = path.suffix.lower()
    if suffix in _LOGGED:
        log = path.with_name(f"{path.name}-wal")
        return [path, log] if log.is_file() and log.stat().st_size else [path]
    if suffix not in _PARTS:
        return [path]
    beside = {**_beside(path), suffix: path}
    return [beside[part] for part in _PARTS[suffix] if part in beside]


def require_shapefile_parts(path: Path, suffixes: Sequence[str]) -> None:
    """Refuse a shapefile that was copied without the files beside it.

    Raises
    ------
    LabelError
        Naming the one that is missing.
    """
    if path.suffix.lower() != ".shp":
        return
    there = _beside(path)
    for suffix in suffixes:
        if suffix not in there:
            raise LabelError(
                f"{path}: a shapefile is several files, and {path.stem}{suffix} is missing beside "
                "it; copy all files of that name"
            )


def layers_of(path: Path) -> list[str]:
    """Names of the layers that hold geometry; of all where none does.

    A GeoPackage also holds tables: QGIS keeps styles in one. Of a GPX file only layers with rows.
    """
    import pyogrio

    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return [path.stem]
    found = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    if suffix in _ALL_LAYERS:
        found = [item for item in found if _rows(path, item[0])] or found
    if not found:
        raise ValueError("no layer in it")
    return [name for name, kind in found if kind is not None] or [name for name, _ in found]


def read_table(path: Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """The rows of a layer as they stand in the file, with their geometry in `geometry`.

    Without geometry a table without that column. Names of columns are composed.
    """
    return _read(path, layer).rename(columns=composed)


def read_only_layer(path: Path, what: str, alone: str) -> gpd.GeoDataFrame:
    """The rows of a file in which no layer can be named.

    Parameters
    ----------
    path : Path
    what : str
        What the file is to a project, for the message: `an aoi`.
    alone : str
        What to call a copy of one layer.

    Raises
    ------
    LabelError
        It has several layers; says how to take one out.
    """
    layers = layers_of(path)
    if len(layers) > 1:
        raise LabelError(
            f"{path}: holds {len(layers)} layers ({', '.join(layers)}); {what} is a file of one: "
            f"ogr2ogr {alone} {shlex.quote(str(path))} {shlex.quote(layers[0])}"
        )
    return read_table(path, layers[0])


def unreadable(path: Path, error: Exception) -> LabelError:
    """What to say of a vector file that cannot be read."""
    if isinstance(error, UnicodeDecodeError) and path.suffix.lower() == ".shp":
        return LabelError(
            f"{path}: its texts are not in the encoding that {path.stem}.cpg beside it names; "
            "write the right one there, such as ISO-8859-1 or UTF-8"
        )
    told = str(error).split(";")[0].rstrip(".")
    return LabelError(
        f"{path}: cannot be read as vector data ({told}). Expected a GeoPackage, shapefile, "
        "GeoJSON or the like; if it is one, fetch or export it again"
    )


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio

    if path.suffix.lower() in _PARQUET:
        table = _without_index(gpd.read_parquet(path))
        code = None if table.crs is None else table.crs.to_authority(min_confidence=100)
        if code is not None:
            # It is kept there as all that it means, which nobody can read in a message.
            table = table.set_crs(":".join(code), allow_override=True)
        return table if table.geometry.name == "geometry" else table.rename_geometry("geometry")
    if path.suffix.lower() == ".shp" and ".cpg" not in _beside(path):
        # Nothing tells the encoding of its texts: those that read as UTF-8 are it.
        try:
            return pyogrio.read_dataframe(path, layer=layer, encoding="UTF-8")
        except UnicodeDecodeError:
            pass
    return pyogrio.read_dataframe(path, layer=layer)


def _rows(path: Path, layer: str) -> int:
    import pyogrio

    return int(pyogrio.read_info(path, layer, force_feature_count=True)["features"])


def _without_index(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A table whose rows are counted, with what else named them as columns."""
    own = [name for name in table.index.names if name is not None and name not in table.columns]
    return table.reset_index(own).reset_index(drop=True) if own else table.reset_index(drop=True)


def _beside(path: Path) -> dict[str, Path]:
    """Files of the same name, by their suffix in lower case."""
    return {item.suffix.lower(): item for item in path.parent.glob(f"{escape(path.stem)}.*")}
