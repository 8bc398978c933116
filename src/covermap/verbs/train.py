"""train: one model for a hold-out; one for each fold and a last one on all labels else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covermap.bundle.facts import Bundle, Channel, Quantity
from covermap.bundle.folder import write_bundle
from covermap.chips.answers import Answers
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips, Share
from covermap.chips.parts import Training
from covermap.chips.scan import CELL
from covermap.chips.statistics import Statistics
from covermap.chips.table import read_chips
from covermap.core.errors import ProjectError
from covermap.core.files import content_digest, file_digest, write_json
from covermap.core.legend import Legend
from covermap.core.place import joined_bounds
from covermap.models.settings import AUTO, FOREST
from covermap.project.steps import RunFolder, versions
from covermap.verbs.applicability import applicability_on
from covermap.verbs.calibrate import calibrate_folds
from covermap.verbs.choose import Rivals, choose
from covermap.verbs.describe import describe_imagery, pixel_sizes, usable_rule
from covermap.verbs.plan_told import class_counts, tell_plan
from covermap.verbs.prepare import prepare_inputs
from covermap.verbs.quantity import fitted_quantity, scale_of
from covermap.verbs.teach import Lesson, Taught, taught_chip_forest, taught_forest, taught_network
from covermap.verbs.trainable import require_classes, require_trainable
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

    from covermap.training.calibration import Answers as UnseenAnswers

OUTPUTS = ("bundle", "folds", "training.json")
_CHECKPOINTS = ".training"


def train(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Train the networks of a prepared run.

    Parameters
    ----------
    project : path
        Project file.
    out : path
        Folder of the run, with the files of `prepare`.
    force : bool
        Repeat the step although nothing changed.

    Returns
    -------
    RunFolder
        Now with `bundle/` and `training.json`; `folds/` too where the split is a k-fold.

    Raises
    ------
    CovermapError
        Nothing is prepared, or training cannot go on.
    """
    workspace = Workspace.open(project, out, "train")
    train_step(workspace, force)
    return workspace.folder


def train_step(workspace: Workspace, force: bool) -> None:
    """The step in an opened workspace."""
    require_trainable(workspace)
    inputs = train_inputs(workspace)
    workspace.folder.claim((*OUTPUTS, _CHECKPOINTS))
    checkpoints = workspace.folder.path / _CHECKPOINTS
    if force:
        shutil.rmtree(checkpoints, ignore_errors=True)
    workspace.step("train", inputs, lambda: _train(workspace, content_digest(inputs)), force)
    # Only when the step is noted as done: until then they are what a second run goes on from.
    shutil.rmtree(checkpoints, ignore_errors=True)


def train_inputs(workspace: Workspace) -> dict[str, Any]:
    """What the step stands on."""
    project = workspace.project
    return workspace.inputs(
        "train",
        {
            "prepare": workspace.standing_on("prepare", prepare_inputs(workspace)),
            "task": project.task,
            "model": project.model.model_dump(),
            "weights": _weights_digest(workspace),
            "loss": project.loss.model_dump(),
            "training": project.training.model_dump(),
            "weak": project.weak.model_dump(),
        },
    )


def _weights_digest(workspace: Workspace) -> str | None:
    """Digest of the local file of initial weights, so that another file is another training."""
    named = workspace.project.model.weights_file
    path = None if named is None else workspace.base / named
    return file_digest(path) if path is not None and path.is_file() else None


def bundle_folder(folder: Path, training: Training) -> Path:
    """Where the bundle of one of a run's networks lies."""
    return folder / "bundle" if training.name == "final" else folder / "folds" / training.name


def _train(workspace: Workspace, key: str) -> tuple[str, ...]:
    folder = workspace.folder.path
    chips = read_chips(folder / "chips.parquet")
    tell_plan(workspace, chips)
    require_classes(workspace, _taught_classes(workspace, chips))
    shutil.rmtree(folder / "folds", ignore_errors=True)
    model, trainings = workspace.project.model, workspace.split.trainings
    told: dict[str, Any] = {}
    rivals: list[Rivals] = []
    unseen: dict[str, UnseenAnswers | None] = {}
    for number, training in enumerate(trainings):
        ground = _Ground.of(workspace, chips, training)
        lesson = _lesson(workspace, ground, training, key, number)
        if model.name == AUTO:
            rivals.append(_rivals(workspace, training, lesson))
            unseen[training.name] = rivals[-1].taught[-1].unseen
            continue
        teach = taught_network
        if model.name == FOREST:
            of_chips = workspace.project.task == "classification"
            teach = taught_chip_forest if of_chips else taught_forest
        taught = teach(model, lesson)
        told[training.name] = _keep(workspace, chips, training, ground, taught)
        unseen[training.name] = taught.unseen
    if rivals:
        choices = choose(rivals, workspace.project.seed)
        for training in trainings:
            ground = _Ground.of(workspace, chips, training)
            choice = choices[training.name]
            told[training.name] = _keep(workspace, chips, training, ground, choice.kept)
            told[training.name]["choice"] = choice.to_dict()
    calibrated = calibrate_folds(
        {training.name: bundle_folder(folder, training) for training in trainings},
        {name: answers for name, answers in unseen.items() if answers is not None},
    )
    for name, calibration in calibrated.items():
        told[name]["calibration"] = calibration
    write_json(folder / "training.json", told)
    return tuple(name for name in OUTPUTS if (folder / name).exists())


def _taught_classes(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, int]:
    """How much of each class teaches in the last training, by the plan."""
    names = workspace.labels.legend.names
    counts = class_counts(workspace, chips, workspace.split.trainings[-1].train)
    return {name: counts.get(name, 0) for name in names}


@dataclass(frozen=True)
class _Ground:
    """What one model may learn from, is validated on and scored on."""

    teach: Share
    validate: Share | None
    score: Share | None
    statistics: Statistics
    quantity: Quantity | None
    answers: Answers

    @classmethod
    def of(cls, workspace: Workspace, chips: gpd.GeoDataFrame, training: Training) -> _Ground:
        around = workspace.around
        teach, validate, score = shares_of(workspace.viewer, chips, training, around)
        # It judges, where nothing is left to validate.
        score = None if score is None else score.within(around)
        quantity = fitted_quantity(workspace, teach)
        answers = workspace.answers(None if quantity is None else scale_of(quantity))
        return cls(teach, validate, score, teach.statistics(), quantity, answers)

    def chips(self, share: Share | None) -> Chips | None:
        return None if share is None else Chips(share, self.statistics, self.answers)


def _lesson(
    workspace: Workspace, ground: _Ground, training: Training, key: str, number: int
) -> Lesson:
    trainings = len(workspace.split.trainings)
    bands = workspace.scenes[0].describe(workspace.channels)
    return Lesson(
        project=workspace.project,
        base=workspace.base,
        wavelengths=tuple(band.wavelength_nm for band in bands),
        names=() if ground.quantity is not None else workspace.labels.legend.names,
        teach=Chips(ground.teach, ground.statistics, ground.answers),
        validate=ground.chips(ground.validate),
        held_out=ground.chips(ground.score) if workspace.split.scheme == "kfold" else None,
        checkpoints=workspace.folder.path / _CHECKPOINTS / training.name,
        key=key,
        title="Training" if trainings == 1 else f"Training {number + 1} of {trainings}",
        models=trainings if number == 0 else 0,
    )


def _rivals(workspace: Workspace, training: Training, lesson: Lesson) -> Rivals:
    model, classes = workspace.project.model, len(lesson.names)
    judges = _judges(workspace, lesson)
    taught = [taught_forest(forest, lesson) for forest in model.as_forests]
    taught.append(taught_network(model.as_network, lesson))
    tallies = None
    if judges is not None:
        tallies = tuple(item.tally(judges, classes) for item in taught)
    return Rivals(training.name, tuple(taught), tallies)


def _judges(workspace: Workspace, lesson: Lesson) -> Chips | None:
    """The ground that rivals are compared on; None for the last training of a k-fold.

    The fold that a training of a k-fold never saw judges for the other folds. The test of a
    hold-out judges nothing: it would be a test of what it chose.
    """
    if lesson.validate is not None and len(lesson.validate):
        return lesson.validate
    if workspace.split.scheme == "holdout":
        raise ProjectError(
            f"{workspace.project_path}: model: auto chooses on validation ground, and this split "
            "has none; name some in split: val, or a model, e.g. model: {name: unet}"
        )
    return lesson.held_out


def _keep(
    workspace: Workspace,
    chips: gpd.GeoDataFrame,
    training: Training,
    ground: _Ground,
    taught: Taught,
) -> dict[str, Any]:
    """Write the bundle of a taught model; what is told of it."""
    bundle = _bundle(workspace, chips, training, ground, taught)
    write_bundle(
        bundle_folder(workspace.folder.path, training),
        bundle,
        taught.weights,
        taught.ranges,
        applicability_on(ground.teach, ground.statistics),
    )
    return dict(taught.told)


def _bundle(
    workspace: Workspace,
    chips: gpd.GeoDataFrame,
    training: Training,
    ground: _Ground,
    taught: Taught,
) -> Bundle:
    project, scene, statistics = workspace.project, workspace.scenes[0], ground.statistics
    bands = scene.describe(workspace.channels)
    finest, coarsest = pixel_sizes(workspace.viewer.scenes[name] for name in ground.teach.scenes)
    channels = tuple(
        Channel(
            band.name, band.unit, band.wavelength_nm,
            float(statistics.mean[k]), float(statistics.std[k]),
            float(statistics.low[k]), float(statistics.high[k]),
        )
        for k, band in enumerate(bands)
    )  # fmt: skip
    return Bundle(
        task=project.task,
        model=taught.settings.model_dump(),
        channels=channels,
        resolution_m=finest,
        coarsest_m=coarsest,
        legend=workspace.labels.legend if ground.quantity is None else Legend(()),
        chip_size=-(-ground.teach.windows[0][1].height // CELL) * CELL,
        receptive_radius=taught.receptive_radius,
        sees_everything=taught.sees_everything,
        leans_on_chips=taught.leans_on_chips,
        min_dates=usable_rule(project.imagery[0], scene),
        imagery=describe_imagery(project.imagery[0], scene),
        trained_on=_trained_on(workspace.scenes, chips, training),
        scores={},
        versions=versions(),
        combiner=taught.combiner,
        quantity=ground.quantity,
        temperature=taught.temperature,
    )


def _trained_on(
    scenes: Sequence[Any], chips: gpd.GeoDataFrame, training: Training
) -> dict[str, Any]:
    """Scenes that taught, their dates, and the bounds of the training chips in OGC:CRS84.

    The bounds are as `Place` has them.
    """
    used = chips[chips["split"].isin(training.train)]
    taught = set(used["scene"])
    scenes = [scene for scene in scenes if scene.name in taught]
    shapes = [shape for shape in used.geometry if shape is not None]
    # A footprint that crosses the antimeridian has a part on either side of it.
    parts = [part.bounds for shape in shapes for part in getattr(shape, "geoms", [shape])]
    bounds = joined_bounds(parts) if parts else None
    return {
        "scenes": [scene.name for scene in scenes],
        "dates": [scene.date.isoformat() if scene.date else None for scene in scenes],
        "bounds_crs84": None if bounds is None else [round(v, 6) for v in bounds],
        "chips": len(used),
    }
