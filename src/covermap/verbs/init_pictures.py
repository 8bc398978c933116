"""init for a folder of images and a folder of masks: pairs, legend, project file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from covermap.core.errors import CovermapError, ImageryError, LabelError
from covermap.core.files import complete_file
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.opening import open_scenes
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.color_lists import color_list_notes
from covermap.labels.found_legend import FoundLegend, found_legend
from covermap.labels.mask_finding import image_path, is_raster, listed_files
from covermap.labels.masks import read_masks
from covermap.labels.pairing import (
    Pairing,
    looks_like_mask,
    pair_files,
    role_words,
    telling_apart,
)
from covermap.labels.settings import LabelSettings
from covermap.project.mask_template import mask_project_text
from covermap.project.schema import Project
from covermap.project.template import ImageryEntry
from covermap.verbs.init import entry_of, new_project_file, project_path

_NAMED = 5


def init_pictures(images: str | Path, masks: str | Path, out: str | Path = "project.yaml") -> Path:
    """Write a project file for images and their masks.

    Parameters
    ----------
    images, masks : path
        Folders, which may be the same one or hold folders of their own, or single files. An image
        and a mask belong together when their names agree, see `covermap.labels.pairing`; a single
        mask belongs to all images where these have a CRS.
    out : path
        The project file; its relative paths start from its own folder.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    CovermapError
        Nothing pairs, a file cannot be read, masks do not fit their images, or `out` exists.
    """
    target = new_project_file(out)
    image_files, mask_files = _both_kinds(Path(images), Path(masks))
    scenes = _opened(image_files)
    named = {image_path(scene): scene for scene in scenes}
    pairing, tokens = _pairing(list(named), mask_files)
    if not pairing.pairs and len(mask_files) == 1 and all(s.geobox.crs for s in scenes):
        say(f"{mask_files[0].name}: taken for all {len(scenes)} images, which it lies on")
        pairing = Pairing(tuple((image, mask_files[0]) for image in named), (), ())
    if not pairing.pairs:
        raise LabelError(
            f"{masks}: no mask is called like an image: images "
            f"{listed_files(list(named), _NAMED)}; masks {listed_files(mask_files, _NAMED)}. "
            "Rename them so that names agree but for words such as _sat and _mask"
        )
    left_over = _left_over(pairing.images, pairing.masks)
    for text in left_over:
        say(f"no partner, left out: {text}")
    if tokens:
        say(f"names of images and masks agree but for {', '.join(tokens)}: written as tokens")
    paired = list(dict.fromkeys(mask for _, mask in pairing.pairs))
    found = _legend(paired, [image for image, _ in pairing.pairs], Path(images), Path(masks))
    beside = _color_lists(Path(images), Path(masks), found)
    for text in beside:
        say(text)
    kept = [named[image] for image, _ in pairing.pairs]
    entries = _entries(kept, Path(images), target.parent)
    text = mask_project_text(
        name=target.stem if target.stem != "project" else Path(images).resolve().name,
        entries=entries,
        masks=_folders(paired, mask_files, Path(masks), target.parent),
        tokens=tokens,
        found=found,
        left_over=left_over,
        beside=beside,
    )
    _verify(text, target)
    with complete_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
    return target


def _legend(
    paired: Sequence[Path], photographs: Sequence[Path], images: Path, masks: Path
) -> FoundLegend:
    """The legend of the masks; tells where images were given for masks and masks for images."""
    try:
        return found_legend(paired)
    except LabelError:
        if not _are_masks(photographs):
            raise
    raise LabelError(
        f"{masks}: holds images, and {images} what looks like masks; change them over: covermap "
        f"init --images {shlex.quote(str(masks))} --masks {shlex.quote(str(images))}"
    )


def _are_masks(paths: Sequence[Path]) -> bool:
    try:
        return bool(found_legend(paths).pixels)
    except CovermapError:
        return False


def _pairing(images: Sequence[Path], masks: Sequence[Path]) -> tuple[Pairing, list[str]]:
    """Images with their masks, and the words between which their names had to be told to differ."""
    if len(images) == len(masks) == 1:
        return Pairing(((images[0], masks[0]),), (), ()), []
    plain, tokens = pair_files(images, masks), telling_apart(images, masks)
    told = pair_files(images, masks, tokens)
    return (told, tokens) if len(told.pairs) > len(plain.pairs) else (plain, [])


def _both_kinds(images: Path, masks: Path) -> tuple[list[Path], list[Path]]:
    """Image files and mask files; where one folder holds both, names and folders tell them."""
    image_files, mask_files = _rasters(images), _rasters(masks)
    shared = set(image_files) & set(mask_files)
    if images.resolve() == masks.resolve():
        mask_files = [path for path in mask_files if looks_like_mask(path, masks)]
        image_files = [path for path in image_files if path not in set(mask_files)]
    elif len(shared) == len(mask_files):
        image_files = [path for path in image_files if path not in shared]
    elif shared:
        mask_files = [path for path in mask_files if path not in shared]
    for kind, files, path in (("image", image_files, images), ("mask", mask_files, masks)):
        if not files:
            raise ImageryError(f"{path}: no {kind} here; expected TIFF, PNG or JPEG files")
    return image_files, mask_files


def _rasters(path: Path) -> list[Path]:
    if not path.exists():
        raise ImageryError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    return sorted(item for item in path.rglob("*") if is_raster(item))


def _opened(files: Sequence[Path]) -> list[Scene]:
    paths = [str(path) for path in files]
    return open_scenes(ImagerySettings(path=paths, join=False), Path())


def _entries(scenes: Sequence[Scene], root: Path, base: Path) -> list[ImageryEntry]:
    """An entry for each folder of images; names of several folders go before those of scenes."""
    by_folder: dict[Path, list[Scene]] = {}
    for scene in scenes:
        by_folder.setdefault(scene.files[0].parent, []).append(scene)
    entries = []
    for folder, own in by_folder.items():
        entry = entry_of("", own[0], alike=own)
        for text in entry.warnings:
            say(f"{entry.facts.name}: {text}")
        paths = _image_paths(folder, own, base)
        prefix = _prefix(folder, root) if len(by_folder) > 1 else None
        entries.append(replace(entry, path=paths, pictures=len(own), prefix=prefix))
    return entries


def _image_paths(folder: Path, scenes: Sequence[Scene], base: Path) -> str | list[str]:
    """The folder itself where opening it gives just these images, else their files."""
    wanted = [path for scene in scenes for path in scene.files]
    try:
        opened = open_scenes(ImagerySettings(path=str(folder), join=False), Path())
    except ImageryError:
        opened = []
    if {path for scene in opened for path in scene.files} == set(wanted):
        return project_path(folder, base)
    return [project_path(path, base) for path in wanted]


def _prefix(folder: Path, root: Path) -> str:
    """What tells a folder of images from its neighbours, for the names of its scenes."""
    parts = folder.resolve().relative_to(root.resolve()).parts
    telling = [part for part in parts if not role_words(part)]
    return "-".join(telling) or folder.name


def _folders(paired: Sequence[Path], files: Sequence[Path], root: Path, base: Path) -> list[str]:
    """The masks' root where every raster in it is a mask, else their folders or files."""
    if root.is_file() or set(files) == set(_rasters(root)):
        return [project_path(root, base)]
    folders = list(dict.fromkeys(path.parent for path in paired))
    if all(set(_rasters(folder)) <= set(files) for folder in folders):
        return [project_path(folder, base) for folder in folders]
    return [project_path(path, base) for path in paired]


def _left_over(images: Sequence[Path], masks: Sequence[Path]) -> list[str]:
    told = []
    for kind, paths in (("image", images), ("mask", masks)):
        if paths:
            many = "s" if len(paths) > 1 else ""
            told.append(f"{len(paths)} {kind}{many}: {listed_files(paths, _NAMED)}")
    return told


def _color_lists(images: Path, masks: Path, found: FoundLegend) -> list[str]:
    """What to say of lists of colours that lie with the images and masks."""
    if not found.colors:
        return []
    roots = [path.resolve() if path.is_dir() else path.resolve().parent for path in (images, masks)]
    return color_list_notes([*roots, *(root.parent for root in roots)], found.colors)


def _verify(text: str, target: Path) -> None:
    """Read the project as it will be read, so that what is wrong with the files is told now."""
    import yaml

    project = parse(Project, yaml.safe_load(text), str(target))
    scenes = [scene for item in project.imagery for scene in open_scenes(item, target.parent)]
    assert isinstance(project.labels, LabelSettings)
    labels = read_masks(project.labels, target.parent, scenes)
    for note in (*labels.notes, *labels.checked_on(scenes)):
        say(note)
