"""init: a commented project file from images and polygons."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import LabelError, OutputError
from covermap.core.files import (
    UNPACK_IT,
    complete_file,
    is_hidden,
    looks_like_archive,
    relative_path,
)
from covermap.core.progress import say
from covermap.imagery.bands import is_quality_word
from covermap.imagery.headers import GIVE_A_CRS
from covermap.imagery.inspection import guess_scale, inspect, warnings_of
from covermap.imagery.opening import open_scenes
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.columns import ColumnChoice, choose_class_column
from covermap.labels.mask_finding import is_raster
from covermap.labels.polygon_file import read_layer
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.project.template import ImageryEntry, points_project_text, project_text
from covermap.verbs.doctor import is_vector, radius_of_points, require_images

# As many images of one place are taken for dates of it; two may as well be a before and an after.
_FEWEST_DATES = 3
_MASK_NAME = re.compile(r"mask|cloud", re.IGNORECASE)
_LABEL_NAME = re.compile(r"mask|label|(?:^|[_-])gt(?:[_.-]|$)|truth|annotation", re.IGNORECASE)
# Paths that a message explains.
_TOLD = 4
_PHOTOGRAPHS, _COLORS = (".jpg", ".jpeg", ".png"), ("red", "green", "blue")


def init(
    paths: Sequence[str | Path], out: str | Path = "project.yaml", layer: str | None = None
) -> Path:
    """Write a project file for images and a label file.

    Parameters
    ----------
    paths : sequence of paths
        Images, folders of bands, and one vector file; a vector file inside a given folder is found.
    out : path
        The project file; its relative paths start from its own folder.
    layer : str, optional
        Of the label file; needed where that has several.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    CovermapError
        An image or the labels cannot be read, or `out` exists.
    """
    target = new_project_file(out)
    given = [Path(path) for path in paths]
    tell_of_data_sets(given)
    labels_path = _labels_among(given)
    images = [path for path in given if not is_vector(path) and _may_hold_images(path)]
    require_images(images)
    entries, scenes = _entries(images, labels_path, target.parent)
    _require_places(scenes, labels_path)
    for entry in entries:
        for text in entry.warnings:
            say(f"{entry.facts.name}: {text}")
    radius_m = radius_of_points(labels_path, scenes, layer)
    name = target.stem if target.stem != "project" else labels_path.stem
    where = project_path(labels_path, target.parent)
    choice = _class_column(labels_path, layer)
    if radius_m is not None and (choice.column is None or choice.is_doubtful):
        say(f"{labels_path.name}: points without a class: a project that maps how many lie where")
        if choice.column is not None:
            say(
                f"column '{choice.column}' is taken for no class; if it is one, write labels: "
                f"{{path: {where}, attribute: {choice.column}, radius_m: {radius_m:g}}} and no task"
            )
        return _written_project(target, points_project_text(name, entries, where, layer))
    settings = LabelSettings(path=str(labels_path), layer=layer, radius_m=radius_m)
    labels = read_polygons(settings, Path())
    for note in dict.fromkeys((*labels.checked_on(scenes), *labels.notes, *labels.doubts)):
        say(f"{labels_path.name}: {note}")
    text = project_text(
        name=name,
        entries=entries,
        labels_path=where,
        attribute=labels.attribute,
        passed_over=", ".join(labels.passed_over),
        classes=labels.legend.names,
        radius_m=radius_m,
        layer=layer,
    )
    return _written_project(target, text)


def _require_places(scenes: Sequence[Scene], labels_path: Path) -> None:
    """Stop where an image has no place on the Earth: no drawing can be laid over it."""
    bare = [scene.name for scene in scenes if scene.geobox.crs is None]
    if bare:
        raise LabelError(
            f"{bare[0]}: has no CRS, so {labels_path.name} cannot be laid over it; {GIVE_A_CRS}"
        )


def _class_column(labels_path: Path, layer: str | None) -> ColumnChoice:
    """The column of a file that looks like classes."""
    return choose_class_column(read_layer(labels_path, layer).drop(columns="geometry"))


def _written_project(target: Path, text: str) -> Path:
    with complete_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
    return target


def new_project_file(out: str | Path) -> Path:
    """The project file to be written.

    Raises
    ------
    OutputError
        It exists.
    """
    target = Path(out)
    if target.exists():
        raise OutputError(f"{target}: already exists; choose another --out or remove it")
    return target


def tell_of_data_sets(paths: Sequence[Path]) -> None:
    """Say of folders that have a published layout which command writes their project."""
    from covermap.datasets.registry import recognised

    for path in paths:
        dataset = recognised(path) if path.is_dir() else None
        if dataset is not None:
            say(
                f"{path}: this is {dataset.card.title}; its own project: covermap datasets "
                f"{shlex.quote(str(path))} --out project.yaml"
            )


def _entries(
    images: Sequence[Path], labels_path: Path, base: Path
) -> tuple[list[ImageryEntry], list[Scene]]:
    """The entries of the project's imagery, and the scenes that they are of."""
    opened = [
        (paths, open_scenes(ImagerySettings(path=[str(path) for path in paths]), Path()))
        for paths in _together(images)
    ]
    stack = _stack([scene for _, scenes in opened for scene in scenes], base)
    if stack is not None:
        return [stack], [scene for _, scenes in opened for scene in scenes]
    entries = []
    shown: list[Scene] = []
    for paths, scenes in opened:
        kept = _without_burnt_labels(scenes, labels_path) if paths[0].is_dir() else scenes
        shown += kept
        for alike in _alike(kept):
            # One entry opens all scenes of its paths; they are described by the first.
            written = [project_path(path, base) for path in _written(paths, alike, scenes)]
            entries.append(
                entry_of(written if len(written) > 1 else written[0], alike[0], alike=alike)
            )
    _tell_of_dates(shown)
    return entries, shown


def _together(images: Sequence[Path]) -> list[list[Path]]:
    """Paths that are opened at once: folders by themselves, the files of one folder together.

    A shell makes many files of `scene/*.tif`, which may be the bands of one image.
    """
    groups: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(images):
        groups.setdefault(path if path.is_dir() else path.parent / "*", []).append(path)
    return list(groups.values())


def _written(
    paths: Sequence[Path], alike: Sequence[Scene], scenes: Sequence[Scene]
) -> Sequence[Path]:
    """What a project says for some scenes of those that paths hold."""
    if len(alike) == len(scenes):
        return paths
    files = [file for scene in alike for file in scene.files]
    if not paths[0].is_dir():
        return files
    others = [file for scene in scenes if scene not in alike for file in scene.files]
    folders, kept = (_children(paths[0], those) for those in (files, others))
    # A folder says more than its files: a product has its scale and date beside its bands.
    return folders if folders and not set(folders) & set(kept) else files


def _children(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The folders straight in a folder that hold files; none where one lies in itself."""
    within = [file.relative_to(folder).parts for file in files]
    if any(len(parts) < 2 for parts in within):
        return []
    return sorted({folder / parts[0] for parts in within})


def _without_burnt_labels(scenes: Sequence[Scene], labels_path: Path) -> list[Scene]:
    """The scenes but for a raster that is called like the label file: the labels once more."""
    kept = [
        scene
        for scene in scenes
        if {file.with_suffix("") for file in scene.files} != {labels_path.with_suffix("")}
    ]
    for scene in scenes:
        if scene not in kept:
            say(f"{scene.files[0].name}: passed over, called like the labels {labels_path.name}")
    return kept


def _alike(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Scenes of equal bands together; an entry describes all of its scenes alike."""
    groups: dict[tuple[str, ...], list[Scene]] = {}
    for scene in scenes:
        groups.setdefault(tuple(band.name for band in scene.bands), []).append(scene)
    return list(groups.values())


def _tell_of_dates(scenes: Sequence[Scene]) -> None:
    """Say of two dates of one place that what was drawn counts on both."""
    dated = [scene for scene in scenes if scene.date is not None]
    for place, scene in enumerate(dated):
        for other in dated[:place]:
            if scene.geobox == other.geobox and scene.date != other.date:
                say(
                    f"{other.name} and {scene.name} show the same ground on {other.date} and "
                    f"{scene.date}: the labels count on both; take out a date that they do not "
                    "belong to"
                )


def entry_of(
    path: str | list[str],
    scene: Scene,
    dates: int = 1,
    masks: str | None = None,
    alike: Sequence[Scene] = (),
) -> ImageryEntry:
    """One entry of a project's imagery, described by a scene of it and some others like it."""
    are_colors = _is_photograph(scene)
    if are_colors:
        own = ImagerySettings(path=str(scene.files[0]), name=scene.name, bands=list(_COLORS))
        (scene,) = open_scenes(own, Path())
    facts = inspect(scene, alike=() if are_colors else alike)
    warnings = tuple(warnings_of(facts))
    return ImageryEntry(
        path, facts, guess_scale(facts), dates, masks, warnings, are_colors=are_colors
    )


def _is_photograph(scene: Scene) -> bool:
    """Three bands without names in a file whose format is for red, green and blue."""
    return [band.name for band in scene.bands] == ["band_1", "band_2", "band_3"] and all(
        path.suffix.lower() in _PHOTOGRAPHS for path in scene.files
    )


def _stack(scenes: Sequence[Scene], base: Path) -> ImageryEntry | None:
    """All scenes as dates of one place, with their masks, when that is what they are."""
    dated = [scene for scene in scenes if scene.date is not None]
    if len(dated) < _FEWEST_DATES or any(
        scene.geobox != dated[0].geobox or len(scene.files) != 1 for scene in dated
    ):
        return None
    masks = [scene for scene in dated if _is_mask(scene)]
    dates = [scene for scene in dated if scene not in masks]
    names = {tuple(band.name for band in scene.bands) for scene in dates}
    if len(dates) < _FEWEST_DATES or len(names) != 1:
        return None
    for scene in scenes:
        if scene.date is None:
            say(f"{scene.name}: passed over, no date among dated images of one place")
    mask_path = _pattern([scene.files[0] for scene in masks], base) if masks else None
    path = _pattern([scene.files[0] for scene in dates], base)
    return entry_of(path, dates[0], len(dates), mask_path if isinstance(mask_path, str) else None)


def _is_mask(scene: Scene) -> bool:
    return all(is_quality_word(b.name) or _MASK_NAME.search(b.name) for b in scene.bands)


def _pattern(files: Sequence[Path], base: Path) -> str | list[str]:
    """A glob that matches just these files, or their list where there is none."""
    names = [path.name for path in files]
    # Years have digits in common that say nothing: `NDVI_*` rather than `NDVI_201*`.
    prefix = _common_beginning(names).rstrip("0123456789")
    suffix = _common_beginning([name[::-1] for name in names])[::-1]
    folder = files[0].parent
    pattern = f"{prefix}*{suffix}"
    if set(folder.glob(pattern)) == set(files):
        return project_path(folder / pattern, base)
    return [project_path(path, base) for path in files]


def _common_beginning(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first if length is None else first[:length]


def _labels_among(paths: Sequence[Path]) -> Path:
    for path in paths:
        if not path.exists():
            raise LabelError(f"{path}: no such file or folder")
    vectors = [path for path in paths if is_vector(path)]
    if not vectors:
        for folder in (path for path in paths if path.is_dir()):
            vectors += sorted(item for item in folder.rglob("*") if _may_be_drawn(item, folder))
        # A product's own JSON (STAC items, metadata) is no drawing.
        vectors = [path for path in vectors if path.suffix.lower() != ".json"]
        # The way that somebody walked lies beside what was drawn there.
        vectors = [path for path in vectors if path.suffix.lower() != ".gpx"] or vectors
    if not vectors:
        raise LabelError(_no_labels(paths))
    if len(vectors) > 1:
        raise LabelError(
            f"{len(vectors)} label files ({', '.join(path.name for path in vectors[:4])}); give one"
        )
    return vectors[0]


def _may_hold_images(path: Path) -> bool:
    """Whether a path is more than the folder of a drawing, where that was found."""
    if not path.is_dir():
        return True
    files = list(path.rglob("*"))
    if any(is_raster(item) or looks_like_archive(item) for item in files):
        return True
    return not any(_may_be_drawn(item, path) for item in files)


def _may_be_drawn(path: Path, folder: Path) -> bool:
    """Whether a file in a folder is one of polygons or points that a person put there.

    Sentinel-2 products hold outlines of clouds.
    """
    parts = path.relative_to(folder).parts
    of_product = any(part.lower().endswith(".safe") for part in (*folder.resolve().parts, *parts))
    return not of_product and not any(map(is_hidden, parts)) and is_vector(path)


def _no_labels(paths: Sequence[Path]) -> str:
    """What to say where no path holds polygons: what each is taken for, and what would do."""
    told = [f"{path.name}: {word}" for path in paths if (word := _taken_for(path)) is not None]
    return (
        "no label file among the paths; give one with polygons (.gpkg, .shp, .geojson): covermap "
        "init scene.tif polygons.gpkg. Where masks are the labels: covermap init --images DIR "
        "--masks DIR" + "".join(f"; {line}" for line in told[:_TOLD])
    )


def _taken_for(path: Path) -> str | None:
    """What a path is that cannot hold polygons, and what to make of it; None for images."""
    suffix = path.suffix.lower()
    if looks_like_archive(path):
        return UNPACK_IT
    if suffix in {".csv", ".txt", ".tsv", ".xls", ".xlsx"}:
        return (
            "a table without the columns lon and lat, so not of points; tables of pictures are "
            "named in the project: labels: {tags: table.csv}"
        )
    if suffix in {".nc", ".hdf", ".h5"}:
        return "holds several arrays; export those that are meant as GeoTIFF (gdal_translate)"
    if path.is_file() and _LABEL_NAME.search(path.stem):
        return "called like a mask; give it with --masks, and the image with --images"
    return None


def project_path(path: Path, base: Path) -> str:
    """A path as the project file should write it: from its own folder where that is near."""
    text = relative_path(path, base)
    far = text.count("../") > 3
    return Path(os.path.normpath(base.resolve() / text)).as_posix() if far else text
