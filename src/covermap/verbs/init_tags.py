"""init for a folder of class folders: a classification project."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from covermap.core.errors import ImageryError
from covermap.core.files import complete_file, is_hidden
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.opening import open_scenes
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.kind_settings import TagSettings
from covermap.labels.mask_finding import is_raster
from covermap.labels.pairing import role_words
from covermap.labels.tags import Tags, read_tags
from covermap.project.schema import Project
from covermap.project.tag_template import tag_project_text
from covermap.project.template import ImageryEntry
from covermap.verbs.doctor import is_vector
from covermap.verbs.init import entry_of, new_project_file, project_path, tell_of_data_sets

# One picture may be a place with its bands, several in each folder are examples of a class.
_FEWEST_PICTURES = 2


def are_class_folders(path: Path) -> bool:
    """Whether a folder holds nothing but folders of pictures, each for a class.

    Each of two or more folders holds two or more images of its own and no folder; their names say
    neither that they are images nor masks, and there is no file with polygons.
    """
    if not path.is_dir() or any(is_raster(item) for item in path.iterdir()):
        return False
    folders = _folders(path)
    if len(folders) < 2 or any(is_vector(item) for item in path.rglob("*")):
        return False
    return all(
        not role_words(folder.name)
        and not _folders(folder)
        and sum(is_raster(item) for item in folder.iterdir()) >= _FEWEST_PICTURES
        # Bands in files of their own make one scene, not examples of a class.
        and len(_opened(folder)) >= _FEWEST_PICTURES
        for folder in folders
    )


def init_tags(pictures: str | Path, out: str | Path = "project.yaml") -> Path:
    """Write a project file for pictures whose class is the folder that they lie in.

    Parameters
    ----------
    pictures : path
        Folder with a folder for each class.
    out : path
        The project file; its relative paths start from its own folder.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    CovermapError
        A picture cannot be read, pictures differ in their bands, or `out` exists.
    """
    target, root = new_project_file(out), Path(pictures)
    tell_of_data_sets([root])
    entries, scenes = _entries(root, target.parent)
    for text in entries[0].warnings:
        say(f"{entries[0].facts.name}: {text}")
    tags = read_tags(TagSettings(tags="folders"), root, scenes)
    text = tag_project_text(
        name=target.stem if target.stem != "project" else root.resolve().name,
        entries=entries,
        pictures=dict(zip(tags.legend.names, tags.pictures, strict=True)),
    )
    _verify(text, target, tags)
    with complete_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
    return target


def _entries(root: Path, base: Path) -> tuple[list[ImageryEntry], list[Scene]]:
    """One entry for all pictures, or one for each folder where pictures of two have one name."""
    scenes = _opened(root)
    _require_equal_bands(scenes)
    names = Counter(scene.name for scene in scenes)
    if max(names.values()) == 1:
        entry = entry_of(project_path(root, base), scenes[0], alike=scenes)
        return [replace(entry, pictures=len(scenes))], scenes
    entries, named = [], []
    for folder in _folders(root):
        own = _opened(folder, folder.name)
        entry = entry_of(project_path(folder, base), own[0], alike=own)
        entries.append(replace(entry, pictures=len(own), prefix=folder.name))
        named += own
    return entries, named


def _opened(path: Path, name: str | None = None) -> list[Scene]:
    return open_scenes(ImagerySettings(path=str(path), join=False, name=name), Path())


def _folders(path: Path) -> list[Path]:
    """Folders that hold something; an empty one is no class, and `read_tags` says so."""
    return sorted(
        item
        for item in path.iterdir()
        if item.is_dir() and not is_hidden(item.name) and any(item.iterdir())
    )


def _require_equal_bands(scenes: list[Scene]) -> None:
    first = [band.name for band in scenes[0].bands]
    for scene in scenes:
        own = [band.name for band in scene.bands]
        if own != first:
            raise ImageryError(
                f"{scene.files[0]}: has {len(own)} bands ({', '.join(own)}), but "
                f"{scenes[0].files[0].name} has {len(first)} ({', '.join(first)}); pictures of one "
                "project have the same bands"
            )


def _verify(text: str, target: Path, tags: Tags) -> None:
    """Read the project as it will be read, so that what is wrong is told now."""
    import yaml

    project = parse(Project, yaml.safe_load(text), str(target))
    scenes = [scene for item in project.imagery for scene in open_scenes(item, target.parent)]
    if {scene.name for scene in scenes} != set(tags.by_scene):
        raise ImageryError(
            f"{target}: the imagery that it names opens as {len(scenes)} scenes, but "
            f"{len(tags.by_scene)} pictures were found; move files that are no pictures away"
        )
    for note in (*tags.notes, *tags.checked_on(scenes)):
        say(note)
