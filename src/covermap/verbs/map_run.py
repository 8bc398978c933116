"""The map of a run: each scene of the project with the final model."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from covermap.bundle.folder import read_bundle
from covermap.core.files import read_json, write_json
from covermap.imagery.raster import Scene
from covermap.labels.mask_finding import image_path
from covermap.mapping.catalog import publish_catalog, withdraw
from covermap.mapping.files import map_files
from covermap.mapping.own_files import remove_left_over
from covermap.mapping.result import MapResult
from covermap.verbs.beside_forest import compared_with_forest
from covermap.verbs.predict import predictions, relative_to, write_predictions
from covermap.verbs.run_engine import run_predictor
from covermap.verbs.scene_maps import (
    Outcome,
    SceneMaps,
    mapped_scenes,
    preview_of_map,
    require_readable,
    require_some,
)
from covermap.verbs.train import train_inputs
from covermap.verbs.workspace import Workspace

AREAS = "map.json"
BESIDE = "beside_forest.json"
PREVIEW = "preview.png"
PREDICTIONS = "predictions.csv"


def map_step(workspace: Workspace, force: bool) -> None:
    """Map the scenes of a trained run: `map.tif`, or `maps/<scene>.tif` when there are several.

    Of pictures that are labelled as wholes `predictions.csv` is written instead.
    """
    inputs = map_inputs(workspace)
    workspace.folder.claim(outputs_of(workspace))
    if answers_pictures(workspace):
        workspace.step("map", inputs, lambda: _predict(workspace), force)
    else:
        workspace.step("map", inputs, lambda: _map(workspace, is_anew=force), force)


def map_inputs(workspace: Workspace) -> dict[str, Any]:
    """What the step stands on."""
    return workspace.inputs(
        "map",
        {
            "train": workspace.standing_on("train", train_inputs(workspace)),
            "map": workspace.project.map.model_dump(),
        },
    )


def answers_pictures(workspace: Workspace) -> bool:
    """Whether the answers of a run are of whole pictures, and so a table and no map."""
    return workspace.of_chips and workspace.of_pictures


def map_paths(workspace: Workspace) -> dict[str, Path]:
    """Where the class map of each scene lies, by the scene's name."""
    folder = workspace.folder.path
    if len(workspace.scenes) == 1:
        return {workspace.scenes[0].name: folder / "map.tif"}
    return {scene.name: folder / "maps" / f"{scene.name}.tif" for scene in workspace.scenes}


def mapped_paths(workspace: Workspace) -> dict[str, Path]:
    """The same once they are made: scenes without a usable pixel have none."""
    mapped = read_json(workspace.folder.path / AREAS)
    return {name: path for name, path in map_paths(workspace).items() if name in mapped}


def outputs_of(workspace: Workspace) -> tuple[str, ...]:
    """Names of the files that the map of a run may have."""
    if answers_pictures(workspace):
        return (PREDICTIONS,)
    if len(workspace.scenes) > 1:
        return ("maps", AREAS, BESIDE, PREVIEW)
    files = map_files(workspace.folder.path / "map.tif", workspace.project.map.outputs)
    names = tuple(file.path.name for file in files if file.kind != "preview")
    return (*names, AREAS, BESIDE, PREVIEW)


def _predict(workspace: Workspace) -> tuple[str, ...]:
    from covermap.mapping.chip_predictor import open_chip_model

    bundle = read_bundle(workspace.folder.path / "bundle")
    model = open_chip_model(bundle, workspace.project.map.precision)
    workspace.folder.choose("map_precision", model.precision)
    rows = (
        row
        for scene in workspace.scenes
        for row in predictions(bundle, model, scene, relative_to(image_path(scene), workspace.base))
    )
    values = bundle.quantity is not None
    write_predictions(workspace.folder.path / PREDICTIONS, rows, values)
    _remove_others(workspace, (workspace.folder.path / PREDICTIONS,))
    return (PREDICTIONS,)


def _map(workspace: Workspace, is_anew: bool) -> tuple[str, ...]:
    folder, project = workspace.folder.path, workspace.project
    bundle = read_bundle(folder / "bundle")
    predictor = run_predictor(workspace, bundle)
    paths = map_paths(workspace)
    several = len(workspace.scenes) > 1
    if several:
        withdraw(list(paths.values()))
    maps = SceneMaps(bundle, predictor, project.map, workspace.sources.reading_digest, is_anew)
    make = maps.made_of_several if several else maps.made
    outcomes: list[Outcome] = [make(scene, paths[scene.name]) for scene in workspace.scenes]
    require_some(outcomes, folder / "maps")
    # Half of a run's maps would be taken for all: the step is not done while one is missing.
    require_readable(outcomes, folder / "maps")
    areas = {
        scene.name: _amounts(scene, outcome)
        for scene, outcome in zip(workspace.scenes, outcomes, strict=True)
        if isinstance(outcome, MapResult)
    }
    if several:
        publish_catalog(
            mapped_scenes(workspace.scenes, list(paths.values()), bundle, project.map, outcomes)
        )
    beside = compared_with_forest(workspace, bundle, {name: paths[name] for name in areas})
    made = [*paths.values(), folder / AREAS, folder / PREVIEW]
    _remove_others(workspace, made if beside is None else [*made, folder / BESIDE])
    write_json(folder / AREAS, areas)
    if beside is not None:
        write_json(folder / BESIDE, beside)
    first = next(iter(areas))
    preview_of_map(bundle, paths[first], folder / PREVIEW, f"{project.name}: {first}")
    return tuple(name for name in outputs_of(workspace) if (folder / name).exists())


def _remove_others(workspace: Workspace, made: Collection[Path]) -> None:
    """Remove what this step left of scenes, or of a task, that the project has no more.

    It would stand beside what was made, and be taken for it.
    """
    folder, owned = workspace.folder.path, workspace.folder.owned()
    one, several = folder / "map.tif", folder / "maps"
    before = read_json(folder / AREAS) if (folder / AREAS).exists() else {}
    for path in owned.intersection(folder / name for name in (PREDICTIONS, AREAS, BESIDE, PREVIEW)):
        if path not in made:
            path.unlink(missing_ok=True)
    if one in owned and one not in made:
        remove_left_over(one)
    paths = (several / f"{name}.tif" for name in before)
    gone = [path for path in paths if path not in made and path.exists()]
    if gone and several in owned:
        withdraw(gone)
        for path in gone:
            remove_left_over(path)
        # Maps of other calls may stand there too.
        with suppress(OSError):
            several.rmdir()


def _amounts(scene: Scene, result: MapResult) -> dict[str, Any]:
    """What `map.json` says of a map."""
    return {
        # Pixels of a picture without a CRS have no known size.
        "class_area_m2": (
            None
            if scene.geobox.crs is None
            else {str(key): value for key, value in result.class_area_m2.items()}
        ),
        "class_pixels": {str(key): value for key, value in result.class_pixels.items()},
        "valid_pixels": result.valid_pixels,
        "total_pixels": result.total_pixels,
    }
