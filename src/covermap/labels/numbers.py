"""Numbers of whole pictures: one for each, from a column of a table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError
from covermap.core.legend import Legend
from covermap.imagery.raster import Scene
from covermap.labels.kind_settings import TagSettings
from covermap.labels.mask_finding import image_path
from covermap.labels.protocol import NothingDrawn
from covermap.labels.tag_table import read_tag_table
from covermap.labels.target import Target
from covermap.labels.text_table import UNKNOWN

_SHARES = (1 / 3, 2 / 3)
_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+(?:[eE][-+]?[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2},[0-9]{3}")


@dataclass(frozen=True)
class Numbers(NothingDrawn):
    """The number of each picture.

    Attributes
    ----------
    legend : Legend
        Thirds of the known numbers: a split keeps each of them on all sides. Nothing learns them.
    path : Path
        The table.
    column : str
        What the numbers are called.
    by_scene : mapping of str to float
        Of each picture; NaN where unknown.
    breaks : tuple of float
        Highest number of each third but the last.
    notes : tuple of str
        What was chosen or passed over.
    """

    legend: Legend
    path: Path
    column: str
    by_scene: Mapping[str, float]
    breaks: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def number_of(self, scene_name: str) -> float:
        """The number of a picture; NaN where it is unknown."""
        return self.by_scene.get(scene_name, math.nan)

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """The third that the picture's number lies in, at every pixel of a grid."""
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        number = self.number_of(scene_name)
        known = not math.isnan(number)
        third = int(np.searchsorted(self.breaks, number)) if known else 0
        return Target(
            np.full(shape, third, dtype=np.int16),
            np.full(shape, known, dtype=bool),
            np.full(shape, -1, dtype=np.int32),
        )

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether the picture has a number."""
        return not math.isnan(self.number_of(scene_name))

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """How the numbers are spread.

        Raises
        ------
        LabelError
            No picture has any.
        """
        numbers = [self.number_of(scene.name) for scene in scenes]
        known = np.array([number for number in numbers if not math.isnan(number)])
        if not len(known):
            raise LabelError(f"{self.path}: no picture has a number in column '{self.column}'")
        told = (
            f"{self.column}: {len(known)} pictures, {known.min():g} to {known.max():g}, "
            f"mean {known.mean():.4g}"
        )
        bare = len(numbers) - len(known)
        return (told, *([f"{bare} pictures have no number and are unlabelled"] if bare else []))


def read_numbers(settings: TagSettings, base: Path, scenes: Sequence[Scene]) -> Numbers:
    """The numbers of a project's pictures.

    Parameters
    ----------
    settings : TagSettings
        With one `column`.
    base : Path
        Folder that relative paths start from.
    scenes : sequence of Scene
        The pictures, each of a name of its own.

    Raises
    ------
    LabelError
        The table cannot be used, a picture has no row in it, a cell is no number, or all numbers
        are the same.
    """
    single = settings.model_copy(update={"multilabel": False})
    table = read_tag_table(
        single, base / settings.tags, {s.name: image_path(s) for s in scenes}, True
    )
    cells = {scene.name: (table.by_scene[scene.name] or ("",))[0] for scene in scenes}
    if _have_decimal_commas(cells.values()):
        cells = {name: cell.replace(",", ".") for name, cell in cells.items()}
    by_scene = {name: _number(cell, table.path, table.column, name) for name, cell in cells.items()}
    known = np.array([number for number in by_scene.values() if not math.isnan(number)])
    breaks = _breaks(known)
    if not breaks:
        raise LabelError(
            f"{table.path}: column '{table.column}' holds {len(set(known.tolist()))} different "
            "number(s), expected 2 or more: nothing can be learnt of one"
        )
    legend = _legend_of_thirds(table.column, breaks)
    return Numbers(legend, table.path, table.column, by_scene, breaks, table.notes)


def _have_decimal_commas(cells: Iterable[str]) -> bool:
    """Whether a comma is the decimal sign of a column, as in half of Europe.

    `1,250` alone may as well be a thousand and more: some number must have fewer or more decimals.
    """
    commas = [cell for cell in cells if "," in cell]
    return all(_COMMA.fullmatch(cell) for cell in commas) and not all(
        _THOUSANDS.fullmatch(cell) for cell in commas
    )


def _number(cell: str, path: Path, column: str, picture: str) -> float:
    if cell.casefold() in UNKNOWN:
        return math.nan
    try:
        number = float(cell)
    except ValueError:
        number = math.inf
    if not math.isfinite(number):
        raise LabelError(
            f"{path}: column '{column}' holds '{cell}' for picture {picture}, expected a number "
            "such as 12.5, or an empty cell where it is unknown"
        )
    return number


def _breaks(known: np.ndarray) -> tuple[float, ...]:
    """Numbers that end a third, each below the highest number; at least one unless all agree."""
    different = np.unique(known)
    if len(different) < 2:
        return ()
    ends = np.unique(np.quantile(known, _SHARES, method="lower"))
    below = ends[ends < different[-1]]
    # Where most pictures have the highest number, the others are set apart from it.
    return tuple(float(end) for end in (below if len(below) else different[-2:-1]))


def _legend_of_thirds(column: str, breaks: tuple[float, ...]) -> Legend:
    names = [f"{column} up to {end:g}" for end in breaks]
    return Legend.of(dict(enumerate([*names, f"{column} above {breaks[-1]:g}"], start=1)))
