"""Areas out of a vector file: one layer, placed, repaired, with points as discs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from covermap.core.errors import LabelError, counted, listed, nearest
from covermap.core.files import matching
from covermap.labels.areas import discs_of_points, only_polygons, repaired
from covermap.labels.settings import LabelSettings
from covermap.labels.text_table import TABLE_SUFFIXES, read_places
from covermap.labels.vector_file import (
    layers_of,
    read_table,
    require_shapefile_parts,
    unreadable,
)

if TYPE_CHECKING:
    import geopandas as gpd


# Degrees by which a pole may be missed.
_ROUNDING = 1e-6
_NAMED = 4


def drawing_path(settings: LabelSettings, base: Path) -> Path:
    """The one vector file that `labels: path` names, by a glob as well.

    Raises
    ------
    LabelError
        It names several.
    """
    found: list[Path] = []
    for pattern in settings.paths:
        path = base / Path(pattern).expanduser()
        # Signs of a glob may stand in a name: `plots [v2].gpkg`.
        found += [path] if path.exists() else matching(pattern, base) or [path]
    if len(found) > 1:
        names = [path.name for path in found]
        merged = " ".join(shlex.quote(name) for name in names[:_NAMED])
        raise LabelError(
            f"{found[0]}: polygons come from one file, but labels: path names {len(found)} "
            f"({listed(names, _NAMED)}); put them together: in QGIS, Merge Vector Layers, or "
            f"ogrmerge.py -single -o all.gpkg {merged}"
        )
    return found[0]


def read_layer(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """The rows of a layer; of the only one where none is named.

    Raises
    ------
    LabelError
        No such file or layer, several layers and none named, no vector data, or no geometry.
    """
    if not path.exists():
        raise LabelError(f"{path}: no such file; check labels: path in the project")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return read_places(path)
    require_shapefile_parts(path, (".shx", ".dbf"))
    try:
        layers = layers_of(path)
        if layer is not None and layer not in layers:
            raise LabelError(f"{path}: no layer '{layer}'; {nearest(layer, layers)}")
        if layer is None and len(layers) > 1:
            raise LabelError(
                f"{path}: holds {len(layers)} layers ({', '.join(layers)}); name one: labels: "
                f"{{layer: {layers[0]}}} in a project, --layer {shlex.quote(layers[0])} for init "
                "and doctor"
            )
        table = read_table(path, layer or layers[0])
    except LabelError:
        raise
    except Exception as error:
        raise unreadable(path, error) from None
    if "geometry" not in table.columns:
        raise LabelError(f"{path}: has no geometry; polygons were expected")
    return table


def require_possible(table: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse degrees of latitude that do not exist: a frequent sign of swapped coordinates.

    Raises
    ------
    LabelError
        Naming one of them.
    """
    if table.crs is None or not table.crs.is_geographic:
        return
    _, south, _, north = table.total_bounds
    worst = max(south, north, key=abs)
    if abs(worst) > 90 + _ROUNDING:
        raise LabelError(
            f"{path}: a latitude of {worst:g} degrees does not exist; are longitude and latitude "
            "swapped, or is the CRS another one?"
        )


def only_areas(
    table: gpd.GeoDataFrame,
    path: Path,
    radius_m: float | None,
    notes: list[str],
    faults: list[str],
) -> gpd.GeoDataFrame:
    """The rows that have an area, crossings repaired.

    Parameters
    ----------
    table : GeoDataFrame
    path : Path
        For messages.
    radius_m : float, optional
        Points become discs of this radius.
    notes : list of str
        Takes what rows are taken for.
    faults : list of str
        Takes what was passed over or repaired.

    Raises
    ------
    LabelError
        No row has an area, points have no radius, or there is no CRS.
    """
    import shapely

    if not len(table):
        raise LabelError(f"{path}: holds no polygon at all; draw some and save the layer")
    geometry = table.geometry
    missing = geometry.isna() | geometry.is_empty
    kinds = geometry[~missing].geom_type
    points = kinds.isin(["Point", "MultiPoint"])
    areas = kinds.isin(["Polygon", "MultiPolygon", "GeometryCollection"])
    if points.any() and not areas.any() and radius_m is None:
        raise LabelError(
            f"{path}: holds no polygon at all (found: Point); draw areas, not Point, or say how "
            "far around a point its class reaches: labels: {radius_m: 10}"
        )
    if not areas.any() and not points.any():
        found = ", ".join(sorted(kinds.unique())) or "empty geometries"
        raise LabelError(
            f"{path}: holds no polygon at all (found: {found}); draw areas, not {found}"
        )
    if table.crs is None:
        raise LabelError(
            f"{path}: has no CRS (coordinate reference system), so its polygons cannot be placed; "
            "assign the right one (ogr2ogr -a_srs EPSG:CODE out.gpkg in) and use that file"
        )
    require_possible(table, path)
    if missing.any():
        faults.append(f"{counted(int(missing.sum()), 'row')} without geometry passed over")
    table = table[~missing].copy()
    if radius_m is not None:
        if not points.any():
            raise LabelError(f"{path}: holds no point, so labels: radius_m says nothing; remove it")
        table = discs_of_points(table, radius_m)
        number = counted(int(points.sum()), "point")
        notes.append(f"{number} taken as discs of {radius_m:g} m radius")
    invalid = ~table.geometry.is_valid
    if invalid.any():
        faults.append(f"{counted(int(invalid.sum()), 'self-crossing polygon')} repaired")
        table.loc[invalid, "geometry"] = repaired(table.geometry[invalid].to_numpy())
    mixed = (table.geometry.geom_type == "GeometryCollection").to_numpy()
    if mixed.any():
        faults.append(f"of {counted(int(mixed.sum()), 'collection')} only the polygons are taken")
        table.loc[mixed, "geometry"] = [only_polygons(shape) for shape in table.geometry[mixed]]
    areas = shapely.area(table.geometry.to_numpy()) > 0
    if not areas.any():
        raise LabelError(f"{path}: holds no polygon with an area; draw areas")
    if not areas.all():
        faults.append(f"{counted(int((~areas).sum()), 'row')} without an area passed over")
    return table[areas]
