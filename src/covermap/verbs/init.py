"""init: a commented project file from images and polygons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from covermap.core.errors import LabelError, OutputError
from covermap.core.files import complete_file
from covermap.core.progress import say
from covermap.imagery.inspection import SceneFacts, guess_scale, inspect, warnings_of
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings
from covermap.labels.polygons import Polygons, read_polygons
from covermap.labels.settings import LabelSettings
from covermap.project.template import ImageryEntry, project_text
from covermap.verbs.doctor import is_vector, require_images


def init(paths: Sequence[str | Path], out: str | Path = "project.yaml") -> Path:
    """Write a project file for images and a label file.

    Parameters
    ----------
    paths : sequence of paths
        Images, folders of bands, and one vector file; a vector file inside a given folder is found.
    out : path
        The project file; its relative paths start from its own folder.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    CovermapError
        An image or the labels cannot be read, or `out` exists.
    """
    target = Path(out)
    if target.exists():
        raise OutputError(f"{target}: already exists; choose another --out or remove it")
    given = [Path(path) for path in paths]
    labels_path = _labels_among(given)
    images = [path for path in given if not is_vector(path)]
    require_images(images)
    labels = read_polygons(LabelSettings(path=str(labels_path)), Path())
    entries = _entries(images, target.parent)
    for entry in entries:
        for text in entry.warnings:
            say(f"{entry.facts.name}: {text}")
    for note in labels.notes:
        say(f"{labels_path.name}: {note}")
    text = project_text(
        name=target.stem if target.stem != "project" else labels_path.stem,
        entries=entries,
        labels_path=_relative(labels_path, target.parent),
        attribute=_attribute(labels),
        passed_over=_passed_over(labels),
        classes=labels.legend.names,
    )
    with complete_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
    return target


@dataclass(frozen=True)
class _Group:
    """Images that make one entry: a path, or the dates of one place."""

    path: str | list[str]
    facts: SceneFacts
    dates: int


def _entries(images: Sequence[Path], base: Path) -> list[ImageryEntry]:
    groups: list[_Group] = []
    for path in images:
        scenes = open_scenes(ImagerySettings(path=str(path)), Path())
        for scene in scenes:
            # One entry opens all scenes of a path; they are described by the first.
            if scene is scenes[0]:
                groups.append(_Group(_relative(path, base), inspect(scene), 1))
    stacks = _as_stack(groups)
    return [_entry(group) for group in (stacks if stacks is not None else groups)]


def _as_stack(groups: list[_Group]) -> list[_Group] | None:
    """All images as dates of one place, when that is what they are."""
    first = groups[0].facts
    if len(groups) < 3 or any(group.facts.date is None for group in groups):
        return None

    def place(facts: SceneFacts) -> tuple[object, ...]:
        return facts.crs, facts.height, facts.width, facts.bounds

    if any(place(group.facts) != place(first) for group in groups):
        return None
    paths = [str(group.path) for group in groups]
    return [_Group(paths, first, len({g.facts.date for g in groups}))]


def _entry(group: _Group) -> ImageryEntry:
    return ImageryEntry(
        path=group.path,
        facts=group.facts,
        scales=guess_scale(group.facts),
        dates=group.dates,
        warnings=tuple(warnings_of(group.facts)),
    )


def _labels_among(paths: Sequence[Path]) -> Path:
    for path in paths:
        if path.suffix and not path.exists():
            raise LabelError(f"{path}: no such file")
    vectors = [path for path in paths if is_vector(path)]
    if not vectors:
        for folder in (path for path in paths if path.is_dir()):
            vectors += sorted(item for item in folder.rglob("*") if is_vector(item))
        # A product's own JSON (STAC items, metadata) is no drawing.
        vectors = [path for path in vectors if path.suffix.lower() != ".json"]
    if not vectors:
        raise LabelError(
            "no label file among the paths; give one with polygons (.gpkg, .shp, .geojson): "
            "covermap init scene.tif polygons.gpkg"
        )
    if len(vectors) > 1:
        raise LabelError(
            f"{len(vectors)} label files ({', '.join(path.name for path in vectors[:4])}); give one"
        )
    return vectors[0]


def _relative(path: Path, base: Path) -> str:
    """A path as the project file should write it: from its own folder where that is near."""
    absolute = path.resolve()
    relative = Path(os.path.relpath(absolute, base.resolve()))
    text = relative.as_posix()
    return absolute.as_posix() if text.count("../") > 3 else text


def _attribute(labels: Polygons) -> str:
    note = next(note for note in labels.notes if note.startswith("classes taken"))
    return note.split("'")[1]


def _passed_over(labels: Polygons) -> str:
    note = next(note for note in labels.notes if note.startswith("classes taken"))
    return note.split("passed over: ", 1)[1] if "passed over: " in note else ""
