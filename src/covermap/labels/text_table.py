"""Tables as text: read as they stand, whatever parts their cells; and points with their places."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from covermap.core.errors import LabelError
from covermap.core.names import composed

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
# What stands in a cell, in lower case, where nothing is known; R writes NA.
UNKNOWN = frozenset({"", "?", "nan", "na"})
_DELIMITERS = (",", "\t", ";")
_LONGITUDES = (
    "longitude", "lon", "long", "lng", "decimallongitude", "gps_lon", "location-long", "longitud",
    "longitudine", "längengrad", "laengengrad", "x",
)  # fmt: skip
_LATITUDES = (
    "latitude", "lat", "decimallatitude", "gps_lat", "location-lat", "latitud", "latitudine",
    "breitengrad", "y",
)  # fmt: skip
# One of two places may be missing here and there; in most rows it is another kind of table.
_MOST_MISSING = 0.5


def read_text_table(path: Path) -> pd.DataFrame:
    """The cells of a CSV with a header, all as text; empty ones are empty text.

    Parameters
    ----------
    path : Path
        In UTF-8; comma, semicolon or tab between cells, whichever the header has most of.

    Raises
    ------
    LabelError
        It is no such table, or a row has more cells than the header.
    """
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            delimiter = max(_DELIMITERS, key=header.count)
            lines.seek(0)
            rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
            columns = _required_columns(path, rows)
        # A cell such as NA may be a class; only empty ones are empty.
        table = pd.read_csv(
            path, sep=delimiter, dtype=str, encoding="utf-8-sig", keep_default_na=False,
            skipinitialspace=True, index_col=False, usecols=range(columns),
        )  # fmt: skip
    except (ValueError, csv.Error) as error:
        raise LabelError(
            f"{path}: cannot be read as a table of text (CSV): {str(error).strip()}. "
            "Save it as CSV in UTF-8, with as many cells in each row as the header has"
        ) from None
    table.columns = [composed(str(column)).strip() for column in table.columns]
    return table


def _required_columns(path: Path, rows: Iterator[list[str]]) -> int:
    """How many columns the header names; a row that says more is refused: pandas would drop it."""
    header = next(rows, [])
    for number, row in enumerate(rows, start=2):
        further = [cell for cell in row[len(header) :] if cell.strip()]
        if further:
            raise LabelError(
                f"{path}: row {number} has {len(row)} cells, the header {len(header)}: "
                f"'{further[0]}' stands under no name. Put text that holds commas between quotes, "
                "or name the column"
            )
    return len(header)


def holds_places(path: Path) -> bool:
    """Whether a file is a table whose header names a longitude and a latitude."""
    if path.suffix.lower() not in TABLE_SUFFIXES or not path.is_file():
        return False
    try:
        columns = list(read_text_table(path).columns)
    except LabelError:
        return False
    return _column(columns, _LONGITUDES) is not None and _column(columns, _LATITUDES) is not None


def read_places(path: Path) -> gpd.GeoDataFrame:
    """Points of a table, in degrees of WGS 84, with its other columns.

    A row without a longitude or a latitude, as receivers write that found no satellite, has none.

    Raises
    ------
    LabelError
        No column of longitudes or latitudes, one that is mostly empty beside the other, a cell that
        is no number, or numbers that are no degrees.
    """
    import geopandas as gpd
    import pandas as pd

    table = read_text_table(path)
    names = [str(column) for column in table.columns]
    found = [_column(names, known) for known in (_LONGITUDES, _LATITUDES)]
    if None in found:
        raise LabelError(
            f"{path}: names no place of its rows; expected the columns lon and lat (degrees, WGS "
            f"84), found {', '.join(names)}. Points in other coordinates need a file that says "
            "their CRS, such as a GeoPackage"
        )
    bare = table[found].apply(lambda cells: cells.str.strip().str.casefold()).isin(UNKNOWN)
    nowhere = bare.any(axis=1)
    # Where only one is missing in most rows, something else is wrong, which the first cell shows.
    if (nowhere & ~bare.all(axis=1)).mean() > _MOST_MISSING:
        nowhere = bare.all(axis=1)
    x, y = (_degrees(table[~nowhere], str(name), path) for name in found)
    if x.abs().max() > 180 or y.abs().max() > 90:
        raise LabelError(
            f"{path}: {found[0]} {x.min():g} to {x.max():g}, {found[1]} {y.min():g} to {y.max():g} "
            "are no degrees of longitude and latitude; are the columns swapped? Points in other "
            "coordinates need a file that says their CRS, such as a GeoPackage"
        )
    rest = table.drop(columns=[str(name) for name in found]).apply(_as_numbers)
    places = gpd.GeoSeries(gpd.points_from_xy(x, y), index=x.index).reindex(table.index)
    return gpd.GeoDataFrame(pd.DataFrame(rest), geometry=places, crs="EPSG:4326")


def _column(names: list[str], known: tuple[str, ...]) -> str | None:
    plain = {name.casefold(): name for name in reversed(names)}
    return next((plain[name] for name in known if name in plain), None)


def _degrees(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    import pandas as pd

    # A comma is the decimal sign of half of Europe.
    numbers = pd.to_numeric(table[name].str.replace(",", "."), errors="coerce")
    if numbers.isna().any():
        row = int(numbers.index[numbers.isna()][0])
        raise LabelError(
            f"{path}: row {row + 2}: '{table[name][row]}' in column '{name}' is no number of "
            "degrees, such as -93.35"
        )
    return numbers


def _as_numbers(column: pd.Series) -> pd.Series:
    """A column as numbers where all its cells are; text else, and no value where it is empty."""
    import pandas as pd

    told = column.where(column != "")
    numbers = pd.to_numeric(told, errors="coerce")
    return numbers if numbers.notna().equals(told.notna()) and told.notna().any() else told
