"""Which mask files a project names, and to which scene each belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import LabelError, listed
from covermap.core.files import matching
from covermap.imagery.headers import SUFFIXES
from covermap.imagery.raster import Scene
from covermap.labels.pairing import namesakes, pair_files
from covermap.labels.settings import LabelSettings

_NAMED = 3


def mask_files(settings: LabelSettings, base: Path) -> list[Path]:
    """The raster files that the project's `labels: path` names, by name within each folder.

    Raises
    ------
    LabelError
        There is none.
    """
    found: dict[Path, None] = {}
    for pattern in settings.paths:
        path = base / Path(pattern).expanduser()
        if path.is_dir():
            matches = sorted(item for item in path.rglob("*") if is_raster(item))
        elif path.exists():
            matches = [path]
        else:
            matches = [item for item in matching(pattern, base) if is_raster(item)]
        if not matches:
            raise LabelError(f"{path}: no mask (PNG, GeoTIFF) here; check labels: path")
        found.update(dict.fromkeys(matches))
    return list(found)


def is_raster(path: Path) -> bool:
    """Whether a file's name is that of an image or mask."""
    return path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def image_path(scene: Scene) -> Path:
    """The file that a scene is called after; of several files, one with the scene's own name."""
    stems = {path.stem for path in scene.files}
    return scene.files[0] if len(stems) == 1 else scene.files[0].with_name(scene.name + ".tif")


def paired(
    settings: LabelSettings, scenes: Sequence[Scene], files: Sequence[Path], path: Path
) -> tuple[dict[str, Path], list[Path]]:
    """The mask of each scene by name, and the masks that are left over.

    Parameters
    ----------
    settings : LabelSettings
    scenes : sequence of Scene
    files : sequence of Path
        All masks.
    path : Path
        Where they come from, for messages.

    Raises
    ------
    LabelError
        No mask is called like an image, an image has none, or several.
    """
    if len(files) == 1 and (len(scenes) == 1 or all(scene.geobox.crs for scene in scenes)):
        return {scene.name: files[0] for scene in scenes}, []
    images = _images(scenes)
    pairing = pair_files(list(images), files, settings.tokens)
    if not pairing.pairs:
        raise LabelError(
            f"{path}: no mask is called like an image: images {listed_files(list(images))}; masks "
            f"{listed_files(files)}. Name the words that differ: labels: {{tokens: [word, word]}}"
        )
    _require_one_mask(pairing.images, files, settings.tokens)
    if pairing.images:
        raise LabelError(
            f"{path}: {len(pairing.images)} of {len(images)} images have no mask: "
            f"{listed_files(pairing.images)}. Add their masks, or take these images out of "
            "imagery: (a trained model maps them with covermap map)"
        )
    return {images[image]: mask for image, mask in pairing.pairs}, list(pairing.masks)


def _require_one_mask(images: Sequence[Path], masks: Sequence[Path], tokens: Sequence[str]) -> None:
    """Stop where an image has no mask because it has several."""
    for image, several in namesakes(images, masks, tokens):
        if len(several) > 1:
            raise LabelError(
                f"{several[0].parent}: {len(several)} masks are called like the image "
                f"{image.name}: {listed_files(several)}. Keep one of them, or name the masks "
                "meant by a glob: labels: {path: masks/*_mask.tif}"
            )


def _images(scenes: Sequence[Scene]) -> dict[Path, str]:
    """The file that each scene is called after, with the scene's name.

    Where all files have one name (`source.tif`), those are called after their scenes.
    """
    paths = [image_path(scene) for scene in scenes]
    if len(scenes) > 1 and len({path.stem for path in paths}) == 1:
        paths = [
            path.with_name(f"{scene.name}.tif") for path, scene in zip(paths, scenes, strict=True)
        ]
    return {path: scene.name for path, scene in zip(paths, scenes, strict=True)}


def listed_files(paths: Sequence[Path], most: int = _NAMED) -> str:
    """The first names of files, and how many there are beside them."""
    return listed([path.name for path in paths], most)
