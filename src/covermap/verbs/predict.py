"""predict: answers of a model of whole chips for pictures, as a table."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_bundle
from covermap.core.errors import BundleError, ImageryError, OutputError, listed
from covermap.core.files import complete_file, matching
from covermap.core.grid import tiles, whole
from covermap.core.progress import progress, say
from covermap.imagery.headers import SUFFIXES
from covermap.imagery.raster import Scene
from covermap.mapping.checks import Drift
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.open_for import open_for

if TYPE_CHECKING:
    from covermap.mapping.chip_predictor import ChipModel

COLUMNS = ("path", "class", "probability")
_MOST_SHOWN = 5
VALUE_COLUMNS = ("path", "value")


@dataclass(frozen=True)
class Prediction:
    """One row of a table of classes.

    Attributes
    ----------
    path : str
        Of the picture.
    name : str
        The likeliest class; of tags each has a row.
    probability : float
        0..1.
    """

    path: str
    name: str
    probability: float


@dataclass(frozen=True)
class Value:
    """One row of a table of numbers.

    Attributes
    ----------
    path : str
        Of the picture.
    value : float
        In the unit of the labels that were learnt.
    """

    path: str
    value: float


Row: TypeAlias = Prediction | Value


def predict(bundle: str | Path, pictures: Sequence[str | Path], out: str | Path) -> int:
    """Write a table of what pictures are: columns `path`, `class` and `probability`, or `value`.

    Of a classification each picture has one row, with its likeliest class; of tags it has a row for
    each tag, which is true from a probability of 0.5 on. A regression of chips gives each picture
    a number: columns `path` and `value`.

    Parameters
    ----------
    bundle : path
        Folder of a trained model of whole chips (`RUN/bundle`).
    pictures : sequence of paths
        Images, globs, or folders, of which every image below is taken.
    out : path
        The table (CSV); an earlier table is replaced.

    Returns
    -------
    int
        How many pictures there were.

    Raises
    ------
    CovermapError
        The bundle is not of whole chips, or a file is in the way. Pictures that are damaged or do
        not fit the bundle are named when the table of all others is written; where none can be
        used there is no table.
    """
    from covermap.mapping.chip_predictor import answers_chips, open_chip_model

    facts, target = read_bundle(Path(bundle)), Path(out)
    if not answers_chips(facts):
        raise BundleError(
            f"{bundle}: is of task {facts.task} and answers for pixels; predict is for models of "
            f"whole chips, such as classification. Write covermap map {bundle} SCENE --out map.tif"
        )
    _require_table(target)
    paths = picture_paths([Path(item) for item in pictures])
    model, drift = open_chip_model(facts), Drift(facts)
    failed: list[str] = []
    other_kind: list[str] = []
    rows = _rows(facts, model, paths, drift, failed, other_kind)
    write_predictions(target, rows, values=facts.quantity is not None)
    warnings = drift.warnings("these pictures are", "this table")
    if other_kind and not warnings:
        warnings = [
            f"hardly a pixel of {len(other_kind)} of {len(paths)} pictures is like the training "
            f"imagery ({listed(other_kind, _MOST_SHOWN)}): other units, bands or things to see. "
            "The accuracy of the report does not hold for their rows"
        ]
    for warning in warnings:
        say(f"WARNING  {warning}")
    if failed:
        raise ImageryError(
            f"{target}: written, but {_counted(failed, len(paths))}. Mend these, or leave them out"
        )
    return len(paths)


def picture_paths(given: Sequence[Path]) -> list[Path]:
    """All images that are named, those of folders and globs in order of their paths.

    Hidden files, and those in hidden folders, are none: systems keep thumbnails and the like there.

    Raises
    ------
    ImageryError
        A path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            held = _images_below(path)
            if not held:
                raise ImageryError(
                    f"{path}: no image in this folder; name pictures or their folder"
                )
            found += held
        elif path.exists():
            found.append(path)
        elif glob.has_magic(str(path)):
            # A shell of Windows hands globs on.
            matches = matching(str(path), Path())
            held = [image for item in matches for image in _images_of(item)]
            if not held:
                raise ImageryError(f"{path}: no image matches this pattern")
            found += held
        else:
            raise ImageryError(f"{path}: no such picture; name images or a folder of images")
    return found


def _images_of(path: Path) -> list[Path]:
    if path.is_dir():
        return _images_below(path)
    return [path] if path.suffix.lower() in SUFFIXES else []


def _images_below(folder: Path) -> list[Path]:
    return sorted(_found_below(folder, set()))


def _found_below(folder: Path, above: set[Path]) -> Iterator[Path]:
    """Images in a folder and in those within it, links to folders too, which may lead upwards."""
    own = folder.resolve()
    if own in above:
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _found_below(path, {*above, own})
        # A link into nowhere is a picture that somebody misses.
        elif path.suffix.lower() in SUFFIXES and (path.is_file() or path.is_symlink()):
            yield path


def _rows(
    bundle: Bundle,
    model: ChipModel,
    paths: Sequence[Path],
    drift: Drift,
    failed: list[str],
    other_kind: list[str],
) -> Iterator[Row]:
    """The rows of all pictures that can be used; why others cannot is added to `failed`.

    Pictures that are nowhere like those of training are added to `other_kind`.

    Raises
    ------
    ImageryError
        None can be used, or has a usable pixel.
    """
    told = answered = False
    with progress("Predicting", len(paths), "pictures") as bar:
        for path in paths:
            try:
                # What is true of the first picture is mostly true of all: told once.
                scene = open_for(bundle, path, tell=not told)
                told = True
                own = drift.fresh()
                rows = list(predictions(bundle, model, scene, str(path), own))
                drift.take(own)
                if own.is_of_another_kind:
                    other_kind.append(path.name)
                answered = answered or bool(rows)
                yield from rows
            except (BundleError, ImageryError) as error:
                failed.append(str(error))
                say(f"WARNING  {error}; passed over")
            bar.advance()
    if len(failed) == len(paths):
        if len(failed) == 1:
            raise ImageryError(failed[0])
        raise ImageryError(f"no table: {_counted(failed, len(paths))}")
    if not answered:
        raise ImageryError(
            f"no table: {len(paths) - len(failed)} of {len(paths)} pictures have no usable pixel; "
            "check nodata and quality"
        )


def _counted(failed: Sequence[str], pictures: int) -> str:
    shown = listed(failed, _MOST_SHOWN, "; ")
    return f"{len(failed)} of {pictures} pictures could not be used ({shown})"


def predictions(
    bundle: Bundle, model: ChipModel, scene: Scene, path: str, drift: Drift | None = None
) -> Iterator[Row]:
    """The rows of one picture; nothing for a picture without a usable pixel.

    A picture larger than the chips of the training is cut into such chips, whose probabilities are
    averaged by their usable pixels. Its values are counted by `drift`, where that is given.
    """
    shares, weights = _chips(bundle, model, scene, drift)
    if not weights.sum():
        say(f"{path}: no usable pixel, passed over")
        return
    mean = np.average(shares, axis=0, weights=weights)
    if bundle.quantity is not None:
        yield Value(path, float(bundle.quantity.of(mean)[0]))
        return
    names = bundle.legend.names
    if bundle.task == "classification":
        best = int(mean.argmax())
        yield Prediction(path, names[best], float(mean[best]))
        return
    for name, share in zip(names, mean, strict=True):
        yield Prediction(path, name, float(share))


def write_predictions(target: Path, rows: Iterable[Row], values: bool = False) -> None:
    """The table, complete or not at all; with `values` one of numbers."""
    with complete_file(target) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(VALUE_COLUMNS if values else COLUMNS)
        for row in rows:
            if isinstance(row, Value):
                writer.writerow((row.path, f"{row.value:.6g}"))
            else:
                writer.writerow((row.path, row.name, f"{row.probability:.4f}"))


def relative_to(path: Path, base: Path) -> str:
    """A path as it is written in a table of a run: from the project's folder on."""
    return Path(os.path.relpath(path, base)).as_posix()


def _chips(
    bundle: Bundle, model: ChipModel, scene: Scene, drift: Drift | None
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (N, K) of the picture's chips, and their usable pixels (N,)."""
    from covermap.core.grid import Window

    statistics, size = statistics_of_bundle(bundle), bundle.chip_size
    shares, weights = [], []
    for part in tiles(whole(scene.geobox), size):
        window = Window(part.row_off, part.col_off, size, size)
        raster = scene.read(list(bundle.channel_names), window)
        usable = scene.usable(raster)
        if drift is not None:
            drift.add(raster, usable)
        values = statistics.normalise(raster.values, raster.valid & usable)
        shares.append(model.answers(values[None])[0])
        weights.append(int(usable.sum()))
    return np.stack(shares), np.array(weights)


def _require_table(target: Path) -> None:
    if target.is_dir() or target.suffix.lower() != ".csv":
        raise OutputError(f"{target}: the table is a CSV file; write --out table.csv")
    # A link into nowhere is somebody's file as well.
    if target.is_symlink() and not target.exists():
        raise OutputError(f"{target}: is a link to nothing; choose another --out")
    if target.exists():
        with target.open(encoding="utf-8", errors="replace") as file:
            first = file.readline().strip()
        if first not in (",".join(COLUMNS), ",".join(VALUE_COLUMNS)):
            raise OutputError(f"{target}: is no table of predictions; choose another --out")
