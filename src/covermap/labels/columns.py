"""Which column of a table holds the classes, and what its values mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covermap.core.names import composed
from covermap.labels.settings import LARGEST_ID

if TYPE_CHECKING:
    import pandas as pd

# Words by which people call the column of classes, and columns that hold something else; they only
# break ties.
_LIKELY = (
    "class", "cover", "lulc", "landuse", "land_use", "label", "habitat", "veget", "crop", "biotop",
    "klass", "clase", "cobertura", "nutzung", "species", "type", "categ", "name",
)  # fmt: skip
_UNLIKELY = (
    "individual", "animal", "identifier", "collar", "observer", "surveyor", "recorder", "author",
    "editor", "source", "date", "year", "comment", "remark", "quality", "confidence",
)  # fmt: skip
_MOST_CLASSES = 60
_ID = re.compile(r"0|[1-9][0-9]*")
_DATE = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}\b.*|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})\b.*"
)


@dataclass(frozen=True)
class ColumnChoice:
    """The chosen column, or None, and why the others were passed over.

    `is_doubtful`: it may well hold something else, and is chosen for want of a better one.
    """

    column: str | None
    passed_over: tuple[str, ...]
    is_doubtful: bool = False


def choose_class_column(table: pd.DataFrame, fewest: int = 2) -> ColumnChoice:
    """The column that most likely holds the class of each row.

    Text with 2 to 60 values of which some repeat comes before integers with 2 to 60 values before
    any other column with 2 to 60 values, such as dates and measured numbers; equal candidates are
    told apart by their name, then by the smaller number of values. Where one class beside the
    background is enough, `fewest` is 1.
    """
    ranked: list[tuple[tuple[bool, int, int, int, int], str]] = []
    integers: set[str] = set()
    passed: list[str] = []
    for place, column in enumerate(table.columns):
        values = _present(table[column])
        distinct = int(values.nunique())
        if distinct < fewest or distinct > _MOST_CLASSES:
            passed.append(f"{column} ({distinct} values)")
            continue
        kind = _kind(values, distinct)
        if kind == 1:
            integers.add(str(column))
        likely = _likelihood(column)
        # What is the same in all rows is a class only where it is called one.
        idle = distinct < 2 and likely >= len(_LIKELY)
        ranked.append(((idle, kind, likely, distinct, place), str(column)))
    ranked.sort()
    if ranked:
        best = ranked[0][1]
        passed = [
            f"{name} (less likely{_disagreement(table, name, best) if name in integers else ''})"
            for _, name in ranked[1:]
        ] + passed
    if not ranked:
        return ColumnChoice(None, tuple(passed))
    (_, kind, likely, _, _), chosen = ranked[0]
    return ColumnChoice(chosen, tuple(passed), kind > 1 or likely > len(_LIKELY))


def _likelihood(column: str) -> int:
    """Rank of a column by what it is called; the likeliest to hold classes has 0."""
    name = column.casefold()
    if any(word in name for word in _UNLIKELY):
        return len(_LIKELY) + 1
    return next((n for n, word in enumerate(_LIKELY) if word in name), len(_LIKELY))


def _disagreement(table: pd.DataFrame, codes: str, names: str) -> str:
    """What to say of a column of codes that looks like that of names but mixes its classes."""
    pairs = table[[codes, names]].apply(as_text).dropna().drop_duplicates()
    if abs(pairs[codes].nunique() - pairs[names].nunique()) > 2:
        return ""
    shared = pairs.groupby(codes)[names].unique()
    shared = shared[shared.map(len) > 1]
    if not len(shared):
        return ""
    return f"; disagrees with {names}: {shared.index[0]} is {' and '.join(sorted(shared.iloc[0]))}"


def is_integer_like(values: pd.Series) -> bool:
    """True when all present values are finite whole numbers."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return False
    present = values.dropna().to_numpy(dtype="float64")
    return bool(len(present)) and bool(
        np.all(np.isfinite(present) & (present == np.round(present)))
    )


def are_ids(values: Iterable[str]) -> bool:
    """Whether texts are whole numbers that may be ids of classes, written in the usual way.

    `07` is not: it may stand beside `7`.
    """
    found = set(values)
    return bool(found) and all(_ID.fullmatch(text) and int(text) <= LARGEST_ID for text in found)


def as_text(values: pd.Series) -> pd.Series:
    """Values as trimmed text, whole numbers without a decimal point; null and blank as None.

    Text is composed: names that look the same are the same.
    """
    import pandas as pd

    whole = is_integer_like(values)

    def told(value: object) -> str | None:
        # Lists of a GeoJSON are values as well, and pandas would look into them for nulls.
        if pd.api.types.is_scalar(value) and pd.isna(value):  # type: ignore[call-overload]
            return None
        text = str(int(value)) if whole else composed(str(value)).strip()  # type: ignore[call-overload]
        return text or None

    return pd.Series([told(value) for value in values], index=values.index, dtype=object)


def number_in(text: str) -> float | None:
    """The number that a text is, None where it is none."""
    # A comma is the decimal sign of half of Europe.
    try:
        return float(text.replace(",", ".", 1))
    except ValueError:
        return None


def _present(values: pd.Series) -> pd.Series:
    text = as_text(values)
    return text[text.notna()]


def _kind(values: pd.Series, distinct: int) -> int:
    repeated = distinct < len(values)
    numbers = [number_in(text) for text in values.unique()]
    if all(number is not None for number in numbers):
        whole = all(number is not None and number.is_integer() for number in numbers)
        return 1 if whole and repeated else 2
    measured = all(_DATE.fullmatch(text) for text in values.unique())
    return 0 if repeated and not measured else 2
