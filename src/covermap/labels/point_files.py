"""Files of points and of areas: read, checked, chosen by date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from covermap.core.errors import LabelError, counted, nearest
from covermap.labels.columns import as_text
from covermap.labels.kind_settings import DensitySettings
from covermap.labels.polygon_file import require_possible
from covermap.labels.text_table import TABLE_SUFFIXES, read_places
from covermap.labels.vector_file import (
    layers_of,
    read_table,
    require_shapefile_parts,
    unreadable,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

_AREAS = ("Polygon", "MultiPolygon")
# Numbers alone, but for 20190831.
_NO_DATE = r"[-+]?(?![0-9]{8}$)[0-9]+(?:[.,][0-9]+)?"
_NUMBERED = r"^([0-9]{1,2})([-./])([0-9]{1,2})[-./](?:[0-9]{4}|[0-9]{2})(?![0-9])"


def read_points(path: Path, settings: DensitySettings, notes: list[str]) -> gpd.GeoDataFrame:
    """The points of a file, one row each, those of the wanted dates only.

    Parameters
    ----------
    path : Path
    settings : DensitySettings
    notes : list of str
        Takes what was passed over.

    Raises
    ------
    LabelError
        No file, layer, column, point or CRS, or no point of the wanted dates.
    """
    table = _read(path, settings.layer, "points", "labels: points")
    there = ~(table.geometry.isna() | table.geometry.is_empty)
    kinds = sorted(table.geometry[there].geom_type.unique())
    points = table.geometry.geom_type.isin(["Point", "MultiPoint"]) & there
    if not points.any():
        raise LabelError(
            f"{path}: holds no point (found: {', '.join(kinds) or 'no geometry'}); labels: points "
            "counts points. Polygons with classes go with labels: {path: ...}"
        )
    if table.crs is None:
        raise LabelError(
            f"{path}: has no CRS (coordinate reference system), so its points cannot be placed; "
            "assign the right one (ogr2ogr -a_srs EPSG:CODE out.gpkg in) and use that file"
        )
    require_possible(table, path)
    if not points.all():
        notes.append(f"{counted(int((~points).sum()), 'row')} without a point passed over")
    table = table[points].explode(index_parts=False, ignore_index=True)
    if settings.time is not None:
        table = table[_of_dates(table, settings, path, notes)].reset_index(drop=True)
    return table[["geometry"]]


def read_areas(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """The polygons of a file, repaired.

    Raises
    ------
    LabelError
        No file, layer, polygon or CRS.
    """
    table = _read(path, layer, "areas", "labels: areas")
    there = table.geometry.notna() & table.geometry.geom_type.isin(_AREAS)
    if not there.any():
        raise LabelError(f"{path}: holds no polygon; labels: areas takes polygons")
    if table.crs is None:
        raise LabelError(
            f"{path}: has no CRS (coordinate reference system), so its areas cannot be placed; "
            "assign the right one (ogr2ogr -a_srs EPSG:CODE out.gpkg in) and use that file"
        )
    table = table[there][["geometry"]].reset_index(drop=True)
    return table.set_geometry(table.geometry.make_valid())


def _read(path: Path, layer: str | None, what: str, key: str) -> gpd.GeoDataFrame:
    if not path.exists():
        raise LabelError(f"{path}: no such file; check {key} in the project")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return read_places(path)
    require_shapefile_parts(path, (".shx",))
    try:
        layers = layers_of(path)
        if layer is None and len(layers) == 1:
            layer = layers[0]
        if layer in layers:
            table = read_table(path, layer)
    except Exception as error:
        raise unreadable(path, error) from None
    if layer is None:
        name = "layer" if what == "points" else "areas_layer"
        raise LabelError(
            f"{path}: holds {len(layers)} layers ({', '.join(layers)}); name one: "
            f"labels: {{{name}: ...}}"
        )
    if layer not in layers:
        raise LabelError(f"{path}: no layer '{layer}'; {nearest(layer, layers)}")
    if "geometry" not in table.columns:
        raise LabelError(f"{path}: has no geometry; {what} were expected")
    return table


def _of_dates(
    table: gpd.GeoDataFrame, settings: DensitySettings, path: Path, notes: list[str]
) -> pd.Series:
    """Bool for each row: whether its date is wanted."""
    import pandas as pd

    assert settings.time is not None
    columns = [str(name) for name in table.columns if name != "geometry"]
    if settings.time not in columns:
        raise LabelError(f"{path}: no column '{settings.time}'; {nearest(settings.time, columns)}")
    times = _times(table[settings.time], path, settings.time)
    broken = times.isna()
    if broken.all():
        raise LabelError(
            f"{path}: column '{settings.time}' holds no date (such as "
            f"'{table[settings.time].iloc[0]}'); expected 2019-08-31 or 2019-08-31T10:00:00Z"
        )
    if broken.any():
        notes.append(f"{counted(int(broken.sum()), 'point')} without a date passed over")
    wanted = ~broken
    if settings.since is not None:
        wanted &= times >= pd.Timestamp(settings.since, tz="UTC")
    if settings.until is not None:
        wanted &= times < pd.Timestamp(settings.until, tz="UTC")
    if not wanted.any():
        raise LabelError(
            f"{path}: no point of the wanted dates; column '{settings.time}' goes from "
            f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}"
        )
    late = int((~wanted & ~broken).sum())
    if late:
        notes.append(f"{counted(late, 'point')} of other dates passed over")
    return wanted


def _times(column: pd.Series, path: Path, name: str) -> pd.Series:
    """Dates of a column, in one zone: times without one are taken as UTC; NaT for what is none.

    Raises
    ------
    LabelError
        Nothing tells whether `01/09/2019` begins with the day or the month.
    """
    import pandas as pd

    if not pd.api.types.is_datetime64_any_dtype(column):
        # Numbers would be taken for moments since 1970, and years for their first day.
        column = as_text(column).where(lambda texts: ~texts.str.fullmatch(_NO_DATE, na=True))
        numbers = column.str.extract(_NUMBERED)
        numbered = numbers[0].notna()
        if numbered.any():
            first = _day_is_first(numbers[numbered], path, name)
            own = pd.to_datetime(
                column[numbered], errors="coerce", utc=True, format="mixed", dayfirst=first
            )
            rest = pd.to_datetime(column[~numbered], errors="coerce", utc=True, format="mixed")
            return pd.concat([own, rest]).reindex(column.index)
    return pd.to_datetime(column, errors="coerce", utc=True, format="mixed")


def _day_is_first(numbers: pd.DataFrame, path: Path, name: str) -> bool:
    """Whether dates of numbers alone begin with the day; what stands before, between and after."""
    if (numbers[1] == ".").all():
        return True
    over = (numbers[[0, 2]].astype(int) > 12).any()
    if over[0] == over[2]:
        shown = "".join(numbers.iloc[0])
        raise LabelError(
            f"{path}: column '{name}' holds dates such as {shown}..., and nothing tells whether "
            "the day or the month comes first; write them as 2019-08-31"
        )
    return bool(over[0])
