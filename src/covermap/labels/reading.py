"""From the `labels:` of a project to labels of the kind that its files are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import LabelError
from covermap.core.files import matching
from covermap.imagery.headers import SUFFIXES, parts_of_image
from covermap.imagery.raster import Scene
from covermap.labels.coding import legend_path
from covermap.labels.density import read_density
from covermap.labels.kind_settings import FOLDERS, AnyLabelSettings, DensitySettings, TagSettings
from covermap.labels.mask_finding import is_raster, mask_files, paired
from covermap.labels.masks import read_masks
from covermap.labels.numbers import read_numbers
from covermap.labels.polygon_file import drawing_path
from covermap.labels.polygons import read_polygons
from covermap.labels.protocol import Labels
from covermap.labels.settings import LabelSettings
from covermap.labels.tags import read_tags
from covermap.labels.vector_file import parts_of


def read_labels(
    settings: AnyLabelSettings, base: Path, scenes: Sequence[Scene], task: str = "segmentation"
) -> Labels:
    """The labels of a project, of the kind that its settings and its task are.

    What has a `path` is masks where its files are rasters, else polygons or points. Of whole
    pictures a regression takes numbers, and a classification one class each.

    Raises
    ------
    LabelError
        The labels cannot be used; see `read_masks`, `read_polygons`, `read_tags`,
        `read_numbers` and `read_density`.
    """
    if isinstance(settings, TagSettings):
        if task == "regression":
            return read_numbers(settings, base, scenes)
        tags = read_tags(settings, base, scenes)
        return tags.of_one_label() if task == "classification" else tags
    if isinstance(settings, DensitySettings):
        return read_density(settings, base)
    if are_masks(settings, base):
        return read_masks(settings, base, scenes)
    return read_polygons(settings, base)


def are_masks(settings: LabelSettings, base: Path) -> bool:
    """Whether the labels' files are rasters, by their names."""
    path = base / Path(settings.paths[0]).expanduser()
    if len(settings.paths) > 1 or "*" in path.name:
        found = [file for name in settings.paths for file in matching(name, base)]
        # Where nothing is found it is said of masks, which are named so more often.
        return not found or any(file.is_dir() or is_raster(file) for file in found)
    if path.is_dir():
        # A folder may also be a layer (shapefiles, a geodatabase); an empty one is none.
        files = [item for item in path.rglob("*") if item.is_file()]
        return not files or any(is_raster(item) for item in files)
    return path.suffix.lower() in SUFFIXES


def label_files(
    settings: AnyLabelSettings, base: Path, scenes: Sequence[Scene]
) -> dict[str, list[Path]]:
    """All files that the labels depend on, without reading them, by what each is to the labels.

    The key of a mask is the name of the scene that it belongs to: two masks that change places are
    other labels. Names of folders are no file: where they are the tags, the paths of the images are
    the labels.
    """
    if isinstance(settings, TagSettings):
        return {} if settings.tags == FOLDERS else {"tags": _table(base / settings.tags)}
    if isinstance(settings, DensitySettings):
        named = {"points": settings.points, "areas": settings.areas}
        return {key: _parts(base / name, key) for key, name in named.items() if name}
    legend = legend_path(settings.base_legend, base)
    found = {} if legend is None else {"legend": [legend]}
    if not are_masks(settings, base):
        return {"path": _parts(drawing_path(settings, base), "path"), **found}
    masks = mask_files(settings, base)
    pairs, _ = paired(settings, scenes, masks, base / settings.paths[0])
    parts = {mask: parts_of_image(mask) for mask in dict.fromkeys(pairs.values())}
    return {**{f"mask of {scene}": parts[mask] for scene, mask in pairs.items()}, **found}


def _parts(path: Path, key: str) -> list[Path]:
    if not path.exists():
        raise LabelError(f"{path}: no such file; check labels: {key} in the project")
    return parts_of(path)


def _table(path: Path) -> list[Path]:
    if not path.is_file():
        raise LabelError(
            f"{path}: no such table; check labels: tags, or write tags: folders where a picture's "
            "class is the name of its folder"
        )
    return [path]
