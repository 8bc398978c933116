"""Everything that the page of a run shows, gathered before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from covermap.assessment.areas import ClassArea
from covermap.core.legend import Legend


class EpochScores(Protocol):
    """What training noted of one epoch; None where it was not measured."""

    @property
    def epoch(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def validation_loss(self) -> float | None: ...
    @property
    def validation_score(self) -> float | None: ...
    @property
    def measure(self) -> str: ...


@dataclass(frozen=True)
class Curve:
    """The learning of one network (of one fold, in a k-fold).

    `unit` says what errors are counted in, where that needs saying.
    """

    title: str
    rows: tuple[EpochScores, ...]
    unit: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """A piece of test ground: what was seen, drawn and predicted.

    Attributes
    ----------
    caption : str
        Where it is.
    image : ndarray of uint8, shape (H, W, 3)
        For the eye.
    truth, prediction : ndarray of int16, shape (H, W)
        Positions in the legend; -1 where unlabelled, or without prediction.
    confidence : ndarray of float, shape (H, W), or None
        Probability 0..1 that the model gives its answer; NaN where it gives none.
    """

    caption: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    confidence: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class SceneParts:
    """Which ground of a scene taught and which tested.

    Attributes
    ----------
    name : str
        The scene.
    background : ndarray of uint8, shape (H, W, 3)
        The scene, for the eye.
    extent : tuple of float
        Left, right, bottom and top of the background in the scene's CRS (or pixels).
    parts : tuple of (str, sequence of ndarray)
        Name of a part (`train`, `val`, `test`, or a fold) and the exterior rings of its polygons,
        each an array (N, 2) of x and y.
    whole : str or None
        The part that the scene belongs to as a whole, where scenes are held out whole.
    grid : tuple of float or None
        Where columns and rows of the background lie, as a, b, c, d, e, f of x = a col + b row + c,
        y = d col + e row + f: scenes may be south-up or rotated. None: they fill the extent.
    """

    name: str
    background: np.ndarray
    extent: tuple[float, float, float, float]
    parts: tuple[tuple[str, Sequence[np.ndarray]], ...]
    whole: str | None = None
    grid: tuple[float, float, float, float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class SplitMap:
    """Which ground taught and which tested.

    Attributes
    ----------
    scenes : tuple of SceneParts
        Those that are shown, at least one.
    more : int
        How many scenes are not shown.
    counts : tuple of (str, int)
        Polygons, blocks or scenes of each part, over all scenes.
    audit : tuple of str
        What the audit of the split found, a line each.
    """

    scenes: tuple[SceneParts, ...]
    more: int
    counts: tuple[tuple[str, int], ...]
    audit: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ChipChoice:
    """Windows that became chips, and windows with labels that did not.

    Attributes
    ----------
    kept_valid, rejected_valid, kept_cloud, rejected_cloud : ndarray of float64
        Share 0..1 of usable pixels, and of cloud, of each window.
    reasons : tuple of (str, int)
        Why windows were left out and how many for each reason; a window may have several.
    min_valid, max_cloud : float or None
        The project's limits; None without one.
    """

    kept_valid: np.ndarray
    rejected_valid: np.ndarray
    kept_cloud: np.ndarray
    rejected_cloud: np.ndarray
    reasons: tuple[tuple[str, int], ...]
    min_valid: float | None = None
    max_cloud: float | None = None


@dataclass(frozen=True, eq=False)
class Doubt:
    """A polygon that the model sees as another class than was drawn.

    Attributes
    ----------
    source : str
        Which polygon, as its owner finds it: `row 12`.
    drawn, predicted : str
        Names of classes; `predicted` is the model's commonest answer inside.
    agreement : float
        Share 0..1 of its pixels that the model gives the drawn class.
    confidence : float or None
        Mean probability 0..1 that the model gives its own answer.
    pixels : int
        How many pixels of it were scored.
    longitude, latitude : float or None
        Of a point inside, degrees; None in a picture without CRS.
    thumbnail : ndarray of uint8, shape (H, W, 3), or None
        The polygon on the image.
    """

    source: str
    drawn: str
    predicted: str
    agreement: float
    confidence: float | None
    pixels: int
    longitude: float | None = None
    latitude: float | None = None
    thumbnail: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ReportContent:
    """The page of one run.

    Attributes
    ----------
    name : str
        The project.
    legend : Legend
        Names and colours of the classes.
    headlines : tuple of str
        What must be read first; see `covermap.report.page.headlines_of`.
    metrics : mapping
        The content of `metrics.json`: `test`, and `baselines` with `majority` and `random_forest`.
    how_tested : str
        A half sentence: `blocks of 128 px, 10 of 64 never seen`.
    model : str
        What the tables call the model; see `covermap.report.model_words`.
    leak_allowed : bool
        The project allowed test ground in training: stamped on every table.
    curves, panels, split, chips, doubts, map_picture, areas
        Sections of the page; left out where there is nothing to show. `map_picture` is uint8
        (H, W, 3).
    no_doubts : str
        Why no doubted polygon is shown; empty where nothing is to be said of that.
    areas_of : str or None
        The scene whose areas are told, where several show the same ground.
    map_name : str or None
        Which scene it is of, where there are several.
    further_maps : tuple of (str, ndarray)
        Of other scenes: name and small picture.
    maps_not_shown : int
        How many more maps there are.
    provenance : tuple of (str, str)
        Versions, seed, model, bands: what it takes to make the run again.
    map_file, bundle_file, preview_file : str or None
        Names of the files beside the page.
    """

    name: str
    legend: Legend
    headlines: tuple[str, ...]
    metrics: Mapping[str, Any]
    how_tested: str
    model: str = "network"
    leak_allowed: bool = False
    curves: tuple[Curve, ...] = ()
    panels: tuple[Panel, ...] = ()
    split: SplitMap | None = None
    chips: ChipChoice | None = None
    doubts: tuple[Doubt, ...] = ()
    no_doubts: str = ""
    map_picture: np.ndarray | None = None
    map_name: str | None = None
    further_maps: tuple[tuple[str, np.ndarray], ...] = ()
    maps_not_shown: int = 0
    areas: tuple[ClassArea, ...] = ()
    areas_of: str | None = None
    provenance: tuple[tuple[str, str], ...] = ()
    map_file: str | None = None
    bundle_file: str | None = None
    preview_file: str | None = None
