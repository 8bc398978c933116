"""From the `labels:` of a project to labels of the kind that its files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import LabelError
from covermap.imagery.headers import SUFFIXES
from covermap.imagery.raster import Scene
from covermap.labels.coding import legend_path
from covermap.labels.masks import is_raster, mask_files, read_masks
from covermap.labels.polygons import read_polygons
from covermap.labels.protocol import Labels
from covermap.labels.settings import LabelSettings

# Files beside a shapefile that hold part of its content.
_SHAPEFILE_PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")


def read_labels(settings: LabelSettings, base: Path, scenes: Sequence[Scene]) -> Labels:
    """The labels of a project: masks where its files are rasters, else polygons or points.

    Raises
    ------
    LabelError
        The labels cannot be used; see `read_masks` and `read_polygons`.
    """
    if are_masks(settings, base):
        return read_masks(settings, base, scenes)
    return read_polygons(settings, base)


def are_masks(settings: LabelSettings, base: Path) -> bool:
    """Whether the labels' files are rasters, by their names."""
    path = base / Path(settings.paths[0]).expanduser()
    if path.is_dir():
        # A folder may also be a layer (shapefiles, a geodatabase); an empty one is none.
        files = [item for item in path.rglob("*") if item.is_file()]
        return not files or any(is_raster(item) for item in files)
    return path.suffix.lower() in SUFFIXES or len(settings.paths) > 1 or "*" in path.name


def label_files(settings: LabelSettings, base: Path) -> list[Path]:
    """All files that the labels depend on, without reading them."""
    found = mask_files(settings, base) if are_masks(settings, base) else _vector(settings, base)
    legend = legend_path(settings.base_legend, base)
    return [*found, *([legend] if legend else [])]


def parts_of(path: Path) -> list[Path]:
    """All files that hold the content of a vector file."""
    if path.suffix.lower() != ".shp":
        return [path]
    return [p for p in (path.with_suffix(s) for s in _SHAPEFILE_PARTS) if p.exists()]


def _vector(settings: LabelSettings, base: Path) -> list[Path]:
    path = base / settings.paths[0]
    if not path.exists():
        raise LabelError(f"{path}: no such file; check labels: path in the project")
    return parts_of(path)
