"""From the values of a class column to a legend, and which class wins where drawings overlap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import LabelError, hint, nearest
from covermap.core.legend import Legend
from covermap.labels.coding import IGNORED, Coding
from covermap.labels.settings import LARGEST_ID, LabelSettings

BACKGROUND = "background"
_NAMED = 6


def legend_of_column(
    values: Any, integers: bool, settings: LabelSettings, path: Path, attribute: str
) -> tuple[Legend, dict[str, int]]:
    """The legend, and the position in it of each value of the column."""
    present = sorted({str(value) for value in values if value})
    for name in settings.ignore:
        if name not in present:
            raise LabelError(
                f"{path}: labels: ignore names '{name}', which column '{attribute}' does not hold; "
                f"{nearest(name, present)}"
            )
    used = [value for value in present if value not in settings.ignore]
    if not used:
        raise LabelError(f"{path}: column '{attribute}' holds no class that is not ignored")
    id_of = _ids(used, integers, settings, path, attribute)
    given = settings.classes or {}
    undrawn = {BACKGROUND: given[BACKGROUND]} if settings.complete and BACKGROUND in given else {}
    names_by_id: dict[int, str] = {}
    for value in given or used:
        if value in id_of or value in undrawn:
            names_by_id.setdefault({**undrawn, **id_of}[value], value)
    if settings.complete and BACKGROUND not in names_by_id.values():
        names_by_id[_free_id(names_by_id, given, path)] = BACKGROUND
    legend = Legend.of(names_by_id)
    return legend, {value: legend.ids.index(number) for value, number in id_of.items()}


def _free_id(names_by_id: dict[int, str], given: dict[str, int], path: Path) -> int:
    """An id for the background that no class has, drawn or not."""
    if BACKGROUND in given:
        number = given[BACKGROUND]
        raise LabelError(
            f"{path}: labels: classes gives background the id of '{names_by_id[number]}' "
            f"({number}), but with complete: true ground that nobody drew is a class of its own; "
            "give it another id"
        )
    taken = {*names_by_id, *given.values()}
    return next(number for number in range(65535) if number not in taken)


def _known_classes(value: str, coding: Coding) -> str:
    """The nearest code or name of a legend, or the first few of them."""
    codes = [str(code) for code in coding.codes]
    known = codes if codes and value.lstrip("-").isdigit() else list(coding.legend.names)
    hint = nearest(value, known)
    if not hint.startswith("known") or len(known) <= _NAMED:
        return hint.rstrip("?")
    return f"known: {', '.join(known[:_NAMED])} and {len(known) - _NAMED} more"


def legend_of_coding(
    values: Any, coding: Coding, settings: LabelSettings, path: Path, attribute: str
) -> tuple[Legend, dict[str, int]]:
    """The classes of a given legend that occur, and the position of each value of the column."""
    if settings.classes is not None or settings.complete:
        key = "classes" if settings.classes is not None else "complete"
        raise LabelError(f"{path}: labels: give either legend or {key}, not both")
    named = {name.casefold(): place for place, name in enumerate(coding.legend.names)}
    named |= {str(code): place for code, place in coding.codes.items()}
    present = sorted({str(value) for value in values if value})
    place_of: dict[str, int] = {}
    for value in present:
        if value in settings.ignore or named.get(value.casefold()) == IGNORED:
            continue
        place = named.get(value.casefold(), coding.other)
        if place is None:
            number = sum(str(item) == value for item in values)
            raise LabelError(
                f"{path}: column '{attribute}' holds '{value}' ({number:,} "
                f"{'row' if number == 1 else 'rows'}), which the legend does not name; "
                f"{_known_classes(value, coding)}. Correct it there, add it to the legend, or "
                f"leave it unlabelled: labels: {{ignore: ['{value}']}}"
            )
        place_of[value] = place
    if not place_of:
        raise LabelError(f"{path}: column '{attribute}' holds no class of the legend")
    used = sorted(set(place_of.values()))
    legend = Legend(tuple(coding.legend.classes[place] for place in used))
    return legend, {value: used.index(place) for value, place in place_of.items()}


def _ids(
    used: list[str], integers: bool, settings: LabelSettings, path: Path, attribute: str
) -> dict[str, int]:
    if settings.classes is not None:
        strangers = [value for value in used if value not in settings.classes]
        if strangers:
            raise LabelError(
                f"{path}: column '{attribute}' holds '{strangers[0]}', which labels: classes does "
                f"not name; {hint(strangers[0], settings.classes)} Add it there, or to labels: "
                "ignore"
            )
        return {value: settings.classes[value] for value in used}
    if integers:
        numbers = {value: int(value) for value in used}
        outside = [value for value, number in numbers.items() if not 0 <= number <= LARGEST_ID]
        if outside:
            raise LabelError(
                f"{path}: column '{attribute}' holds {outside[0]}; class ids must lie in "
                f"0..{LARGEST_ID}. Give it another id: labels: {{classes: {{{outside[0]}: 1}}}}"
            )
        return numbers
    return {value: place for place, value in enumerate(used, start=1)}


def strength_of_rows(
    values: Any, priority: list[str] | None, path: Path, attribute: str
) -> np.ndarray:
    """How strong each row is where polygons overlap, int32 (N,)."""
    ranks = {name: len(priority or []) - place for place, name in enumerate(priority or [])}
    present = {str(value) for value in values if value}
    for name in ranks:
        if name not in present:
            raise LabelError(
                f"{path}: labels: priority names '{name}', which column '{attribute}' does not "
                f"hold; {nearest(name, sorted(present))}"
            )
    return np.asarray([ranks.get(value, 0) for value in values], dtype=np.int32)
