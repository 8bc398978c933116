"""A split whose legend, the most frequent classes, is chosen by its training ground alone.

The split is made from where labels are, not from what they say; then the classes of the part
`train` are counted. A hold-out trains there anyway. A k-fold, whose folds test each other's ground,
keeps a share of the ground out of all tests: it teaches in every fold, and chooses for all of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from covermap.chips.parts import Split, SplitCase, assessed_by_fold, require_two
from covermap.chips.split import split_ground
from covermap.chips.view import Viewer, scenes_by_name
from covermap.core.grid import Window
from covermap.core.progress import progress
from covermap.labels.protocol import MergeableLabels
from covermap.labels.settings import LabelSettings
from covermap.labels.top_classes import top_classes, without_classes

CHOOSING = "train"


def split_with_top_classes(
    case: SplitCase, channels: tuple[str, ...], label_settings: LabelSettings
) -> Split:
    """Split labelled ground, then choose the most frequent classes of what always trains.

    Parameters
    ----------
    case : SplitCase
        Its labels are mergeable and in their own legend, its scans of the labels without their
        classes.
    channels : tuple of str
        What must be usable for a pixel to count.
    label_settings : LabelSettings
        What the project says of its labels.

    Raises
    ------
    SplitError
        The ground cannot be split as asked, or fewer than two classes can be assessed.
    LabelError
        The training ground holds too few classes.
    """
    labels = case.labels
    assert isinstance(labels, MergeableLabels)
    split = split_ground(replace(case, labels=without_classes(labels), spare=True))
    viewer = Viewer(scenes_by_name(case.scenes), labels, channels, split.ground)
    pixels = _pixels_by_part(case, viewer)
    parts = split.ground.parts
    chosen = top_classes(pixels[parts.index(CHOOSING)], labels.legend, label_settings)
    merged = chosen.of(labels)
    by_class = np.zeros((len(parts), len(merged.legend)), dtype=np.int64)
    np.add.at(by_class.T, chosen.places(labels.legend), pixels.T)
    assessed = _assessed(split, by_class, merged.legend.names)
    require_two(assessed, merged)
    ground = "training ground" if split.scheme == "holdout" else "ground that no fold tests"
    reasons = (*split.reasons, chosen.told(ground))
    return replace(split, assessed=assessed, reasons=reasons, top_classes=chosen)


def _pixels_by_part(case: SplitCase, viewer: Viewer) -> np.ndarray:
    """Counted pixels of each class in each part, int64 (P, K)."""
    classes = len(viewer.labels.legend)
    pixels = np.zeros((len(viewer.ground.parts), classes), dtype=np.int64)
    size = case.size
    total = sum(len(item.chips(size)) for item in case.scans)
    with progress("Counting classes", total, "chips") as bar:
        for scene, item in zip(case.scenes, case.scans, strict=True):
            for row, col in item.chips(size):
                window = Window(int(row) * size, int(col) * size, size, size)
                view = viewer.view(scene.name, window)
                counted = view.counting >= 0
                np.add.at(pixels, (view.counting[counted], view.target.index[counted]), 1)
                bar.advance()
    return pixels


def _assessed(split: Split, pixels: np.ndarray, names: tuple[str, ...]) -> tuple[str, ...]:
    """Classes of which training and tests both hold pixels."""
    if split.scheme == "kfold":
        folds = len(split.ground.parts) - 1
        return assessed_by_fold(pixels, np.arange(len(pixels)), names, folds)
    train, test = (split.ground.parts.index(part) for part in ("train", "test"))
    held = (pixels[train] > 0) & (pixels[test] > 0)
    return tuple(name for name, ok in zip(names, held, strict=True) if ok)
