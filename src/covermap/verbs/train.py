"""train: one network for a hold-out; one for each fold and a last one on all labels else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covermap.bundle import Bundle, Channel, write_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.chips.parts import Training
from covermap.chips.statistics import Statistics
from covermap.chips.table import read_chips
from covermap.core.files import content_digest, write_json
from covermap.core.grid import pixel_size_m
from covermap.core.progress import say
from covermap.project.steps import RunFolder, versions
from covermap.verbs.describe import describe_imagery, usable_rule
from covermap.verbs.plan_told import forecast, tell_plan
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

    from covermap.training.fit import Fit

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
    project = workspace.project
    inputs = workspace.inputs(
        "train",
        {
            "prepare": workspace.standing_on("prepare"),
            "model": project.model.model_dump(),
            "loss": project.loss.weights,
            "training": project.training.model_dump(),
        },
    )
    workspace.folder.claim((*OUTPUTS, _CHECKPOINTS))
    checkpoints = workspace.folder.path / _CHECKPOINTS
    if force:
        shutil.rmtree(checkpoints, ignore_errors=True)
    workspace.step("train", inputs, lambda: _train(workspace, content_digest(inputs)), force)
    # Only when the step is noted as done: until then they are what a second run goes on from.
    shutil.rmtree(checkpoints, ignore_errors=True)


def bundle_folder(folder: Path, training: Training) -> Path:
    """Where the bundle of one of a run's networks lies."""
    return folder / "bundle" if training.name == "final" else folder / "folds" / training.name


def _train(workspace: Workspace, key: str) -> tuple[str, ...]:
    folder = workspace.folder.path
    chips = read_chips(folder / "chips.parquet")
    tell_plan(workspace, chips)
    shutil.rmtree(folder / "folds", ignore_errors=True)
    told: dict[str, Any] = {}
    trainings = workspace.split.trainings
    for number, training in enumerate(trainings, start=1):
        title = "Training" if len(trainings) == 1 else f"Training {number} of {len(trainings)}"
        told[training.name] = _train_one(workspace, chips, training, key, title, len(trainings))
    write_json(folder / "training.json", told)
    return tuple(name for name in OUTPUTS if (folder / name).exists())


def _train_one(
    workspace: Workspace,
    chips: gpd.GeoDataFrame,
    training: Training,
    key: str,
    title: str,
    networks: int,
) -> dict[str, Any]:
    from covermap.models.registry import build_network
    from covermap.training.fit import FitPlan, fit
    from covermap.training.settings import resolve

    project = workspace.project
    teach, validate, _ = shares_of(workspace.viewer, chips, training)
    statistics = teach.statistics()
    size = teach.windows[0][1].height
    bands = workspace.scenes[0].describe(workspace.channels)
    network = build_network(
        project.model,
        [band.wavelength_nm for band in bands],
        len(workspace.labels.legend),
        project.seed,
    )
    settings = resolve(project.training, len(teach.windows), size)
    source = Chips(teach, statistics)
    if training.name == workspace.split.trainings[0].name:
        say(forecast(network, source, settings, networks))
    fitted = fit(
        FitPlan(
            network=network,
            train=source,
            validation=Chips(validate, statistics) if validate is not None else None,
            classes=len(workspace.labels.legend),
            loss=project.loss,
            settings=settings,
            seed=project.seed,
            folder=workspace.folder.path / _CHECKPOINTS / training.name,
            key=key,
            title=title,
        )
    )
    if fitted.resumed_from:
        say(f"{title}: went on after epoch {fitted.resumed_from}")
    bundle = _bundle(workspace, chips, training, statistics, fitted, size)
    _write(workspace.folder.path, training, bundle, fitted)
    return {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "kept_epoch": fitted.kept_epoch,
        "precision": fitted.precision,
        "chips": len(teach.windows),
        "history": [row.to_dict() for row in fitted.history],
    }


def _write(folder: Path, training: Training, bundle: Bundle, fitted: Fit) -> None:
    from covermap.models.loading import network_weights

    write_bundle(bundle_folder(folder, training), bundle, network_weights(fitted.network))


def _bundle(
    workspace: Workspace,
    chips: gpd.GeoDataFrame,
    training: Training,
    statistics: Statistics,
    fitted: Fit,
    size: int,
) -> Bundle:
    from covermap.models.loading import receptive_radius

    project, scene = workspace.project, workspace.scenes[0]
    bands = scene.describe(workspace.channels)
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
        model=project.model.model_dump(),
        channels=channels,
        resolution_m=pixel_size_m(scene.geobox),
        legend=workspace.labels.legend,
        chip_size=size,
        receptive_radius=receptive_radius(fitted.network),
        min_dates=usable_rule(project.imagery[0], scene),
        imagery=describe_imagery(project.imagery[0], scene),
        trained_on=_trained_on(workspace.scenes, chips, training),
        scores={},
        versions=versions(),
    )


def _trained_on(
    scenes: Sequence[Any], chips: gpd.GeoDataFrame, training: Training
) -> dict[str, Any]:
    """Scenes, dates and the footprint of the training chips as GeoJSON in OGC:CRS84."""
    import shapely

    used = chips[chips["split"].isin(training.train)]
    shapes = [shape for shape in used.geometry if shape is not None]
    outline = shapely.union_all(shapes).envelope if shapes else None
    return {
        "scenes": [scene.name for scene in scenes],
        "dates": [scene.date.isoformat() if scene.date else None for scene in scenes],
        "bounds_crs84": None if outline is None else [round(v, 6) for v in outline.bounds],
        "chips": len(used),
    }
