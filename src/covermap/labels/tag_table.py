"""A table of tags: which row speaks of which picture, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from covermap.core.errors import LabelError, counted, listed, nearest
from covermap.core.names import composed
from covermap.labels.columns import are_ids, as_text, choose_class_column, number_in
from covermap.labels.kind_settings import TagSettings
from covermap.labels.text_table import UNKNOWN, read_text_table

if TYPE_CHECKING:
    import pandas as pd

_BITS = {
    "1": True, "1.0": True, "true": True, "yes": True,
    "0": False, "0.0": False, "false": False, "no": False,
}  # fmt: skip
_NAMED = 4
# Folders above a file that may tell files of one name apart.
_DEEPEST = 3


@dataclass(frozen=True)
class TagTable:
    """What a table says of each picture.

    Attributes
    ----------
    path : Path
    column : str
        The column of classes, or the first of several columns of 0 and 1.
    values : tuple of str
        All labels that occur, or that have a column.
    integers : bool
        Whether all of them are whole numbers, which are ids of classes.
    by_scene : mapping of str to tuple of str, or None
        The labels of each picture by its name; None where its row says nothing.
    unknown : mapping of str to tuple of str
        Labels of which it is not known whether a picture has them.
    multilabel : bool
    notes : tuple of str
    """

    path: Path
    column: str
    values: tuple[str, ...]
    integers: bool
    by_scene: Mapping[str, tuple[str, ...] | None]
    unknown: Mapping[str, tuple[str, ...]]
    multilabel: bool
    notes: tuple[str, ...]


def read_tag_table(
    settings: TagSettings, path: Path, images: Mapping[str, Path], of_numbers: bool = False
) -> TagTable:
    """Read a table and find the row of each picture.

    A row names a picture by its file name, with or without folders and suffix, or by the name of
    its scene. An empty cell means that nothing is known.

    Parameters
    ----------
    settings : TagSettings
    path : Path
        CSV with a header; comma, semicolon or tab between cells.
    images : mapping of str to Path
        The file of each picture, by the name of its scene.
    of_numbers : bool
        Whether the table tells a number of each picture and no classes.

    Raises
    ------
    LabelError
        No such file or column, several columns of numbers of which none is named, no row for a
        picture, two rows that differ, or a cell of several columns that is neither 0 nor 1.
    """
    table = _read(path)
    notes: list[str] = []
    name = _name_column(table, settings, path, images, notes)
    if of_numbers and settings.column is None:
        settings = settings.model_copy(
            update={"column": _number_column(table.drop(columns=name), path, notes)}
        )
    columns, of_bits = _label_columns(table.drop(columns=name), settings, path, notes)
    multilabel = of_bits or _several_in_cells(settings, table[columns[0]])
    row_of = _rows(table[name], path, name, images, notes)
    if of_bits:
        said, unknown = _of_bits(table, columns, path)
    else:
        cells = as_text(table[columns[0]])
        said = [None if cell is None else _labels(cell, settings, multilabel) for cell in cells]
        unknown = [()] * len(said)
    by_scene = {}
    for scene, rows in row_of.items():
        answers = {(said[row], unknown[row]) for row in rows}
        if len(answers) > 1:
            raise LabelError(
                f"{path}: rows {rows[0] + 2} and {rows[1] + 2} both name {images[scene].name} but "
                "say different things; keep one of them"
            )
        by_scene[scene] = said[rows[0]]
    values = (
        tuple(columns)
        if of_bits
        # A class that only rows without a picture have is no class of these pictures.
        else tuple(dict.fromkeys(value for labels in by_scene.values() for value in labels or ()))
    )
    return TagTable(
        path=path,
        column=columns[0],
        values=values,
        integers=are_ids(values),
        by_scene=by_scene,
        unknown={scene: unknown[rows[0]] for scene, rows in row_of.items()},
        multilabel=multilabel,
        notes=tuple(notes),
    )


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise LabelError(
            f"{path}: no such table; check labels: tags, or write tags: folders where a picture's "
            "class is the name of its folder"
        )
    table = read_text_table(path)
    if len(table.columns) < 2 or not len(table):
        raise LabelError(
            f"{path}: expected a header, a column of file names and one of classes, found "
            f"{len(table)} rows with the column(s) {', '.join(table.columns)}"
        )
    return table


def _name_column(
    table: pd.DataFrame,
    settings: TagSettings,
    path: Path,
    images: Mapping[str, Path],
    notes: list[str],
) -> str:
    columns = list(table.columns)
    if settings.name is not None:
        _require_column(settings.name, columns, path)
        return settings.name
    keys = _scene_keys(images)
    hits = [sum(_scene_of(cell, keys) is not None for cell in table[name]) for name in columns]
    if not max(hits):
        shown = listed([image.name for image in images.values()], _NAMED)
        raise LabelError(
            f"{path}: no cell names a picture: row 2 holds {', '.join(table.iloc[0])}; pictures "
            f"{shown}. Write their file names into a column, and name it: labels: {{name: ...}}"
        )
    chosen = columns[hits.index(max(hits))]
    notes.append(f"pictures are named by column '{chosen}'")
    return chosen


def _label_columns(
    table: pd.DataFrame, settings: TagSettings, path: Path, notes: list[str]
) -> tuple[list[str], bool]:
    """The columns of labels, and whether they hold 0 and 1: those that a list names do."""
    columns = list(table.columns)
    if settings.column is None:
        chosen = _found_columns(table, path, notes)
        return chosen, len(chosen) > 1
    named = [settings.column] if isinstance(settings.column, str) else settings.column
    for column in named:
        _require_column(column, columns, path)
    return list(named), isinstance(settings.column, list)


def _number_column(table: pd.DataFrame, path: Path, notes: list[str]) -> str:
    """The only column of numbers; which of several is to be learnt, only a person can say."""
    found = [name for name in table.columns if _is_numbers(table[name])]
    if len(found) != 1:
        told = listed(found or list(table.columns), _NAMED)
        what = f"{len(found)} columns hold numbers" if found else "no column holds numbers"
        raise LabelError(
            f"{path}: {what} ({told}); name the one to be learnt: labels: {{column: "
            f"{found[-1] if found else '...'}}}"
        )
    notes.append(f"numbers taken from column '{found[0]}'")
    return found[0]


def _is_numbers(cells: pd.Series) -> bool:
    """Whether all cells that tell something are numbers, and not counted rows."""
    known = [cell.strip() for cell in cells if cell.strip().casefold() not in UNKNOWN]
    numbers = [number_in(cell) for cell in known]
    counted = [[float(first + n) for n in range(len(cells))] for first in (0, 1)]
    return bool(known) and None not in numbers and numbers not in counted


def _several_in_cells(settings: TagSettings, cells: pd.Series) -> bool:
    """Whether pictures may have several labels in one cell."""
    if settings.multilabel is not None:
        return settings.multilabel
    return any(settings.separator in cell for cell in cells)


def _found_columns(table: pd.DataFrame, path: Path, notes: list[str]) -> list[str]:
    bits = [name for name in table.columns if _is_bits(table[name])]
    if len(bits) > 1 and len(bits) == len(table.columns):
        notes.append(f"labels taken from {len(bits)} columns of 0 and 1: {listed(bits, _NAMED)}")
        return bits
    choice = choose_class_column(table, fewest=1)
    if choice.column is None:
        raise LabelError(
            f"{path}: no column looks like classes (columns: {', '.join(table.columns)}); name it: "
            "labels: {column: ...}"
        )
    others = f"; passed over: {', '.join(choice.passed_over)}" if choice.passed_over else ""
    notes.append(f"classes taken from column '{choice.column}'{others}")
    return [choice.column]


def _rows(
    cells: pd.Series, path: Path, column: str, images: Mapping[str, Path], notes: list[str]
) -> dict[str, list[int]]:
    """The rows that name each picture."""
    keys = _scene_keys(images)
    row_of: dict[str, list[int]] = {}
    strangers: list[str] = []
    for row, cell in enumerate(cells):
        scenes = _scene_of(cell, keys)
        if scenes is None:
            strangers.append(cell)
        elif len(scenes) > 1:
            raise LabelError(
                f"{path}: row {row + 2} names '{cell}', but {len(scenes)} pictures are called so; "
                f"write the folder before it, such as {_with_folder(images[scenes[0]])}"
            )
        else:
            row_of.setdefault(scenes[0], []).append(row)
    missing = [image.name for scene, image in images.items() if scene not in row_of]
    if missing:
        rows = f" (rows without a picture: {listed(strangers, _NAMED)})" if strangers else ""
        raise LabelError(
            f"{path}: {len(missing)} of {len(images)} pictures have no row: "
            f"{listed(missing, _NAMED)}{rows}. Add their rows (an empty class means "
            "unlabelled), or take these pictures out of imagery:"
        )
    if strangers:
        notes.append(
            f"{counted(len(strangers), 'row')} without a picture passed over: "
            f"{listed(strangers, _NAMED)}"
        )
    return row_of


def _scene_keys(images: Mapping[str, Path]) -> dict[str, list[str]]:
    """Scenes by everything that a row may call them."""
    keys: dict[str, list[str]] = {}
    for scene, image in images.items():
        called = {scene}
        for depth in range(1, _DEEPEST + 1):
            called.add("/".join(image.parts[-depth:]))
            called.add("/".join(image.with_suffix("").parts[-depth:]))
        for key in called:
            keys.setdefault(_plain(key), []).append(scene)
    return keys


def _scene_of(cell: str, keys: Mapping[str, list[str]]) -> list[str] | None:
    """The scenes that a cell names; its folders count as far as they are known."""
    parts = [part for part in _plain(cell).replace("\\", "/").split("/") if part]
    for start in range(len(parts)):
        found = keys.get("/".join(parts[start:]))
        if found is not None:
            return found
    return None


def _plain(name: str) -> str:
    return composed(name).strip().casefold()


def _of_bits(
    table: pd.DataFrame, columns: Sequence[str], path: Path
) -> tuple[list[tuple[str, ...] | None], list[tuple[str, ...]]]:
    """For each row the labels that it has, None where all are unknown, and those unknown."""
    said: list[tuple[str, ...] | None] = []
    unknown: list[tuple[str, ...]] = []
    for row, cells in enumerate(table[list(columns)].itertuples(index=False)):
        words = [str(cell).strip().casefold() for cell in cells]
        for column, word in zip(columns, words, strict=True):
            if word not in _BITS and word not in UNKNOWN:
                raise LabelError(
                    f"{path}: row {row + 2}, column '{column}' holds '{word}'; columns that are "
                    "listed hold 1 (has the label), 0 (has it not) or nothing (unknown). A column "
                    f"of classes is named without brackets: labels: {{column: {column}}}"
                )
        open_ = tuple(c for c, word in zip(columns, words, strict=True) if word in UNKNOWN)
        has = tuple(c for c, word in zip(columns, words, strict=True) if _BITS.get(word))
        said.append(None if len(open_) == len(columns) else has)
        unknown.append(open_)
    return said, unknown


def _labels(cell: str, settings: TagSettings, multilabel: bool) -> tuple[str, ...]:
    if not multilabel:
        return (cell,)
    words = (word.strip() for word in cell.split(settings.separator))
    return tuple(dict.fromkeys(word for word in words if word))


def _is_bits(cells: pd.Series) -> bool:
    words = {str(cell).strip().casefold() for cell in cells}
    return bool(words & set(_BITS)) and words <= set(_BITS) | UNKNOWN


def _require_column(name: str, columns: Sequence[str], path: Path) -> None:
    if name not in columns:
        raise LabelError(f"{path}: no column '{name}'; {nearest(name, columns)}")


def _with_folder(image: Path) -> str:
    return "/".join(image.parts[-2:])
