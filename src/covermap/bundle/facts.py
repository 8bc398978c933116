"""All facts that the use of a trained model needs, and how `bundle.json` holds them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import BundleError
from covermap.core.legend import Legend

FACTS = "bundle.json"
# Their networks answer with logits of classes that exclude each other.
CALIBRATED_TASKS = ("segmentation", "classification")
_FORMAT = 1


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
    resolution_m : float or None
        Pixel size of the training imagery, the finest where scenes differ; None for pictures
        without a CRS, whose size on the ground nobody knows.
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
    leans_on_chips : bool
        Whether a network answers worse where it is shown more than its chips: it is mapped at the
        chip size then; see `covermap.verbs.context`.
    temperature : float or None
        Of a network of classes: what its logits are divided by before they become probabilities,
        above 0; see `covermap.training.calibration`. None: nothing is divided.
    coarsest_m : float or None
        The largest pixel size, where the scenes that taught differ.
    """

    task: str
    model: dict[str, Any]
    channels: tuple[Channel, ...]
    resolution_m: float | None
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
    leans_on_chips: bool = False
    temperature: float | None = None
    coarsest_m: float | None = None

    def __post_init__(self) -> None:
        if (self.task == "regression") != (self.quantity is not None):
            raise ValueError(f"a quantity belongs to task regression alone, task is {self.task}")
        if self.temperature is not None:
            self._check_temperature(self.temperature)

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
        return self.sees_everything or self.standardises or self.leans_on_chips

    @property
    def divisor(self) -> float:
        """What logits are divided by: the temperature, 1 where there is none."""
        return 1.0 if self.temperature is None else self.temperature

    @property
    def channel_names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self.channels)

    @property
    def is_forest(self) -> bool:
        """Whether the model is a random forest and not a network."""
        return bool(self.model.get("name") == "random-forest")

    def _check_temperature(self, temperature: float) -> None:
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature is {temperature}, expected a number above 0")
        # Elsewhere it would be passed over without a word.
        if self.is_forest or self.task not in CALIBRATED_TASKS:
            what = "a forest" if self.is_forest else f"task {self.task}"
            raise ValueError(f"a temperature belongs to a network of classes, not to {what}")


def to_facts(bundle: Bundle) -> dict[str, Any]:
    """What `bundle.json` holds of a bundle."""
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
    if bundle.leans_on_chips:
        facts["leans_on_chips"] = True
    if bundle.temperature is not None:
        facts["temperature"] = bundle.temperature
    if bundle.coarsest_m is not None:
        facts["coarsest_m"] = bundle.coarsest_m
    return facts


def from_facts(facts: Any, folder: Path) -> Bundle:
    """A bundle in a folder, of what its `bundle.json` holds.

    Raises
    ------
    BundleError
        Its format is none that this version knows, or a value is missing or of another kind.
    """
    path = folder / FACTS
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
            resolution_m=_number(facts["resolution_m"]),
            coarsest_m=_number(facts.get("coarsest_m")),
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
            leans_on_chips=bool(facts.get("leans_on_chips", False)),
            temperature=_number(facts.get("temperature")),
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


def _number(fact: Any) -> float | None:
    return None if fact is None else float(fact)
