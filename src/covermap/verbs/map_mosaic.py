"""map --mosaic: many scenes as one map."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from covermap import __version__
from covermap.bundle.facts import Bundle
from covermap.core.errors import ImageryError, NothingToMapError, OutputError
from covermap.core.files import content_digest
from covermap.core.progress import say
from covermap.imagery.pool import POOL
from covermap.imagery.raster import Scene
from covermap.mapping.earlier import MADE_OF, is_there, why_again
from covermap.mapping.result import MapResult, counted, keep, publish, with_polygons
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Scratch, map_tags, plan_layers
from covermap.verbs.scene_maps import SceneMaps

if TYPE_CHECKING:
    from covermap.mapping.filling import Filler
    from covermap.mapping.mosaic import Part

PartTask = Callable[["Filler"], bool]


def mosaic_target(out: Path) -> list[Path]:
    """The one file of a mosaic.

    Raises
    ------
    OutputError
        It is a folder, or not called a GeoTIFF.
    """
    if out.is_dir() or out.suffix.lower() not in {".tif", ".tiff"}:
        raise OutputError(
            f"{out}: a mosaic is one GeoTIFF; call it {out.with_suffix('.tif').name}, or give "
            "--out FOLDER for a map a scene"
        )
    return [out]


def part_paths(out: Path, keys: Sequence[str]) -> list[Path]:
    """Where the scenes' own maps lie until the mosaic is finished.

    Raises
    ------
    ImageryError
        A scene is given twice.
    """
    if len(set(keys)) < len(keys):
        raise ImageryError(f"{out}: a scene is given twice; name each once")
    # By content, not by place in the list: the order of the scenes may change.
    return [_folder(out) / f"{key[:16]}.tif" for key in keys]


def mosaic_key(keys: Sequence[str], scenes: Sequence[Scene]) -> str:
    """Digest of what a mosaic depends on: its scenes in any order, and the grid of the first."""
    grid = scenes[0].geobox
    return content_digest([sorted(keys), list(grid.affine)[:6], str(grid.crs)])


def map_mosaic(
    maps: SceneMaps,
    scenes: Sequence[Scene],
    keys: Sequence[str],
    out: Path,
    compute: Callable[[Sequence[PartTask]], list[bool]],
) -> MapResult:
    """Map scenes, and merge their probabilities on the grid of the first.

    The scenes' probabilities are kept in a hidden folder beside `out`, 4 bytes a class and pixel,
    until the mosaic is finished; a mosaic that was killed takes them up. One that is there and was
    made of the same stays.

    Parameters
    ----------
    maps : SceneMaps
        With the outputs of the mosaic.
    scenes : sequence of Scene
        All with a CRS.
    keys : sequence of str
        Digests of bundle and scene, one each.
    out : Path
    compute : callable
        Runs a task for each scene, here or on a cluster.

    Raises
    ------
    ImageryError
        A scene has no CRS, or none has a usable pixel.
    """
    from covermap.mapping.mosaic import common_grid, merge

    bundle, settings = maps.bundle, maps.settings
    grid = common_grid([s.geobox for s in scenes], [s.name for s in scenes])
    scratch = Scratch(plan_layers(out, bundle.legend, settings), grid)
    tags = _tags(maps, out, mosaic_key(keys, scenes))
    is_kept = is_there(scratch.layers, tags)
    if is_kept:
        say(f"{out.name}: already there")
    else:
        why = why_again(out, tags)
        if why:
            say(f"{out.name} is made again, since {why}")
        parts = _parts(maps, scenes, keys, out, compute)
        scratch.create(tags, bundle.legend)
        say(f"{out.name}: {len(parts)} scenes on {grid.shape[0]} x {grid.shape[1]} px")
        merge(parts, grid, scratch, bundle.legend, settings, out.name)
    result = counted(
        scratch,
        bundle.legend,
        grid,
        engine=maps.predictor.engine,
        precision=maps.predictor.precision,
        tile=(0, 0),
    )
    if is_kept:
        keep(scratch, bundle.legend, settings, was_stopped=_folder(out).exists())
    else:
        publish(scratch, bundle.legend, settings)
    scratch.remove()
    result = with_polygons(result, out, bundle.legend, settings, out.name, tags[MADE_OF])
    # Last: what they tell of is finished only now.
    _remove_parts(out)
    return result


def _tags(maps: SceneMaps, out: Path, key: str) -> dict[str, str]:
    """What the files of a mosaic say of its origin, with the digest of all that it is made of."""
    bundle, predictor = maps.bundle, maps.predictor
    tags = map_tags(
        bundle.legend,
        str(bundle.model.get("name", "")),
        predictor.engine,
        predictor.precision,
        __version__,
        out.stem,
        key,
    )
    of_files = {"outputs", "min_area_m2", "engine", "precision"}
    return {**tags, MADE_OF: content_digest([tags, maps.settings.model_dump(exclude=of_files)])}


def _parts(
    maps: SceneMaps,
    scenes: Sequence[Scene],
    keys: Sequence[str],
    out: Path,
    compute: Callable[[Sequence[PartTask]], list[bool]],
) -> list[Part]:
    """The probabilities of the scenes that have a usable pixel.

    Raises
    ------
    ImageryError
        None has.
    """
    from covermap.mapping.mosaic import Part

    own, outputs = replace(maps, settings=_of_parts(maps.settings)), maps.bundle.outputs
    paths = part_paths(out, keys)
    tasks = [partial(_part, own, scene, path) for scene, path in zip(scenes, paths, strict=True)]
    made = compute(tasks)
    parts = [
        Part(f"{scene.name} {key}", _shares_of(path, maps.bundle), scene.geobox, outputs)
        for scene, path, key, here in zip(scenes, paths, keys, made, strict=True)
        if here
    ]
    if not parts:
        raise ImageryError(
            f"{out}: none of the {len(scenes)} scenes has a usable pixel; check nodata and quality"
        )
    return parts


def _part(maps: SceneMaps, scene: Scene, path: Path, fill: Filler) -> bool:
    """Map a scene's probabilities, unless they are there; False where nothing can be mapped."""
    try:
        maps.drawn(scene, path, fill)
    except NothingToMapError as error:
        say(f"WARNING  {error}; left out of the mosaic")
        return False
    return True


def _of_parts(settings: MapSettings) -> MapSettings:
    return settings.model_copy(
        update={
            "outputs": ("class", "probability"),
            "probability_type": "float32",
            "min_area_m2": None,
        }
    )


def _shares_of(path: Path, bundle: Bundle) -> Path:
    """The file of probabilities beside a part's class map; the map itself where it holds values."""
    return path if not len(bundle.legend) else path.with_name(f"{path.stem}_probability.tif")


def _folder(out: Path) -> Path:
    return out.with_name(f".{out.stem}.parts")


def _remove_parts(out: Path) -> None:
    # What is removed while it is open keeps its place on the disk, and on Windows it stays.
    POOL.close_below(_folder(out))
    if _folder(out).exists():
        shutil.rmtree(_folder(out))
