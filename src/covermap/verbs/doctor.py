"""doctor: what covermap sees in files, before any work is done with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covermap.core.errors import CovermapError, LabelError
from covermap.core.grid import pixel_size_m
from covermap.imagery.inspection import SceneFacts, inspect, warnings_of
from covermap.imagery.opening import open_scenes
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.masks import Masks
from covermap.labels.polygon_file import read_layer
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels
from covermap.labels.reading import read_labels
from covermap.labels.settings import LabelSettings
from covermap.labels.text_table import holds_places
from covermap.project.schema import Project, read_project
from covermap.verbs.channels import left_out

VECTOR_SUFFIXES = frozenset(
    {
        ".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml", ".gml", ".gpx", ".parquet",
        ".geoparquet",
    }
)  # fmt: skip
# What a point stands for, in pixels; and the size of one where no image is known.
_POINT_PIXELS, _PIXEL_M = 1.5, 10.0
_PROJECT_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class LabelFacts:
    """Labels as they would be read; `polygons` by class, all 0 for masks.

    `drawn` is what they are counted in: polygons or points.
    """

    path: str
    crs: str | None
    polygons: dict[str, int]
    notes: tuple[str, ...]
    drawn: str = "polygons"


@dataclass(frozen=True)
class Findings:
    """Everything that was recognised, and what looks wrong with it."""

    scenes: tuple[SceneFacts, ...]
    labels: tuple[LabelFacts, ...]
    warnings: tuple[str, ...]


def doctor(paths: Sequence[str | Path], layer: str | None = None) -> Findings:
    """Look at images, folders, vector label files or project files.

    Memory and time are bounded by a sample of each image. `layer` is that of a label file that has
    several.

    Raises
    ------
    CovermapError
        A path cannot be read as any of these.
    """
    scenes: list[SceneFacts] = []
    labels: list[LabelFacts] = []
    warnings: list[str] = []
    drawn: list[Polygons] = []
    every: list[Scene] = []
    for path in map(Path, paths):
        task = "segmentation"
        if path.suffix.lower() in _PROJECT_SUFFIXES:
            project = read_project(path)
            imagery, label_settings, base = list(project.imagery), project.labels, path.parent
            task = project.task
            warnings += _of_project(path, project)
        elif is_vector(path) or _is_table(path):
            imagery, base = [], path.parent
            radius_m = radius_of_points(path, every, layer)
            label_settings = LabelSettings(path=path.name, layer=layer, radius_m=radius_m)
        else:
            imagery, label_settings, base = [ImagerySettings(path=str(path))], None, Path()
        opened = [scene for settings in imagery for scene in open_scenes(settings, base)]
        for scene in opened:
            facts = inspect(scene)
            scenes.append(facts)
            warnings += [f"{facts.name}: {text}" for text in warnings_of(facts)]
        missed = left_out(opened)
        if missed and path.suffix.lower() not in _PROJECT_SUFFIXES:
            warnings.append(f"{path.name}: bands that some of its images lack: {missed}")
        every += opened
        if label_settings is not None:
            own = read_labels(label_settings, base, opened, task)
            labels.append(_label_facts(own, opened))
            drawn += [own] if isinstance(own, Polygons) else []
            if isinstance(own, Masks):
                warnings += [f"{own.path.name}: {text}" for text in own.checked_on(opened)]
    # Images and polygons may be given in any order: only now all are known.
    for polygons in drawn:
        name = polygons.path.name
        warnings += [f"{name}: {text}" for text in polygons.doubts]
        try:
            told = [f"{name}: {note}" for note in polygons.checked_on(every)] if every else []
        except LabelError as error:
            told = [str(error)]
        warnings += [text for text in told if text not in warnings]
    return Findings(tuple(scenes), tuple(labels), tuple(warnings))


def is_vector(path: Path) -> bool:
    """Whether a path names polygons or points rather than an image."""
    return path.is_file() and (path.suffix.lower() in VECTOR_SUFFIXES or holds_places(path))


def _is_table(path: Path) -> bool:
    """Whether a path can only be a table: of points where it names their places."""
    return path.is_file() and path.suffix.lower() in {".csv", ".tsv"}


def radius_of_points(
    labels_path: Path, scenes: Sequence[Scene], layer: str | None = None
) -> float | None:
    """How far around a point its class may reach, of a file of points; None for areas.

    A pixel and a half: the pixel that holds the point, and its neighbours where GPS is a little
    off.
    """
    kinds = set(read_layer(labels_path, layer).geometry.dropna().geom_type)
    if not kinds or not kinds <= {"Point", "MultiPoint"}:
        return None
    pixel_m = min((pixel_size_m(scene.geobox) for scene in scenes), default=_PIXEL_M)
    return float(f"{_POINT_PIXELS * pixel_m:.2g}")


def to_json(found: Findings) -> str:
    """Findings for a script."""
    import dataclasses

    def plain(value: Any) -> Any:
        return str(value)

    return json.dumps(dataclasses.asdict(found), indent=2, default=plain)


def _of_project(path: Path, project: Project) -> list[str]:
    """What would stop a run of a project before it reads any pixel, or is told then."""
    from covermap.project.steps import RunFolder
    from covermap.verbs.workspace import Workspace

    workspace = Workspace(path, project, RunFolder(path.parent))
    checks: tuple[Callable[[], object], ...] = (
        lambda: workspace.channels,
        lambda: workspace.regions,
        workspace.require_files,
    )
    told: dict[str, None] = {}
    for check in checks:
        try:
            check()
        except CovermapError as error:
            told[str(error)] = None
    missed = "" if project.bands or told else left_out(workspace.scenes)
    return [*told, *([f"bands that some scenes lack are no input: {missed}"] if missed else [])]


def _label_facts(labels: Labels, scenes: Sequence[Scene]) -> LabelFacts:
    crs, unit = (labels.table.crs, labels.unit) if isinstance(labels, Polygons) else (None, "mask")
    # What is wrong with drawings and masks is a warning.
    checked = () if isinstance(labels, Polygons | Masks) else labels.checked_on(scenes)
    faults = labels.faults if isinstance(labels, Polygons) else ()
    return LabelFacts(
        path=str(labels.path),
        crs=None if crs is None else str(crs),
        polygons=dict(zip(labels.legend.names, labels.drawn, strict=True)),
        notes=(*(note for note in labels.notes if note not in faults), *checked),
        drawn=f"{unit}s",
    )


def require_images(paths: Sequence[Path]) -> None:
    """Stop when there is no image among paths."""
    if not paths:
        raise CovermapError(
            "no image among the paths; give at least one image or folder and a label file: "
            "covermap init scene.tif polygons.gpkg"
        )
