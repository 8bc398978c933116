"""Slips of the pen in a column of classes, as they are told to whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from covermap.core.errors import counted, listed, nearest

# A slip of the pen is rare: so many times rarer than what was meant, in at most so many rows.
_TIMES, _MOST_ROWS = 3, 2
# Of shorter names one letter is much: oak and ash are two trees, and so are elm and elf.
_FEWEST_LETTERS = 4
_NAMED = 6


def names_alike(names: Sequence[str]) -> list[str]:
    """A note for each two names that differ by letter case, blanks or dashes alone."""
    first: dict[str, str] = {}
    notes = []
    for name in names:
        other = first.setdefault(_plain(name), name)
        if other != name:
            notes.append(
                f"'{other}' and '{name}' are two classes; if they are one, {_one_id(other, name)}"
            )
    return notes


def names_mistyped(rows: Mapping[str, int], unit: str) -> list[str]:
    """A note for each rare name that is a frequent one but for one letter, or two changed places.

    Parameters
    ----------
    rows : mapping
        How many rows have each name.
    unit : str
        What a row is, such as `polygon`.
    """
    notes = []
    for name, number in rows.items():
        if not 0 < number <= _MOST_ROWS:
            continue
        meant = [
            other
            for other in sorted(rows, key=lambda other: -rows[other])
            if rows[other] >= _TIMES * number and _one_slip(_plain(name), _plain(other))
        ]
        if meant:
            notes.append(
                f"'{name}' ({counted(number, unit)}) is a class beside '{meant[0]}' "
                f"({rows[meant[0]]:,}); if it is mistyped, correct it there, or "
                f"{_one_id(meant[0], name)}"
            )
    return notes


def classes_not_held(
    missing: Iterable[str], held: Iterable[str], why: str, key: str = "classes"
) -> list[str]:
    """A note for each class that a project names and that no row, or picture, has.

    Parameters
    ----------
    missing : iterable of str
        Names of these classes.
    held : iterable of str
        What is there instead.
    why : str
        Where they would be, such as `column 'cover' does not hold it`.
    key : str
        The key of `labels` that names them.
    """
    present = sorted(set(held))
    return [
        f"labels: {key} names '{name}', but {why}, so it is no class; {_nearest_of(name, present)}"
        for name in missing
    ]


def _one_id(one: str, other: str) -> str:
    return (
        f"give them one id, and all others one each: labels: {{classes: {{{one}: 1, {other}: 1, "
        "...}}"
    )


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def _one_slip(one: str, other: str) -> bool:
    """Whether a letter was left out, added, changed, or changed places with the next.

    Figures are no slips: `crop1` and `crop2` are meant.
    """
    if one == other or max(len(one), len(other)) < _FEWEST_LETTERS:
        return False
    begin = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    begin = min(len(one), len(other)) if begin is None else begin
    a, b = one[begin:], other[begin:]
    letters = set(a[:1] + b[:1])
    swapped = a[:2] == b[:2][::-1] and a[2:] == b[2:]
    is_slip = swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]
    return is_slip and not any(letter.isdigit() for letter in letters)


def _nearest_of(name: str, present: Sequence[str]) -> str:
    told = nearest(name, present)
    return told if told.startswith("did") else f"there is {listed(list(present), _NAMED)}"
