"""Which engine maps: the fastest on this machine of those that agree with torch in float32."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_ranges
from covermap.core.errors import ImageryError, ModelError
from covermap.core.grid import Window, whole
from covermap.core.progress import say
from covermap.imagery.raster import Scene
from covermap.mapping.engines import (
    FOREST,
    OPENVINO_ALONE,
    REFERENCE,
    Engine,
    Workshop,
    engines_here,
    opened,
)
from covermap.mapping.predictor import Predictor
from covermap.mapping.settings import TILE_MULTIPLE, MapSettings
from covermap.mapping.source import Normalisation

# Maps of fewer pixels are done before a comparison is.
_WORTH_PIXELS = 4_000_000
_COMPARED_PIXELS = 1_000_000
_COMPARED_SIDE = 512
# Where so few pixels are usable, a place is not worth being compared on.
_LEAST_USABLE = 0.5
_PLACES_PER_SIDE = 5
_LEAST_EQUAL_IDS = 0.999
_LARGEST_MEAN_DIFFERENCE = 0.01


@dataclass(frozen=True)
class Choice:
    """The engine of a map and why.

    Attributes
    ----------
    engine : Engine
    reason : str
        In words, for the user and `run.json`; holds no times.
    measured : bool
        Whether engines were compared; only such a choice is worth keeping for other scenes.
    """

    engine: Engine
    reason: str
    measured: bool = False

    @property
    def told(self) -> str:
        return f"engine: {self.engine.told} ({self.reason})"

    def to_dict(self) -> dict[str, object]:
        """As `run.json` holds it."""
        return {
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "reason": self.reason,
            "measured": self.measured,
        }


@dataclass(frozen=True)
class Agreement:
    """How an engine's answers compare with those of the reference on the same usable pixels.

    Attributes
    ----------
    engine : Engine
    equal_ids : float
        Share of pixels with the same class, 0..1.
    mean_difference : float
        Of the probabilities, absolute, over pixels and classes.
    seconds : float
        For all the tiles; never written to a file.
    """

    engine: Engine
    equal_ids: float
    mean_difference: float
    seconds: float

    @property
    def holds(self) -> bool:
        return (
            self.equal_ids >= _LEAST_EQUAL_IDS and self.mean_difference <= _LARGEST_MEAN_DIFFERENCE
        )

    @property
    def told(self) -> str:
        return (
            f"{self.equal_ids:.2%} of class ids equal, mean difference of probability "
            f"{self.mean_difference:.4f}"
        )


@dataclass(frozen=True)
class Places:
    """Real tiles to compare engines on: normalised values (C, H, W) each, and usable pixels."""

    values: tuple[np.ndarray, ...]
    usable: tuple[np.ndarray, ...]

    @property
    def pixels(self) -> int:
        return sum(int(usable.sum()) for usable in self.usable)


def open_chosen(
    bundle: Bundle,
    scenes: Sequence[Scene],
    settings: MapSettings,
    kept: Choice | None = None,
) -> tuple[Predictor, Choice]:
    """A predictor of a bundle on the engine that the user, an earlier run or a comparison names.

    Parameters
    ----------
    bundle : Bundle
    scenes : sequence of Scene
        What is going to be mapped; tiles of them are what engines are compared on.
    settings : MapSettings
        `engine` and `precision` given by name are taken without a comparison.
    kept : Choice, optional
        Made earlier for this bundle; taken where the settings leave it open.

    Raises
    ------
    ModelError
        What was asked for is not here.
    """
    choice = _given(bundle, scenes, settings, kept)
    if choice is not None:
        return opened(bundle, choice.engine, settings.tta), choice
    workshop = Workshop.of(bundle)
    choice = compare(
        workshop.predictor,
        engines_here(settings.engine, settings.precision, bool(workshop.ranges)),
        places_of(scenes, bundle),
    )
    return opened(bundle, choice.engine, settings.tta), choice


def _given(
    bundle: Bundle, scenes: Sequence[Scene], settings: MapSettings, kept: Choice | None
) -> Choice | None:
    """The choice where nothing needs to be compared."""
    if bundle.is_forest:
        return Choice(FOREST, "the model is one")
    if bundle.task != "segmentation":
        return Choice(_of_task(bundle, settings), f"what computes {bundle.task}")
    asked = settings.engine != "auto" and settings.precision != "auto"
    if asked:
        return Choice(Engine(settings.engine, settings.precision), "as asked for")
    with_int8 = bool(read_ranges(bundle))
    candidates = engines_here(settings.engine, settings.precision, with_int8)
    if not candidates:
        # Opening it tells what is missing.
        opened(bundle, Engine(settings.engine.replace("auto", "torch"), settings.precision))
    if kept is not None and kept.engine in candidates:
        return kept
    if len(candidates) == 1:
        return Choice(candidates[0], "the only one here that was asked for")
    if sum(int(np.prod(scene.geobox.shape)) for scene in scenes) < _WORTH_PIXELS:
        return Choice(candidates[0], "so few pixels that comparing engines would take longer")
    return None


def _of_task(bundle: Bundle, settings: MapSettings) -> Engine:
    """Of any task but segmentation: torch alone computes it."""
    if settings.engine == "openvino" or settings.precision in OPENVINO_ALONE:
        raise ModelError(
            f"engine: a model of task {bundle.task} is computed by torch in float32 or bfloat16; "
            "choose --engine torch, or auto"
        )
    precision = REFERENCE.precision if settings.precision == "auto" else settings.precision
    return Engine(REFERENCE.name, precision)


def compare(
    open_engine: Callable[[Engine], Predictor],
    candidates: Sequence[Engine],
    places: Places,
    clock: Callable[[], float] = time.perf_counter,
) -> Choice:
    """The fastest of the engines that agree with torch in float32 on the same tiles.

    Class ids must be equal on at least 99.9 % of the usable pixels, and probabilities differ by at
    most 0.01 on average. What fails is told, and another one taken.

    Parameters
    ----------
    open_engine : callable
        Gives a predictor; raises ModelError where an engine cannot compute the network.
    candidates : sequence of Engine
        Not empty.
    places : Places
    clock : callable
        Seconds; replaced in tests.
    """
    if not places.pixels:
        return Choice(candidates[0], "no usable pixel to compare engines on")
    reference = _answered(open_engine(REFERENCE), places, clock)
    found: list[Agreement] = []
    for candidate in candidates:
        if candidate.precision == "mixed" and Engine(candidate.name, "bfloat16") in [
            agreement.engine for agreement in found
        ]:
            # It is slower, and only there for networks that bfloat16 alone does not suit.
            continue
        try:
            answers = reference
            if candidate != REFERENCE:
                answers = _answered(open_engine(candidate), places, clock)
        except ModelError as error:
            say(f"engine: {candidate.told} is left out ({error})")
            continue
        agreement = _agreement(candidate, reference, answers, places)
        if agreement.holds:
            found.append(agreement)
        else:
            say(f"engine: {candidate.told} is left out ({agreement.told})")
    if not found:
        return Choice(REFERENCE, "nothing else agrees with it", measured=True)
    best = min(found, key=lambda agreement: agreement.seconds)
    for agreement in found:
        rate = places.pixels / 1e6 / max(agreement.seconds, 1e-9)
        say(f"engine: {agreement.engine.told}: {rate:.2f} Mpx/s, {agreement.told}")
    beside = "the fastest that agrees" if len(found) > 1 else "the only one that agrees"
    pixels = f"{places.pixels / 1e6:.1f} million pixels compared"
    return Choice(best.engine, f"{beside}: {best.told}, {pixels}", measured=True)


def places_of(scenes: Sequence[Scene], bundle: Bundle) -> Places:
    """About a million usable pixels of scenes, spread evenly; fewer where there are fewer."""
    normalisation = Normalisation.of(bundle)
    values, usable, pixels = [], [], 0
    for scene, window in _windows(scenes):
        try:
            raster = scene.read(bundle.channel_names, window)
        except ImageryError:
            # One damaged file of many stops no other: its own map tells of it.
            continue
        here = scene.usable(raster)
        inside = window.intersection(whole(scene.geobox))
        if inside is None or here.sum() < _LEAST_USABLE * inside.height * inside.width:
            continue
        values.append(normalisation.applied(raster))
        usable.append(here)
        pixels += int(here.sum())
        if pixels >= _COMPARED_PIXELS:
            break
    return Places(tuple(values), tuple(usable))


def _windows(scenes: Sequence[Scene]) -> Iterator[tuple[Scene, Window]]:
    """Windows all over the scenes, far from each other first; none lies on another."""
    for part in range(_PLACES_PER_SIDE**2):
        # Strides prime to the number of places visit each once, in no row.
        number = part * 7 % _PLACES_PER_SIDE**2
        down, across = divmod(number, _PLACES_PER_SIDE)
        for scene in scenes:
            height, width = (int(size) for size in scene.geobox.shape)
            row, tall = _place(height, down)
            col, wide = _place(width, across)
            if tall and wide:
                yield scene, Window(row, col, tall, wide)


def _place(length: int, number: int) -> tuple[int, int]:
    """Where a place begins along one side of a scene, and its size there; 0 where there is none."""
    size = min(_COMPARED_SIDE, -(-length // TILE_MULTIPLE) * TILE_MULTIPLE)
    fitting = min(_PLACES_PER_SIDE, max(1, length // size))
    if number >= fitting:
        return 0, 0
    return number * max(0, length - size) // max(1, fitting - 1), size


@dataclass(frozen=True)
class _Answers:
    shares: tuple[np.ndarray, ...]
    seconds: float


def _answered(predictor: Predictor, places: Places, clock: Callable[[], float]) -> _Answers:
    # The first tile of a shape pays for compiling and for memory that is kept afterwards.
    for values in {values.shape: values for values in places.values}.values():
        predictor.probabilities(values[None])
    shares, seconds = [], 0.0
    for values in places.values:
        begun = clock()
        answer = predictor.probabilities(values[None])[0]
        seconds += clock() - begun
        shares.append(answer)
    return _Answers(tuple(shares), seconds)


def _agreement(engine: Engine, reference: _Answers, answers: _Answers, places: Places) -> Agreement:
    equal = difference = 0.0
    for one, other, usable in zip(reference.shares, answers.shares, places.usable, strict=True):
        # Of usable pixels alone, as columns: argmax over the first axis of (K, n) is quick.
        first, second = one[:, usable], other[:, usable]
        equal += float((first.argmax(axis=0) == second.argmax(axis=0)).sum())
        difference += float(np.abs(first - second).mean(axis=0, dtype=np.float64).sum())
    pixels = places.pixels
    return Agreement(engine, equal / pixels, difference / pixels, answers.seconds)
