"""One model taught: a network or a forest, ready to answer for chips and to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from covermap.assessment.tally import GroupedTally
from covermap.bundle.facts import CALIBRATED_TASKS
from covermap.chips.loading import Chips
from covermap.chips.sample import Sample
from covermap.core.progress import say
from covermap.mapping.chip_predictor import chip_features
from covermap.models.forest import fit_forest, forest_to_bytes
from covermap.models.settings import ModelSettings
from covermap.project.schema import Project
from covermap.verbs.chip_forest import chip_forest
from covermap.verbs.combine import reading_of
from covermap.verbs.context import Context, context_of, context_of_numbers, tally_of
from covermap.verbs.forest_pixels import forest_answer, labelled_pixels
from covermap.verbs.plan_told import forecast

if TYPE_CHECKING:
    from covermap.models.sight import Sight
    from covermap.models.weak import MapReading
    from covermap.training.calibration import Answers, Calibration

# Enough for means of extremes; more would cost a part of an epoch.
_RANGE_CHIPS = 16


@dataclass(frozen=True)
class Lesson:
    """What one model is taught with.

    Attributes
    ----------
    project : Project
    base : Path
        Folder that the project's paths start from.
    wavelengths : tuple of float or None
        Of the channels.
    names : tuple of str
        Of the classes or tags; none for a regression.
    teach : Chips
    validate : Chips or None
        None where a k-fold leaves none. Shown within their surroundings, as maps show them.
    held_out : Chips or None
        The fold of a k-fold that this model is scored on; within its surroundings.
    checkpoints : Path
        A folder for this model alone.
    key, title : str
        See `training.fit.FitPlan`.
    models : int
        How many of its kind will be taught in this run, for the forecast; 0: tell none.
    """

    project: Project
    base: Path
    wavelengths: tuple[float | None, ...]
    names: tuple[str, ...]
    teach: Chips
    validate: Chips | None
    held_out: Chips | None
    checkpoints: Path
    key: str
    title: str
    models: int

    @property
    def calibrates(self) -> bool:
        """Whether networks of this task get a temperature."""
        return self.project.task in CALIBRATED_TASKS


@dataclass(frozen=True)
class Taught:
    """A taught model.

    Attributes
    ----------
    settings : ModelSettings
        Of what was taught: a network or a forest, never `auto`.
    weights : dict or bytes
        As `write_bundle` takes them.
    receptive_radius : int
        Pixels.
    told : dict
        For `training.json`.
    answer : callable
        Class of each pixel of a chip, as positions in the legend (H, W).
    sees_everything : bool
        Whether an answer depends on all of the tile.
    ranges : dict
        What enters each convolution of a network on teaching chips; empty for a forest.
    combiner : dict or None
        Of weak segmentation: how its activation maps become classes.
    temperature : float or None
        Of a network of classes that has validation ground; see `training.calibration`.
    leans_on_chips : bool
        Of a network of pixels: whether it answers worse where it is shown more.
    unseen : (ndarray, ndarray) or None
        Of a network of a k-fold: what it answers on the fold that it never saw, and what is true.
    """

    settings: ModelSettings
    weights: dict[str, np.ndarray] | bytes
    receptive_radius: int
    told: dict[str, Any]
    answer: Callable[[Sample], np.ndarray]
    sees_everything: bool = False
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    combiner: dict[str, Any] | None = None
    temperature: float | None = None
    leans_on_chips: bool = False
    unseen: Answers | None = None

    def tally(self, chips: Chips, classes: int) -> GroupedTally:
        """How it does on the counted pixels of chips, by group; as its maps will show them."""
        judges = _as_mapped(chips, self.sees_everything or self.leans_on_chips)
        return tally_of(self.answer, judges, classes)


def taught_forest(settings: ModelSettings, lesson: Lesson) -> Taught:
    """A random forest on the labelled pixels of the teaching chips."""
    classes = len(lesson.names)
    say(f"{lesson.title}: random forest")
    pixels = labelled_pixels(lesson.teach, settings.window, classes, lesson.project.seed)
    forest = fit_forest(
        pixels.features, pixels.index, classes, lesson.project.seed, settings.window
    )
    return Taught(
        settings=settings,
        weights=forest_to_bytes(forest),
        receptive_radius=settings.window // 2,
        told={
            "model": settings.described,
            "summary": f"{len(lesson.teach)} chips, {len(pixels.index):,} labelled pixels",
        },
        answer=lambda sample: forest_answer(forest, sample),
    )


def taught_chip_forest(settings: ModelSettings, lesson: Lesson) -> Taught:
    """A random forest of the statistics of the teaching chips, each of one class."""
    say(f"{lesson.title}: random forest of chip statistics")
    forest = chip_forest(lesson.teach, len(lesson.names), lesson.project.seed)
    return Taught(
        settings=settings,
        weights=forest_to_bytes(forest),
        receptive_radius=lesson.teach[0].valid.shape[0] // 2,
        told={
            "model": settings.described_for(lesson.project.task),
            "summary": f"{len(lesson.teach)} chips",
        },
        answer=lambda sample: forest.predict(chip_features(sample.values)[None]),
    )


def taught_network(settings: ModelSettings, lesson: Lesson) -> Taught:
    """A network trained on the teaching chips; taken up again where it was stopped."""
    from covermap.models.hardware import prepare_cpu
    from covermap.models.loading import network_weights
    from covermap.models.registry import build_network, output_of
    from covermap.models.sight import will_see_everything
    from covermap.training.fit import FitPlan, epochs_left, fit
    from covermap.training.sampling import count_class_pixels, undrawn_classes
    from covermap.training.settings import resolve

    prepare_cpu()
    project, names = lesson.project, lesson.names
    outputs = max(1, len(names))
    network = build_network(settings, lesson.wavelengths, outputs, project.seed, lesson.base)
    class_pixels = count_class_pixels(lesson.teach, outputs) if names else None
    if class_pixels is not None:
        for name in undrawn_classes(project.training.sampling, class_pixels, names):
            say(f"{lesson.title}: sampling: no {name} teaches here, the others take its draws")
    size = lesson.teach[0].valid.shape[0]
    cuts = lesson.teach[0].target.ndim == 2
    resolved = resolve(project.training, len(lesson.teach), size, class_pixels, names, cuts)
    dense = output_of(settings.name) == "dense"
    everything = dense and will_see_everything(network, _spread(lesson.teach))
    validation = _as_mapped(lesson.validate, everything)
    if lesson.models:
        begun = [path for path in lesson.checkpoints.parent.glob("*") if path.is_dir()]
        left = resolved.epochs * (lesson.models - len(begun))
        left += sum(epochs_left(path, lesson.key, resolved) for path in begun)
        say(forecast(network, lesson.teach, validation, resolved, lesson.models, left))
        if resolved.without_effect:
            say(f"  no effect {resolved.without_effect}\n")
    fitted = fit(
        FitPlan(
            network=network,
            train=lesson.teach,
            validation=validation,
            classes=outputs,
            loss=project.loss,
            settings=resolved,
            seed=project.seed,
            folder=lesson.checkpoints,
            key=lesson.key,
            title=lesson.title,
            class_names=names,
            class_pixels=()
            if class_pixels is None
            else tuple(int(total) for total in class_pixels.sum(0)),
            task=project.task,
            model=settings,
            zeros=lesson.teach.statistics.zeros,
        )
    )
    if fitted.resumed_from:
        say(f"{lesson.title}: went on after epoch {fitted.resumed_from}")
    reading = None
    if project.task == "weak-segmentation":
        reading = reading_of(fitted.network, lesson.teach, project.weak, project.seed)
    sight = _sight(fitted.network, settings, reading, lesson.teach)
    weighed = project.task == "segmentation"
    context = _context(fitted.network, settings, lesson, sight) if dense else None
    leans = context is not None and context.hurts
    shown_alone = leans or sight.everything
    calibration = _calibration(fitted.network, lesson, shown_alone)
    return Taught(
        settings=settings,
        weights=network_weights(fitted.network),
        receptive_radius=sight.radius,
        sees_everything=sight.everything,
        told={
            "model": settings.described,
            "summary": f"{len(lesson.teach)} chips, {len(fitted.history)} epochs, kept epoch "
            f"{fitted.kept_epoch}, {fitted.precision}",
            "epochs": resolved.epochs,
            "batch_size": resolved.batch_size,
            "kept_epoch": fitted.kept_epoch,
            "precision": fitted.precision,
            "chips": len(lesson.teach),
            "sampling": "uniform" if resolved.chances is None else "by class",
            "stopped_early": len(fitted.history) < resolved.epochs,
            "history": [row.to_dict() for row in fitted.history],
            "calibration": None if calibration is None else calibration.to_dict(),
            "context": None if context is None else context.to_dict(),
        },
        answer=lambda sample: _network_answer(fitted.network, sample),
        ranges=_ranges(fitted.network, lesson) if weighed else {},
        combiner=None if reading is None else reading.to_dict(),
        temperature=None if calibration is None else calibration.temperature,
        leans_on_chips=leans,
        unseen=_unseen(fitted.network, lesson, shown_alone),
    )


def _ranges(network: Any, lesson: Lesson) -> dict[str, tuple[float, float]]:
    """Of the inputs of convolutions, of the network as maps compute it."""
    from covermap.models.folding import folded
    from covermap.models.ranges import activation_ranges

    as_mapped = folded(network, len(lesson.wavelengths))
    return activation_ranges(as_mapped, _spread(lesson.teach))


@overload
def _as_mapped(chips: Chips, alone: bool) -> Chips: ...
@overload
def _as_mapped(chips: Chips | None, alone: bool) -> Chips | None: ...
def _as_mapped(chips: Chips | None, alone: bool) -> Chips | None:
    """Chips that judge a network, as its maps will show them: alone, or in their surroundings."""
    return None if chips is None else chips.alone if alone else chips


def _calibration(network: Any, lesson: Lesson, alone: bool) -> Calibration | None:
    """The temperature of a network of classes; it is told, and None for other tasks."""
    from covermap.training.calibration import calibration_of

    if not lesson.calibrates:
        return None
    found = calibration_of(network, _as_mapped(lesson.validate, alone), lesson.project.seed)
    if found is not None:
        say(f"{lesson.title}: {found.told('validation')}")
    return found


def _context(network: Any, settings: ModelSettings, lesson: Lesson, sight: Sight) -> Context | None:
    """What surroundings do to a network of pixels; told where they hurt."""
    if sight.everything:
        return None
    judges = lesson.validate if lesson.validate is not None and len(lesson.validate) else None
    shown, seed = judges or lesson.teach, lesson.project.seed
    if lesson.names:
        found = context_of(
            lambda sample: _network_answer(network, sample),
            shown,
            sight.radius,
            len(lesson.names),
            seed,
        )
    else:
        found = context_of_numbers(
            lambda sample: _network_value(network, settings, sample), shown, sight.radius, seed
        )
    if found is not None and found.hurts:
        say(
            f"{lesson.title}: where it is shown what lies around its chips the network does worse "
            f"({found.told}), so maps are made of tiles of the size of its chips"
        )
    return found


def _unseen(network: Any, lesson: Lesson, alone: bool) -> Answers | None:
    """What a network of a k-fold answers on the fold that it never saw."""
    from covermap.training.calibration import answers_of

    if not lesson.calibrates:
        return None
    return answers_of(network, _as_mapped(lesson.held_out, alone), lesson.project.seed)


def _sight(
    network: Any, settings: ModelSettings, reading: MapReading | None, teach: Chips
) -> Sight:
    """How far a network sees; all of the chip where it answers for the chip."""
    from covermap.models.activation_maps import ActivationMapper
    from covermap.models.registry import output_of
    from covermap.models.sight import Sight, sight_of

    if output_of(settings.name) == "dense":
        return sight_of(network, _spread(teach))
    if reading is not None:
        return sight_of(ActivationMapper(network, reading.upsampling, reading.bias), _spread(teach))
    return Sight(teach[0].valid.shape[0] // 2, everything=False)


def _spread(chips: Chips) -> Iterator[np.ndarray]:
    """Values of some chips, evenly chosen."""
    for number in np.unique(np.linspace(0, len(chips) - 1, _RANGE_CHIPS).astype(int)):
        yield chips[int(number)].values


def _network_answer(network: Any, sample: Sample) -> np.ndarray:
    import torch

    with torch.inference_mode():
        logits = network(torch.from_numpy(sample.values)[None])[0]
        # max, not argmax: on a CPU the latter is slower than the network.
        best: np.ndarray = logits.max(0).indices.numpy()
    return best


def _network_value(network: Any, settings: ModelSettings, sample: Sample) -> np.ndarray:
    """Density of each pixel, float32 (H, W), cut to 0..1 as maps cut it."""
    import torch

    from covermap.models.decoding import activated

    with torch.inference_mode():
        outputs = network(torch.from_numpy(sample.values)[None])[0, 0]
        values: np.ndarray = activated(outputs, settings.activation).clamp(0, 1).numpy()
    return values
