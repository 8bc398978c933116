"""Tags: one class, or a set of labels, for each whole picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError, counted, hint, listed
from covermap.core.files import is_hidden
from covermap.core.legend import Legend, LegendClass
from covermap.core.names import composed
from covermap.imagery.raster import Scene
from covermap.labels.classes import legend_of_column
from covermap.labels.columns import number_in
from covermap.labels.kind_settings import FOLDERS, TagSettings
from covermap.labels.mask_finding import image_path
from covermap.labels.protocol import NothingDrawn
from covermap.labels.settings import LabelSettings
from covermap.labels.slips import classes_not_held
from covermap.labels.tag_table import TagTable, read_tag_table
from covermap.labels.target import Target

# What a split calls pictures that have none of the labels.
NO_LABEL = "no label"
_NAMED = 4

# As many different numbers with decimals may still be codes.
_MOST_NUMBERS = 12


@dataclass(frozen=True)
class Tags(NothingDrawn):
    """The labels of each picture.

    Attributes
    ----------
    legend : Legend
    path : Path
        The table, or the folder above the class folders.
    by_scene : mapping of str to ndarray of float32, shape (K,)
        For each picture 1 where it has the label, 0 where it has not, NaN where that is unknown.
    multilabel : bool
        Whether a picture may have several labels, or none.
    files : tuple of Path
        The table; nothing for folders.
    notes : tuple of str
        What was chosen or passed over.
    """

    legend: Legend
    path: Path
    by_scene: Mapping[str, np.ndarray]
    multilabel: bool
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    _leading: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._leading.update(_leading_labels(self.by_scene))

    @property
    def strata(self) -> Tags:
        """The same with a class for pictures of which only is known what they have not.

        So a split deals them out as it does those of each label; nothing learns this class.
        """
        none = len(self.legend)
        if none not in self._leading.values():
            return self
        name = NO_LABEL
        while name in self.legend.names:
            name += " of these"
        bare = LegendClass(max(self.legend.ids) + 1, name, "#888888")
        return replace(self, legend=Legend((*self.legend.classes, bare)))

    @property
    def pictures(self) -> tuple[int, ...]:
        """How many pictures have each label."""
        found = [np.nan_to_num(vector) for vector in self.by_scene.values()]
        return tuple(int(n) for n in np.sum(found, axis=0)) if found else self.drawn

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """The picture's class at every pixel of a grid, whatever window of the picture it is.

        Of several labels the one that fewest pictures have stands for the picture, so that a split
        by class keeps rare labels on all sides; `presence_of` tells all of them. For a picture that
        is known to lack labels and has none K stands, which only `strata` has a class for. A
        picture of which nothing is known is unlabelled.
        """
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        place = self._leading.get(scene_name)
        return Target(
            np.full(shape, 0 if place is None else place, dtype=np.int16),
            np.full(shape, place is not None, dtype=bool),
            np.full(shape, -1, dtype=np.int32),
        )

    def presence_of(self, scene_name: str) -> np.ndarray:
        """Float32 (K,): 1 for labels that the picture has, 0 for others, NaN where unknown."""
        vector = self.by_scene.get(scene_name)
        if vector is None:
            return np.full(len(self.legend), np.nan, dtype=np.float32)
        return np.array(vector, dtype=np.float32)

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether it is known of some label whether the picture has it."""
        return scene_name in self._leading

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """How many pictures have each label.

        Raises
        ------
        LabelError
            No picture has any.
        """
        if not any(self.pictures):
            raise LabelError(f"{self.path}: no picture has a label")
        told = ", ".join(
            f"{name} ({number})"
            for name, number in zip(self.legend.names, self.pictures, strict=True)
        )
        notes = [f"pictures by label: {told}"]
        unseen = [
            name
            for name, number in zip(self.legend.names, self.pictures, strict=True)
            if not number
        ]
        if unseen:
            notes.append(
                f"no picture has the label {listed(unseen, _NAMED)}: it cannot be learnt; add "
                "pictures, or take it out"
            )
        none = sum(place == len(self.by_scene[name]) for name, place in self._leading.items())
        if none:
            notes.append(
                f"{counted(none, 'picture')} with none of these labels, which is learnt too"
            )
        bare = [scene.name for scene in scenes if scene.name not in self._leading]
        if bare:
            notes.append(
                f"{counted(len(bare), 'picture')} without a label, so unlabelled: "
                f"{listed(bare, _NAMED)}"
            )
        return tuple(notes)

    def of_one_label(self) -> Tags:
        """The same where pictures are to have one class: those without a label are unlabelled.

        Raises
        ------
        LabelError
            Naming one of them.
        """
        several = {name: row for name, row in self.by_scene.items() if (row == 1).sum() > 1}
        if not several:
            nothing = np.full(len(self.legend), np.nan, dtype=np.float32)
            rows = {
                name: row if (row == 1).any() else nothing for name, row in self.by_scene.items()
            }
            return replace(self, by_scene=rows)
        name, row = next(iter(several.items()))
        labels = [self.legend.names[k] for k in np.flatnonzero(row == 1)]
        raise LabelError(
            f"{self.path}: {len(several)} pictures carry several labels, such as {name} "
            f"({', '.join(labels)}), and task: classification gives each picture one class; write "
            "task: multilabel, or name a column of one class: labels: {column: ...}"
        )


def read_tags(settings: TagSettings, base: Path, scenes: Sequence[Scene]) -> Tags:
    """The tags of a project's pictures, from the names of their folders or from a table.

    Parameters
    ----------
    settings : TagSettings
    base : Path
        Folder that relative paths start from.
    scenes : sequence of Scene
        The pictures, each of a name of its own.

    Raises
    ------
    LabelError
        The table cannot be used, a picture has no row in it, or a class is not named.
    """
    if settings.tags == FOLDERS:
        return _of_folders(settings, scenes)
    table = read_tag_table(settings, base / settings.tags, {s.name: image_path(s) for s in scenes})
    _require_no_measurements(table)
    legend, index_of = legend_of_column(
        table.values, table.integers, _as_column(settings), table.path, table.column
    )
    by_scene = {
        name: _vector(table, name, index_of, len(legend)) for name in (s.name for s in scenes)
    }
    missing = [name for name in settings.classes or () if name not in table.values]
    unheld = classes_not_held(missing, table.values, f"column '{table.column}' does not hold it")
    notes = (*table.notes, *unheld)
    return Tags(legend, table.path, by_scene, table.multilabel, (table.path,), notes)


def _require_no_measurements(table: TagTable) -> None:
    """Refuse a column of numbers that are measured and not given: each would be a class."""
    values = table.values
    if table.multilabel or table.integers or len(values) <= _MOST_NUMBERS:
        return
    found = [number_in(value) for value in values]
    numbers = {number for number in found if number is not None}
    if len(numbers) < len(found) or all(number.is_integer() for number in numbers):
        return
    raise LabelError(
        f"{table.path}: column '{table.column}' holds {len(numbers)} different numbers "
        f"({min(numbers):g} to {max(numbers):g}), and each would be a class; to learn the numbers "
        "write task: regression, else name another column: labels: {column: ...}"
    )


def class_folder(scene: Scene) -> Path:
    """The folder whose name is the class of a picture: the one that it lies in.

    A picture of several files in a folder of its own lies in the folder above that.
    """
    folder = image_path(scene).parent
    return folder.parent if len(scene.files) > 1 and folder.name == scene.name else folder


def _of_folders(settings: TagSettings, scenes: Sequence[Scene]) -> Tags:
    folder_of = {scene.name: class_folder(scene) for scene in scenes}
    roots = list(dict.fromkeys(folder.parent for folder in folder_of.values()))
    names = [composed(folder.name) for folder in folder_of.values()]
    for name, folder in zip(names, folder_of.values(), strict=True):
        if settings.classes is not None and name not in [*settings.classes, *settings.ignore]:
            raise LabelError(
                f"{folder}: this folder's name is not in labels: classes; "
                f"{hint(name, settings.classes)} Add it there, or to labels: ignore"
            )
    legend, index_of = legend_of_column(names, False, _as_column(settings), roots[0], "folder")
    by_scene = {}
    for scene, name in zip(scenes, names, strict=True):
        vector = np.full(len(legend), np.nan, dtype=np.float32)
        if name in index_of:
            vector[:] = 0
            vector[index_of[name]] = 1
        by_scene[scene.name] = vector
    notes = tuple(
        f"{folder}: holds no picture, so it is no class"
        for root in roots
        for folder in (sorted(root.iterdir()) if root.is_dir() else ())
        if folder.is_dir() and not is_hidden(folder.name) and not any(folder.iterdir())
    )
    missing = [name for name in settings.classes or () if name not in names]
    notes += tuple(classes_not_held(missing, names, "no picture lies in a folder of that name"))
    return Tags(legend, roots[0], by_scene, False, notes=notes)


def _as_column(settings: TagSettings) -> LabelSettings:
    """The settings by which a column of classes becomes a legend."""
    return LabelSettings(path=settings.tags, classes=settings.classes, ignore=settings.ignore)


def _vector(table: TagTable, name: str, index_of: Mapping[str, int], classes: int) -> np.ndarray:
    said = table.by_scene[name]
    vector = np.full(classes, np.nan if said is None else 0.0, dtype=np.float32)
    if said is None:
        return vector
    if said and not any(value in index_of for value in said):
        # An ignored class says nothing of the others.
        return np.full(classes, np.nan, dtype=np.float32)
    # What is unknown of a merged class stands back behind what is known of it.
    for value in table.unknown.get(name, ()):
        if value in index_of:
            vector[index_of[value]] = np.nan
    for value in said:
        if value in index_of:
            vector[index_of[value]] = 1
    return vector


def _leading_labels(by_scene: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The label of each picture that fewest pictures have; of equally rare ones the first.

    K where a picture has none of the labels that are known of it; pictures of which nothing is
    known are left out.
    """
    known = {name: vector for name, vector in by_scene.items() if not np.isnan(vector).all()}
    if not known:
        return {}
    has = np.array([vector == 1 for vector in known.values()])
    counts = has.sum(axis=0)
    rarity = np.where(has, counts, len(known) + 1)
    leading = np.where(has.any(axis=1), rarity.argmin(axis=1), has.shape[1])
    return dict(zip(known, leading.tolist(), strict=True))
