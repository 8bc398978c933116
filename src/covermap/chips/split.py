"""Which ground trains, which validates, which is scored; and when labels are too few for blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from covermap.chips.parts import Split, SplitCase, require_two
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_attribute import split_by_attribute
from covermap.chips.split_blocks import (
    blocks_of,
    holdout_of_blocks,
    kfold_of_blocks,
    split_by_blocks,
)
from covermap.chips.split_date import split_by_date
from covermap.chips.split_keep import kept_files, split_kept
from covermap.chips.split_list import list_files, split_by_list
from covermap.chips.split_polygons import kfold_of_polygons, split_by_polygons
from covermap.chips.split_random import split_by_random
from covermap.chips.split_regions import region_files, split_by_region
from covermap.chips.split_scenes import (
    enough_scenes,
    scene_groups,
    split_by_images,
    split_by_overlap,
)
from covermap.core.errors import SplitError
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons

# Auto sizes of chips, largest first, and how many labelled groups make a size good or passable.
_SIZES = (256, 224, 192, 160, 128, 96, 64, 32)
_GOOD_GROUPS, _FEWEST_GROUPS = 50, 8
# Where groups are few, a k-fold is likely, which trains one network after the other.
_LARGEST_OF_FEW = 128
_LARGEST_PICTURE = 512
_ASKED = "asked for by the project"


def auto_chip_size(scenes: Sequence[Scene], scans: Sequence[Scan]) -> int:
    """Largest multiple of 32 up to 256 that leaves many labelled groups, and at least 32.

    With labels in many places 50 groups or more, else at least 8 where the ground allows.
    """
    smallest = min(max(scene.geobox.shape) for scene in scenes)
    sizes = [size for size in _SIZES if size <= max(CELL, smallest)]
    groups = {size: sum(len(item.chips(size)) for item in scans) for size in sizes}
    for wanted in (_GOOD_GROUPS, _FEWEST_GROUPS):
        enough = [size for size in sizes if groups[size] >= wanted]
        if enough:
            # Chips of less than 64 px show a network too little; blocks that small leak more.
            if wanted == _GOOD_GROUPS:
                return max(enough[0], min(64, sizes[0]))
            return min(enough[0], _LARGEST_OF_FEW)
    return CELL


def picture_chip_size(scenes: Sequence[Scene]) -> int:
    """The multiple of 32 that holds the largest picture, at most 512: larger ones are cut."""
    largest = max(max(scene.geobox.shape) for scene in scenes)
    return min(-(-int(largest) // CELL) * CELL, _LARGEST_PICTURE)


def decide_split(case: SplitCase) -> Split:
    """Split labelled ground as the project asks.

    Raises
    ------
    SplitError
        Fewer than two classes can be assessed, or the ground cannot be split as asked.
    """
    split = split_ground(case)
    require_two(split.assessed, case.labels)
    return split


def split_ground(case: SplitCase) -> Split:
    """As `decide_split`, whatever can be assessed."""
    return KINDS[case.settings.by](case) if case.settings.keep is None else split_kept(case)


def split_files(settings: SplitSettings, base: Path) -> list[Path]:
    """Files that a split depends on beside imagery and labels, those that exist."""
    named = (
        *list_files(settings, base),
        *region_files(settings, base),
        *kept_files(settings, base),
    )
    return [path for path in named if path.exists()]


def split_by_auto(case: SplitCase) -> Split:
    """Overlapping scenes for masks, else blocks, or a k-fold where labels are too few for them."""
    labels = case.labels
    if not isinstance(labels, Polygons):
        groups = scene_groups(case.scenes, join=True)
        if enough_scenes(groups, case.scans):
            return split_by_overlap(case)
    why = _ASKED
    if case.settings.folds is None:
        blocks = blocks_of(case)
        split = holdout_of_blocks(case, blocks)
        if isinstance(split, Split):
            return split
        why = split
    if labels.dense or not isinstance(labels, Polygons):
        return _folds_of_blocks(case, why)
    return kfold_of_polygons(case, (why,))


def split_by_blocks_or_folds(case: SplitCase) -> Split:
    """A hold-out of blocks, or a k-fold of them where the project asks for folds."""
    return split_by_blocks(case) if case.settings.folds is None else _folds_of_blocks(case, _ASKED)


def _folds_of_blocks(case: SplitCase, why: str) -> Split:
    blocks, folds = blocks_of(case), case.settings.folds
    if folds == "each":
        raise SplitError(
            f"split: folds: each leaves out one image or group at a time, and here blocks of "
            f"{case.size} px are held out ({len(blocks.keys)} hold labels); write split: {{folds: "
            "5}, or name what is held out: split: {by: images, folds: each}"
        )
    if folds is not None and len(blocks.keys) < folds + case.spare:
        raise SplitError(
            f"split: folds: {folds} needs as many blocks with labels, and there are "
            f"{len(blocks.keys)} of {case.size} px; ask for fewer folds, or use smaller chips: "
            "chips: {size: 32}"
        )
    return kfold_of_blocks(case, blocks, why)


# A kind of split is a file and a line here (and its name in SplitSettings.by).
KINDS: dict[str, Callable[[SplitCase], Split]] = {
    "auto": split_by_auto,
    "blocks": split_by_blocks_or_folds,
    "polygons": split_by_polygons,
    "images": split_by_images,
    "scene": split_by_images,
    "overlap": split_by_overlap,
    "list": split_by_list,
    "attribute": split_by_attribute,
    "region": split_by_region,
    "date": split_by_date,
    "random": split_by_random,
}
