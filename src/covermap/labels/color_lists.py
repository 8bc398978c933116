"""Files beside masks that list colours of classes, and whether the masks hold them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
_SUFFIXES = frozenset({".json", ".csv", ".txt", ".yaml", ".yml"})
# Lists of colours are short; metadata of scenes are not.
_LONGEST_BYTES = 1 << 17


def color_list_notes(folders: Iterable[Path], held: Collection[str]) -> list[str]:
    """What to say of files that list colours, beside masks whose colours were read.

    Parameters
    ----------
    folders : iterable of Path
        Where such files may lie; their own folders are not searched.
    held : collection of str
        Colours of the masks, `#rrggbb` in lower case.
    """
    known = set(held)
    notes = []
    for path in _lists(folders):
        listed = {color.lower() for color in _COLOR.findall(_text(path))}
        if len(listed) < 2:
            continue
        missing = sorted(listed - known)
        if not missing:
            notes.append(
                f"{path.name}: its {len(listed)} colours are those of the masks; it is not read: "
                "take names of classes from it"
            )
        else:
            notes.append(
                f"{path.name}: {len(missing)} of its {len(listed)} colours are not in the masks "
                f"(such as {missing[0]}): not used, colours were read from the masks"
            )
    return notes


def _lists(folders: Iterable[Path]) -> list[Path]:
    found = (
        path
        for folder in dict.fromkeys(folder.resolve() for folder in folders)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    return [path for path in found if path.stat().st_size <= _LONGEST_BYTES]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
