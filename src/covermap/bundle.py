"""A trained model as a folder: `bundle.json` with every fact needed to use it, and its weights.

Nothing in the folder is executed: JSON and safetensors hold data only.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import BundleError, CovermapError, ImageryError
from covermap.core.files import (
    complete_folder,
    content_digest,
    file_digest,
    read_json,
    write_json,
)
from covermap.core.grid import pixel_size_m
from covermap.core.legend import Legend
from covermap.imagery.raster import Band, Scene

_FACTS = "bundle.json"
_WEIGHTS = "weights.safetensors"
_FOREST = "forest.skops"
_RANGES = "ranges.json"
_FORMAT = 1
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy"})
_RESOLUTION_TOLERANCE = 0.1


@dataclass(frozen=True)
class Channel:
    """One input of a network: what it is, and its distribution over the training pixels.

    `mean`, `std`, `low` and `high` (1st and 99th percentile) are in `unit`; `wavelength_nm` is the
    centre wavelength, None for indices and the like.
    """

    name: str
    unit: str
    wavelength_nm: float | None
    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Quantity:
    """What a regression's answers measure.

    Attributes
    ----------
    name, unit : str
        E.g. `points per cell`, `1`.
    cap : float or None
        The quantity that the network's 1 stands for, where all above was learnt as 1 and answers
        are cut to 0..1; None: nothing is cut.
    mean, spread : float
        Without a cap: the quantity that the network's 0 stands for, and by how much its 1 is more.
    """

    name: str
    unit: str
    cap: float | None = None
    mean: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        if self.cap is not None and not (math.isfinite(self.cap) and self.cap > 0):
            raise ValueError(f"cap is {self.cap}, expected a number above 0, or None")
        if not (math.isfinite(self.mean) and math.isfinite(self.spread) and self.spread > 0):
            raise ValueError(f"mean {self.mean} and spread {self.spread}, expected one above 0")

    def of(self, values: np.ndarray) -> np.ndarray:
        """The quantity, in `unit`, of values that the network answers."""
        if self.cap is None:
            return values * self.spread + self.mean
        return np.clip(values, 0.0, 1.0) * self.cap


@dataclass(frozen=True)
class Bundle:
    """A trained model with the facts that its use needs.

    Attributes
    ----------
    task : str
        `segmentation`, `classification`, `multilabel`, `weak-segmentation` or `regression`.
    model : dict
        Settings of the network, as in a project file.
    channels : tuple of Channel
        In the order of the network's inputs.
    resolution_m : float
        Pixel size of the training imagery; 1 for pictures without a CRS.
    legend : Legend
        In the order of the network's outputs.
    chip_size : int
        Side of the training chips, px.
    receptive_radius : int
        How far the network sees in effect, px: the halo of its tiles.
    sees_everything : bool
        Whether an answer depends on all that the network is shown, however far: it is then mapped
        at the chip size that was validated.
    min_dates : int or None
        Of a stack of dates, how many must be valid for a pixel to be usable; None: all bands.
    imagery : dict
        How the training imagery was described (bands, scale, offset, nodata, unit, dtype); used
        for new files that do not say it themselves.
    trained_on, versions : dict
        Where it was trained, with which software.
    scores : dict
        How well it did on ground that it never saw, see `covermap.assessment.kept_scores`; empty
        until it was evaluated.
    folder : Path or None
        Where it was written to or read from.
    combiner : dict or None
        Of weak segmentation: how class activation maps become classes; see `models.combiners`.
    quantity : Quantity or None
        Of a regression: what is measured; its legend has no classes.
    tag_thresholds : tuple of float, or None
        Of tags: the probability from which each is taken as true, in the legend's order.
    """

    task: str
    model: dict[str, Any]
    channels: tuple[Channel, ...]
    resolution_m: float
    legend: Legend
    chip_size: int
    receptive_radius: int
    min_dates: int | None
    imagery: dict[str, Any]
    trained_on: dict[str, Any]
    scores: dict[str, Any]
    versions: dict[str, Any]
    sees_everything: bool = False
    folder: Path | None = None
    combiner: dict[str, Any] | None = None
    quantity: Quantity | None = None
    tag_thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        thresholds = self.tag_thresholds
        if thresholds is not None and len(thresholds) != len(self.legend):
            raise ValueError(f"{len(thresholds)} tag thresholds for {len(self.legend)} tags")
        if (self.task == "regression") != (self.quantity is not None):
            raise ValueError(f"a quantity belongs to task regression alone, task is {self.task}")

    @property
    def outputs(self) -> int:
        """How many answers the network gives: one of a regression, else one a class."""
        return 1 if self.quantity is not None else len(self.legend)

    @property
    def standardises(self) -> bool:
        """Whether its activation maps are standardised over all that the network is shown."""
        return self.combiner is not None and self.combiner.get("kind") == "standardised"

    @property
    def at_chip_size(self) -> bool:
        """Whether it is mapped at the size of its chips: the answers change with the size shown."""
        return self.sees_everything or self.standardises

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.channels)

    @property
    def is_forest(self) -> bool:
        """Whether the model is a random forest and not a network."""
        return bool(self.model.get("name") == "random-forest")


def write_bundle(
    folder: Path,
    bundle: Bundle,
    weights: dict[str, np.ndarray] | bytes,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Bundle:
    """Write a bundle, in one piece; the same content gives the same bytes.

    Parameters
    ----------
    folder : Path
        Takes the place of a bundle that is already there.
    bundle : Bundle
        The facts; its `folder` is not written.
    weights : dict of str to ndarray, or bytes
        Parameters and buffers of a network by name; of a forest, its skops archive.
    ranges : mapping, optional
        What enters each convolution on training chips, for computing in 8-bit integers.

    Returns
    -------
    Bundle
        The same with `folder` set.
    """
    from safetensors.numpy import save_file

    with complete_folder(folder) as scratch:
        if isinstance(weights, bytes):
            (scratch / _FOREST).write_bytes(weights)
        else:
            ordered = {name: np.asarray(weights[name], order="C") for name in sorted(weights)}
            save_file(ordered, scratch / _WEIGHTS)
        if ranges:
            write_json(scratch / _RANGES, {name: list(span) for name, span in ranges.items()})
        write_json(scratch / _FACTS, _to_facts(bundle))
    return dataclasses.replace(bundle, folder=folder)


def write_scores(bundle: Bundle, scores: dict[str, Any]) -> Bundle:
    """Put scores into a bundle that lies in its folder; its weights stay untouched.

    Returns
    -------
    Bundle
        The same with `scores` set.
    """
    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    scored = dataclasses.replace(bundle, scores=scores)
    write_json(bundle.folder / _FACTS, _to_facts(scored))
    return scored


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds the facts of a bundle."""
    return (folder / _FACTS).is_file()


def bundle_digest(folder: Path) -> str:
    """SHA-256 of all that a map depends on: the facts without the scores, and the weights.

    A model that was scored is the model that was trained.
    """
    try:
        facts = read_json(folder / _FACTS)
    except CovermapError:
        return file_digest(folder)
    if not isinstance(facts, dict):
        return file_digest(folder)
    files = [folder / name for name in (_WEIGHTS, _FOREST) if (folder / name).is_file()]
    told = {name: value for name, value in facts.items() if name != "scores"}
    return content_digest([told, *([path.name, file_digest(path)] for path in files)])


def read_bundle(folder: Path) -> Bundle:
    """Read the facts of a bundle; its weights are read by `read_weights`.

    Raises
    ------
    BundleError
        The folder is no bundle, lacks its weights, holds pickles, was written in a format that
        this version does not know, or its JSON is broken.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder; expected a bundle (a folder with {_FACTS})")
    _refuse_pickles(folder)
    if not is_bundle(folder):
        raise BundleError(
            f"{folder}: not a bundle (no {_FACTS} in it); give the folder 'bundle' of a run"
        )
    try:
        facts = read_json(folder / _FACTS)
    except CovermapError as error:
        raise BundleError(str(error)) from None
    bundle = _from_facts(facts, folder)
    weights = _FOREST if bundle.is_forest else _WEIGHTS
    if not (folder / weights).is_file():
        raise BundleError(f"{folder}: lacks its weights ({weights}); copy the whole folder")
    return bundle


def read_weights(bundle: Bundle) -> dict[str, np.ndarray]:
    """Parameters and buffers of a bundle's network by name.

    Raises
    ------
    BundleError
        The file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    path = bundle.folder / _WEIGHTS
    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise BundleError(f"{path}: no such file; copy the whole bundle") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BundleError(
            f"{path}: not readable as safetensors ({error}); copy the whole bundle again"
        ) from None


def read_forest(bundle: Bundle) -> bytes:
    """The skops archive of a bundle's forest."""
    if bundle.folder is None:
        raise ValueError("this bundle was not read from a folder")
    path = bundle.folder / _FOREST
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy the whole bundle") from None


def read_ranges(bundle: Bundle) -> dict[str, tuple[float, float]]:
    """Ranges of the inputs of a network's convolutions by name; empty where none are kept.

    Raises
    ------
    BundleError
        The file is damaged.
    """
    if bundle.folder is None or not (bundle.folder / _RANGES).is_file():
        return {}
    path = bundle.folder / _RANGES
    try:
        spans = {str(name): (float(a), float(b)) for name, (a, b) in read_json(path).items()}
    except (CovermapError, AttributeError, TypeError, ValueError):
        spans = {"": (math.nan, math.nan)}
    if not all(math.isfinite(end) for span in spans.values() for end in span):
        raise BundleError(
            f"{path}: expected a low and a high number for each layer; copy the whole bundle again"
        )
    return spans


def check_fits(bundle: Bundle, scene: Scene) -> None:
    """Refuse a scene that the network was not trained for.

    Resolutions are compared where the scene has a CRS.

    Raises
    ------
    BundleError
        Naming all bands and indices that are missing, each unit that differs, and a resolution
        more than 10 % off.
    """
    problems = [*_band_problems(bundle, scene), *_resolution_problems(bundle, scene)]
    if problems:
        raise BundleError(f"{scene.name} does not fit the bundle: {'; '.join(problems)}")


def _band_problems(bundle: Bundle, scene: Scene) -> list[str]:
    missing, units = [], []
    for channel in bundle.channels:
        band = _described(scene, channel.name)
        if band is None:
            missing.append(channel.name)
        elif band.unit != channel.unit:
            units.append(f"{channel.name} is in {band.unit}, expected {channel.unit}")
    if units:
        units[-1] += " (say the unit and scale of the scene's bands)"
    if missing:
        had = ", ".join(band.name for band in scene.bands) or "none"
        return [
            f"it lacks {', '.join(missing)} (expected {', '.join(bundle.channel_names)}; "
            f"the scene has {had})",
            *units,
        ]
    return units


def _described(scene: Scene, name: str) -> Band | None:
    try:
        return scene.describe([name])[0]
    except ImageryError:
        return None


def _resolution_problems(bundle: Bundle, scene: Scene) -> list[str]:
    if scene.geobox.crs is None:
        return []
    found, expected = pixel_size_m(scene.geobox), bundle.resolution_m
    if math.isclose(found, expected, rel_tol=1e-9) or (
        abs(found - expected) <= _RESOLUTION_TOLERANCE * expected
    ):
        return []
    return [
        f"its pixels are {found:.4g} m, expected {expected:.4g} m within 10 % (resample it first)"
    ]


def _refuse_pickles(folder: Path) -> None:
    found = sorted(item.name for item in folder.iterdir() if item.suffix.lower() in _PICKLES)
    if found:
        raise BundleError(
            f"{folder}: holds {found[0]}, which can run a stranger's code when it is opened; a "
            f"bundle is {_FACTS} and {_WEIGHTS} only. Remove it, or ask for a bundle of covermap"
        )


def _to_facts(bundle: Bundle) -> dict[str, Any]:
    facts = {
        "format": _FORMAT,
        "task": bundle.task,
        "model": bundle.model,
        "channels": [dataclasses.asdict(channel) for channel in bundle.channels],
        "resolution_m": bundle.resolution_m,
        "legend": bundle.legend.to_dict(),
        "chip_size": bundle.chip_size,
        "receptive_radius": bundle.receptive_radius,
        "sees_everything": bundle.sees_everything,
        "min_dates": bundle.min_dates,
        "imagery": bundle.imagery,
        "trained_on": bundle.trained_on,
        "scores": bundle.scores,
        "versions": bundle.versions,
    }
    # Left out where a task has none, so that bundles of segmentation stay as they were.
    if bundle.combiner is not None:
        facts["combiner"] = bundle.combiner
    if bundle.quantity is not None:
        facts["quantity"] = dataclasses.asdict(bundle.quantity)
    if bundle.tag_thresholds is not None:
        facts["tag_thresholds"] = list(bundle.tag_thresholds)
    return facts


def _from_facts(facts: Any, folder: Path) -> Bundle:
    path = folder / _FACTS
    if not isinstance(facts, dict) or "format" not in facts:
        raise BundleError(f"{path}: not the facts of a bundle (no 'format' in it)")
    if facts["format"] != _FORMAT:
        raise BundleError(
            f"{path}: bundle format {facts['format']!r}, this version of covermap reads format "
            f"{_FORMAT}; install the version that wrote it, or train anew"
        )
    try:
        return Bundle(
            task=str(facts["task"]),
            model=dict(facts["model"]),
            channels=tuple(_channel(item) for item in facts["channels"]),
            resolution_m=float(facts["resolution_m"]),
            legend=Legend.from_dict(facts["legend"]),
            chip_size=int(facts["chip_size"]),
            receptive_radius=int(facts["receptive_radius"]),
            sees_everything=bool(facts["sees_everything"]),
            min_dates=None if facts["min_dates"] is None else int(facts["min_dates"]),
            imagery=dict(facts["imagery"]),
            trained_on=dict(facts["trained_on"]),
            scores=dict(facts["scores"]),
            versions=dict(facts["versions"]),
            folder=folder,
            combiner=None if facts.get("combiner") is None else dict(facts["combiner"]),
            quantity=_quantity(facts.get("quantity")),
            tag_thresholds=_thresholds(facts.get("tag_thresholds")),
        )
    except KeyError as error:
        raise BundleError(f"{path}: key {error} is missing; copy the whole bundle again") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{path}: a value is not of its kind ({error})") from None


def _channel(facts: dict[str, Any]) -> Channel:
    wavelength = facts["wavelength_nm"]
    return Channel(
        name=str(facts["name"]),
        unit=str(facts["unit"]),
        wavelength_nm=None if wavelength is None else float(wavelength),
        mean=float(facts["mean"]),
        std=float(facts["std"]),
        low=float(facts["low"]),
        high=float(facts["high"]),
    )


def _quantity(facts: dict[str, Any] | None) -> Quantity | None:
    if facts is None:
        return None
    cap = facts["cap"]
    return Quantity(
        str(facts["name"]),
        str(facts["unit"]),
        None if cap is None else float(cap),
        float(facts.get("mean", 0.0)),
        float(facts.get("spread", 1.0)),
    )


def _thresholds(facts: list[float] | None) -> tuple[float, ...] | None:
    return None if facts is None else tuple(float(value) for value in facts)
