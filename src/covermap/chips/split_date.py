"""Ground held out by time: scenes, or polygons with a date, of one day, month, season or year."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np

from covermap.chips.ground import NO_PART
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_holdout,
    buffer_px,
    holdout_training,
    told_parts,
)
from covermap.chips.split_attribute import column_of, split_of_values
from covermap.chips.split_list import split_of_parts
from covermap.chips.split_polygons import counts_of_polygons, drawn_labels, ground_of_polygons
from covermap.chips.split_scenes import split_of_scenes
from covermap.core.errors import SplitError
from covermap.imagery.raster import Days, Scene

_SEASONS = ("winter", "spring", "summer", "autumn")
_NAMED = 3


def split_by_date(case: SplitCase) -> Split:
    """Scenes of one time together, or polygons by a column of dates.

    A date of another part does not make ground new: the audit stops where scenes of two parts show
    the same ground.

    Raises
    ------
    SplitError
        A date is missing or cannot be read, is named in two parts, or a part is empty; or fewer
        than two classes can be assessed.
    """
    if case.settings.attribute is not None:
        return _of_polygons(case)
    days = [_days_of_scene(scene) for scene in case.scenes]
    if case.settings.named:
        codes, notes = named_parts(case, days, "scenes")
        return split_of_parts(case, codes, (f"scenes by date: {told_parts(codes)}", *notes))
    periods = [
        _period_of_scene(scene, own, case.settings.period)
        for scene, own in zip(case.scenes, days, strict=True)
    ]
    groups = np.unique(np.asarray(periods), return_inverse=True)[1].astype(np.int64)
    unit = f"dates (by {case.settings.period})"
    return split_of_scenes(case, groups, unit)


def period_of(day: datetime.date, period: str) -> str:
    """The day, month, season or year that a day lies in; December begins the next year's winter.

    Examples
    --------
    >>> period_of(datetime.date(2022, 12, 24), "season")
    '2023-winter'
    """
    if period == "season":
        year = day.year + (day.month == 12)
        return f"{year}-{_SEASONS[day.month % 12 // 3]}"
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[period]]


def named_parts(
    case: SplitCase, days: Sequence[Days], what: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Part of each scene or polygon as the project names it, and what is to be said of it.

    Parameters
    ----------
    case : SplitCase
    days : sequence of Days
        The first and the last day of each; both must lie in what is named.
    what : str
        What they are, in the plural.

    Returns
    -------
    codes : ndarray of int16, shape (N,)
        -1 for none.
    notes : tuple of str
    """
    period = case.settings.period
    codes = np.full(len(days), NO_PART, dtype=np.int16)
    for part, wanted in case.settings.named.items():
        code = HOLDOUT_PARTS.index(part)
        for text in wanted:
            found = [n for n, own in enumerate(days) if _lie_in(own, text)]
            if not found:
                known = sorted({period_of(day, period) for own in days for day in own})
                raise SplitError(
                    f"split: {part}: no {what} of '{text}'; there are {', '.join(known[:6])}"
                    + (", ..." if len(known) > 6 else "")
                )
            twice = next((n for n in found if codes[n] not in (NO_PART, code)), None)
            if twice is not None:
                raise SplitError(
                    f"split: {part}: '{text}' holds {days[twice][0]}, which is in "
                    f"{HOLDOUT_PARTS[codes[twice]]} too; take it out of one"
                )
            codes[found] = code
    for code in (0, 2):
        if not (codes == code).any():
            part = HOLDOUT_PARTS[code]
            raise SplitError(f"split: by date: no {what} for {part}; name its dates: {part}: [...]")
    unused = int((codes == NO_PART).sum())
    note = f"{unused} of {len(days)} {what} are of no named date, and their labels are not used"
    return codes, (note,) if unused else ()


def _lie_in(days: Days, text: str) -> bool:
    """Whether a first and a last day, and all between, lie in a date, its beginning or a season."""
    # 2023-1 is no beginning of 2023-10: a date is named by whole numbers.
    pieces = text.strip().split("-")
    if all(piece.isdigit() for piece in pieces):
        wanted = [int(piece) for piece in pieces]
        return all([day.year, day.month, day.day][: len(wanted)] == wanted for day in days)
    first, last = (period_of(day, "season") for day in days)
    return first == last and text.strip() in (first, first.split("-")[1])


def _days_of_scene(scene: Scene) -> Days:
    """The first and the last day of a scene: those of a stack of dates differ."""
    if scene.days is None:
        raise SplitError(
            f"split: by date: scene '{scene.name}' has no date; give it one: "
            "imagery: [{path: ..., date: 2023-06-01}]"
        )
    return scene.days


def _period_of_scene(scene: Scene, days: Days, period: str) -> str:
    first, last = (period_of(day, period) for day in days)
    if first != last:
        raise SplitError(
            f"split: by date: scene '{scene.name}' holds dates from {days[0]} to {days[1]}: "
            f"of several {period}s; write period: year, or make a stack of each {period}"
        )
    return first


def _of_polygons(case: SplitCase) -> Split:
    labels, column = drawn_labels(case), case.settings.attribute
    assert column is not None
    values = column_of(labels, column)
    days = [_read_day(text, column, row) for row, text in enumerate(values, start=1)]
    if not case.settings.named:
        periods = [period_of(day, case.settings.period) for day in days]
        return split_of_values(case, labels, periods, f"dates (by {case.settings.period})")
    codes, notes = named_parts(case, [(day, day) for day in days], "polygons")
    each = np.arange(len(days))
    counts = counts_of_polygons(case, each)
    assessed = assessed_by_holdout(counts, codes, labels.legend.names)
    buffer, buffer_m = buffer_px(case, "polygons"), case.settings.buffer_m
    ground = ground_of_polygons(labels, each, codes, HOLDOUT_PARTS, buffer, buffer_m)
    reasons = (f"polygons by '{column}': {told_parts(codes)}", *notes)
    return Split("holdout", ground, (holdout_training(),), assessed, reasons)


def _read_day(text: str, column: str, row: int) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text[:10].replace("/", "-"))
    except ValueError:
        raise SplitError(
            f"split: attribute: '{text}' in column '{column}', row {row}, is no date; write it "
            "like 2023-06-01"
        ) from None
