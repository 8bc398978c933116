"""map: any scene with just a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from covermap.assessment.kept_scores import told_scores
from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_bundle
from covermap.core.errors import (
    BundleError,
    CovermapError,
    ImageryError,
    OutputError,
    repeated,
)
from covermap.core.files import refuse_strangers, require_writable
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.raster import Scene
from covermap.mapping.catalog import catalog_files, publish_catalog, withdraw
from covermap.mapping.files import in_the_way, map_files, preview_of, written_outputs
from covermap.mapping.ledger import chosen_before, ledger_path
from covermap.mapping.own_files import is_own_catalog_file, is_own_file, tags_of
from covermap.mapping.preview import is_own_picture
from covermap.mapping.result import MapResult
from covermap.mapping.settings import MapSettings
from covermap.project.steps import RunFolder
from covermap.verbs.open_for import Notes, open_all_for
from covermap.verbs.scene_maps import (
    Outcome,
    SceneMaps,
    map_key,
    mapped_scenes,
    preview_of_map,
    require_readable,
    require_some,
)

if TYPE_CHECKING:
    from covermap.mapping.choice import Choice
    from covermap.mapping.filling import Filler

T = TypeVar("T")
# Under which key `run.json` keeps the engine that evaluates and maps.
ENGINE_CHOICE = "engine"
_ENDINGS = frozenset({".tif", ".tiff"})


def map_scenes(
    bundle: str | Path,
    scenes: Sequence[str | Path],
    out: str | Path,
    tile: int | None = None,
    outputs: Sequence[str] = ("class",),
    engine: str = "auto",
    precision: str = "auto",
    tta: bool = False,
    probability_type: str = "uint8",
    min_area_m2: float | None = None,
    cluster: str | None = None,
    mosaic: bool = False,
) -> list[MapResult]:
    """Map scenes with a trained model.

    Parameters
    ----------
    bundle : path
        Folder of a trained model (`RUN/bundle`).
    scenes : sequence of paths
        Files, folders or globs, whatever `covermap doctor` recognises; each may hold several.
    out : path
        The map (`map.tif`), or a folder when there are several scenes: one `<scene>.tif` each, and
        a STAC collection of them (`collection.json`).
    tile : int, optional
        Largest side in pixels that the network sees at once.
    outputs : sequence of str
        `class` and more: polygons, confidence, margin, entropy, probability.
    engine : str
        `torch`, `openvino`, or `auto`: the fastest here that agrees with torch in float32.
    precision : str
        `float32`, `bfloat16`, `int8`, or `auto` as `engine`.
    tta : bool
        Average over the flips and quarter turns of each tile.
    probability_type : str
        `uint8` (per cent) or `float32`.
    min_area_m2 : float, optional
        Minimum mapping unit of the polygons in square metres (pixels for pictures without a CRS).
    cluster : str, optional
        Who computes: `local` starts worker processes on this machine, an address such as
        `tcp://host:8786` joins a scheduler of dask.distributed. This process otherwise.
    mosaic : bool
        Whether `out` is one map of all scenes, on the grid of the first extended to hold them.

    Returns
    -------
    list of MapResult
        One a scene, in order, but for scenes without a usable pixel, which are told; of a mosaic
        one.

    Raises
    ------
    CovermapError
        A scene does not fit the bundle, no scene has a usable pixel, or a file is in the way. Of
        several scenes one whose file is damaged is told when all others are mapped.
    """
    from covermap.mapping.choice import open_chosen
    from covermap.verbs.map_mosaic import map_mosaic, mosaic_key, mosaic_target, part_paths

    model = read_bundle(Path(bundle))
    settings = parse(
        MapSettings,
        {
            "outputs": list(outputs),
            "tile": "auto" if tile is None else tile,
            "engine": engine,
            "precision": precision,
            "tta": tta,
            "probability_type": probability_type,
            "min_area_m2": min_area_m2,
        },
        "map",
    )
    if settings.of_classes and model.quantity is not None:
        raise BundleError(
            f"{bundle}: --output {settings.of_classes} comes from classes, and this model maps "
            f"values of '{model.quantity.name}'; leave it out"
        )
    one_map = mosaic or Path(out).suffix.lower() in _ENDINGS
    opened, unread = _opened(model, [Path(path) for path in scenes], one_map)
    targets = mosaic_target(Path(out)) if mosaic else _targets(opened, Path(out))
    written = written_outputs(settings, model.legend)
    strangers = [
        file.path
        for target in targets
        for file in map_files(target, written)
        if not is_own_file(file, target)
    ]
    # A file that is named stands for itself; a folder has a catalog, also of one map.
    in_folder = targets != [Path(out)]
    if in_folder:
        strangers += [p for p in catalog_files(targets) if not is_own_catalog_file(p)]
    refuse_strangers(strangers, set())
    for target in [target for target in targets if not target.exists()][:1]:
        require_writable(target)
    say(told_scores(model.scores, "chips" if model.task == "classification" else "pixels"))
    # Scenes are hashed when their turn comes: those of a mosaic at once, since parts are named so.
    inputs: dict[Path, Callable[[], str]] = {
        target: partial(map_key, model, scene)
        for scene, target in zip(opened, () if mosaic else targets, strict=not mosaic)
    }
    if mosaic:
        keys = [map_key(model, scene) for scene in opened]
        # Also what it is made from: that is there while the mosaic is unfinished.
        made = dict(zip(part_paths(targets[0], keys), keys, strict=True))
        made[targets[0]] = mosaic_key(keys, opened)
        inputs = {path: partial(str, key) for path, key in made.items()}
    predictor, choice = open_chosen(model, opened, settings, kept_for(model, inputs))
    say(choice.told)
    maps = SceneMaps(model, predictor, settings)
    if mosaic:
        result = map_mosaic(maps, opened, keys, targets[0], partial(_computed, cluster))
        preview_of_map(model, targets[0], preview_of(targets[0]), targets[0].stem)
        return [result]
    if in_folder:
        withdraw(targets)
    work = _shown if len(opened) == 1 else _shown_of_several
    pairs = zip(opened, targets, strict=True)
    tasks = [partial(work, maps, scene, target) for scene, target in pairs]
    outcomes = _computed(cluster, tasks)
    require_some(outcomes, Path(out))
    mapped = mapped_scenes(opened, targets, model, settings, outcomes)
    if in_folder and mapped:
        publish_catalog(mapped)
    require_readable([*outcomes, *unread], Path(out))
    return [outcome for outcome in outcomes if isinstance(outcome, MapResult)]


def _opened(
    bundle: Bundle, paths: Sequence[Path], one_map: bool
) -> tuple[list[Scene], list[ImageryError]]:
    """The scenes of all paths, and what is wrong with files that do not open.

    One of several that is damaged stops no other, unless all are to become one map; a path that is
    not there is a slip of the keyboard.
    """
    opened: list[Scene] = []
    unread: list[ImageryError] = []
    notes = Notes()
    for path in paths:
        try:
            opened += open_all_for(bundle, path, notes)
        except ImageryError as error:
            if one_map or len(paths) == 1 or not path.exists():
                raise
            unread.append(error)
        except BundleError as error:
            if len(paths) > 1 and path.is_file() and {p.parent for p in paths} == {path.parent}:
                raise BundleError(
                    f"{error}. If these {len(paths)} files are the bands of one scene, give their "
                    f"folder, or a pattern in quotes: '{path.parent}/*{path.suffix}'"
                ) from None
            raise
    notes.tell()
    if not opened:
        raise unread[0]
    for reason in unread:
        say(f"WARNING  {reason}; going on with the other scenes")
    return opened, unread


def _computed(cluster: str | None, tasks: Sequence[Callable[[Filler], T]]) -> list[T]:
    """Results of tasks that map a scene each, computed here or by a cluster."""
    from covermap.mapping.cluster import opened_cluster
    from covermap.mapping.filling import fill_here

    if cluster is None:
        return [task(fill_here) for task in tasks]
    with opened_cluster(cluster, len(tasks)) as workers:
        return workers.each([partial(task, workers.fill) for task in tasks])


def _shown(maps: SceneMaps, scene: Scene, target: Path, fill: Filler) -> MapResult:
    """The map of one scene, with its picture."""
    result = maps.made(scene, target, fill)
    _show(maps.bundle, target, scene.name)
    return result


def _shown_of_several(maps: SceneMaps, scene: Scene, target: Path, fill: Filler) -> Outcome:
    outcome = maps.made_of_several(scene, target, fill)
    if isinstance(outcome, MapResult):
        _show(maps.bundle, target, scene.name)
    return outcome


def _show(bundle: Bundle, target: Path, title: str) -> None:
    """Write the picture of a finished map; one that is there is of this map."""
    if not is_own_picture(preview_of(target)):
        preview_of_map(bundle, target, preview_of(target), title)


def kept_for(bundle: Bundle, keys: Mapping[Path, Callable[[], str]]) -> Choice | None:
    """The engine chosen before for these maps, or for the run that the bundle belongs to.

    Parameters
    ----------
    bundle : Bundle
    keys : dict
        Each map to the digest of its inputs: unfinished or finished maps of the same contents keep
        their engine, so that they are made again to the same bytes.
    """
    from covermap.mapping.choice import Choice
    from covermap.mapping.engines import engine_from

    for target, key_of in keys.items():
        tags = tags_of(target)
        if "inputs" not in tags and not ledger_path(target).exists():
            continue
        key = key_of()
        finished = tags if tags.get("inputs") == key else {}
        engine = engine_from(chosen_before(ledger_path(target), key)) or engine_from(finished)
        if engine is not None:
            return Choice(engine, "as in the map that is there already")
    assert bundle.folder is not None
    run = bundle.folder.resolve().parent
    if not (run / "run.json").is_file():
        return None
    try:
        return kept_in(RunFolder.open(run))
    except (CovermapError, OSError):
        # A stranger's file beside a bundle that was copied there says nothing about it.
        return None


def kept_in(folder: RunFolder) -> Choice | None:
    """The engine that a run measured; None where it did not need to."""
    from covermap.mapping.choice import Choice
    from covermap.mapping.engines import engine_from

    noted = folder.choice(ENGINE_CHOICE)
    engine = engine_from(noted)
    if engine is None or not noted.get("measured"):
        return None
    return Choice(engine, f"chosen earlier in this run, {noted.get('reason', '')}", measured=True)


def _targets(scenes: Sequence[Scene], out: Path) -> list[Path]:
    is_map = out.suffix.lower() in _ENDINGS
    if len(scenes) == 1 and not out.is_dir() and is_map:
        return [out]
    if not out.is_dir() and (is_map or out.exists()):
        one = out if is_map else out.with_suffix(".tif")
        raise OutputError(
            f"{out}: is {'the name of ' if is_map else ''}a file, and several scenes need a folder "
            f"(--out {out.with_suffix('').name}); for one map of all write --mosaic {one.name}"
        )
    if len(scenes) == 1 and out.suffix and not out.is_dir():
        raise OutputError(f"{out}: a map is a GeoTIFF; call it {out.with_suffix('.tif').name}")
    names = [scene.name for scene in scenes]
    twice = repeated(names)
    if twice:
        raise OutputError(
            f"two scenes are called '{twice[0]}' and would be one file; map each on its own"
        )
    pair = in_the_way(names)
    if pair is not None:
        raise OutputError(
            f"one scene is called '{pair[1]}', as a map beside that of '{pair[0]}' would be; map "
            "them into different folders"
        )
    return [out / f"{name}.tif" for name in names]
