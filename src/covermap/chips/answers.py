"""What each task asks of a chip: classes of pixels, one class, tags, or a number in each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from covermap.chips.view import View
from covermap.core.grid import Window, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.density import Cap, Density, scaled
from covermap.labels.numbers import Numbers
from covermap.labels.presence import class_counts, main_class, presence
from covermap.labels.protocol import Labels
from covermap.labels.settings import PresenceSettings
from covermap.labels.tags import Tags


@dataclass(frozen=True)
class Place:
    """A window of a scene with what was read of it, and its counted pixels, bool (H, W)."""

    scene: Scene
    window: Window
    view: View
    counted: np.ndarray


@dataclass(frozen=True)
class Answer:
    """What a loss and a score compare a prediction with; both arrays of one shape.

    Attributes
    ----------
    target : ndarray
        See `covermap.chips.sample.Sample`.
    counted : ndarray of bool
    """

    target: np.ndarray
    counted: np.ndarray


class Answers(Protocol):
    """The right answer of a task for any chip."""

    def of(self, place: Place) -> Answer: ...


@dataclass(frozen=True)
class PixelClasses:
    """The class of each pixel: int64 (H, W)."""

    def of(self, place: Place) -> Answer:
        return Answer(place.view.target.index.astype(np.int64), place.counted)


@dataclass(frozen=True)
class ChipClass:
    """The class that most counted pixels of a chip have: int64, without an axis.

    Attributes
    ----------
    classes : int
        Length of the legend.
    """

    classes: int

    def of(self, place: Place) -> Answer:
        found = main_class(class_counts(place.view.target, place.counted, self.classes))
        return Answer(np.asarray(found or 0, dtype=np.int64), np.asarray(found is not None))

    def of_counts(self, scene_name: str, counts: np.ndarray, pixels: int) -> np.ndarray:
        """Float32 (K,): 1 for the class of a chip; as `ChipTags.of_counts`."""
        found = main_class(counts)
        if found is None:
            return np.full(self.classes, np.nan, dtype=np.float32)
        return np.eye(self.classes, dtype=np.float32)[found]


@dataclass(frozen=True)
class ChipTags:
    """Which labels a chip has: float32 (K,), counted where that is known.

    Attributes
    ----------
    labels : Labels
        Tags say it of the whole picture; of others the counted pixels of each class do.
    rule : PresenceSettings
        How pixels become labels of a chip.
    """

    labels: Labels
    rule: PresenceSettings

    def of(self, place: Place) -> Answer:
        found = self._presence(place)
        known = ~np.isnan(found)
        return Answer(np.where(known, found, 0).astype(np.float32), known)

    def of_counts(self, scene_name: str, counts: np.ndarray, pixels: int) -> np.ndarray:
        """Which labels a chip has: float32 (K,), 1 or 0, NaN where that is unknown.

        Parameters
        ----------
        scene_name : str
        counts : ndarray of int, shape (K,)
            Counted pixels of each class.
        pixels : int
            All pixels of the chip within its scene.
        """
        if isinstance(self.labels, Tags):
            return self.labels.presence_of(scene_name)
        return presence(counts, pixels, self.rule)

    def _presence(self, place: Place) -> np.ndarray:
        classes = len(self.labels.legend)
        if not place.counted.any():
            return np.full(classes, np.nan, dtype=np.float32)
        if isinstance(self.labels, Tags):
            # Pixels of a picture stand for one of its labels, or for none, which is no class.
            return self.labels.presence_of(place.scene.name)
        counts = class_counts(place.view.target, place.counted, classes)
        return self.of_counts(place.scene.name, counts, int(place.view.inside.sum()))


@dataclass(frozen=True)
class CellDensity:
    """The density of points in each cell: float32 (H, W), 0..1.

    Attributes
    ----------
    labels : Density
    cap : Cap
        Of the training ground.
    """

    labels: Density
    cap: Cap

    def of(self, place: Place) -> Answer:
        counts = self.labels.counts(window_geobox(place.scene.geobox, place.window))
        return Answer(scaled(counts.number, self.cap), place.counted)


@dataclass(frozen=True)
class ChipDensity:
    """The mean density of a chip's counted cells: float32, 0..1, without an axis."""

    cells: CellDensity

    def of(self, place: Place) -> Answer:
        cells = self.cells.of(place)
        known = bool(cells.counted.any())
        mean = cells.target[cells.counted].mean(dtype=np.float64) if known else 0.0
        return Answer(np.asarray(mean, dtype=np.float32), np.asarray(known))


@dataclass(frozen=True)
class ChipNumber:
    """The number of the picture that a chip is of: float32, without an axis.

    Attributes
    ----------
    labels : Numbers
    mean, spread : float
        What 0 stands for, and by how much 1 is more.
    """

    labels: Numbers
    mean: float
    spread: float

    def of(self, place: Place) -> Answer:
        number = self.labels.number_of(place.scene.name)
        known = bool(place.counted.any()) and not np.isnan(number)
        target = (number - self.mean) / self.spread if known else 0.0
        return Answer(np.asarray(target, dtype=np.float32), np.asarray(known))


class Scale(Protocol):
    """Of numbers: what 0 stands for, and by how much 1 is more."""

    @property
    def mean(self) -> float: ...
    @property
    def spread(self) -> float: ...


def answers_of(
    task: str,
    labels: Labels,
    rule: PresenceSettings | None = None,
    scale: Cap | Scale | None = None,
    of_chips: bool = False,
) -> Answers:
    """What a task asks of its chips.

    Parameters
    ----------
    task : str
        As a project file names it.
    labels : Labels
        For `regression` a `Density`, or `Numbers`.
    rule : PresenceSettings, optional
        For `multilabel` and `weak-segmentation`; the usual one when not given.
    scale : Cap or Scale, optional
        For `regression`, fitted to training ground: a cap of densities, else a scale.
    of_chips : bool
        Whether a regression asks for one number a chip.
    """
    if task == "classification":
        return ChipClass(len(labels.legend))
    if task in ("multilabel", "weak-segmentation"):
        return ChipTags(labels, rule or PresenceSettings())
    if task == "regression":
        if isinstance(labels, Numbers) and scale is not None and not isinstance(scale, Cap):
            return ChipNumber(labels, scale.mean, scale.spread)
        if not isinstance(labels, Density) or not isinstance(scale, Cap):
            raise ValueError("a regression needs counted points and their cap, or numbers")
        cells = CellDensity(labels, scale)
        return ChipDensity(cells) if of_chips else cells
    return PixelClasses()
