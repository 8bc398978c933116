"""Which ground trains, which validates, which is scored; and when labels are too few for blocks."""

from __future__ import annotations

from collections.abc import Sequence

from covermap.chips.parts import Split, buffer_px
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_blocks import Blocks, holdout_of_blocks, kfold_of_blocks
from covermap.chips.split_polygons import kfold_of_polygons
from covermap.chips.split_scenes import enough_scenes, scene_groups, split_of_scenes
from covermap.core.errors import SplitError
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels

# Auto sizes of chips, largest first, and how many labelled groups make a size good or passable.
_SIZES = (256, 224, 192, 160, 128, 96, 64, 32)
_GOOD_GROUPS, _FEWEST_GROUPS = 50, 8
# Where groups are few, a k-fold is likely, which trains one network after the other.
_LARGEST_OF_FEW = 128
_LARGEST_PICTURE = 512


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


def decide_split(
    scenes: Sequence[Scene],
    scans: Sequence[Scan],
    labels: Labels,
    settings: SplitSettings,
    size: int,
    seed: int,
) -> Split:
    """Split labelled ground by scenes, by blocks, or by groups of polygons where labels are few.

    Raises
    ------
    SplitError
        Fewer than two classes can be assessed, or the ground cannot be split as asked.
    """
    if settings.by in ("images", "overlap"):
        groups = scene_groups(scenes, join=settings.by == "overlap")
        return split_of_scenes(scenes, scans, labels, settings, groups, seed)
    if settings.by == "polygons":
        why = ("asked for by the project",)
        return kfold_of_polygons(scenes, scans, _drawn(labels), settings, seed, why)
    if settings.by == "auto" and not isinstance(labels, Polygons):
        groups = scene_groups(scenes, join=True)
        if enough_scenes(groups, scans):
            return split_of_scenes(scenes, scans, labels, settings, groups, seed)
    buffer = buffer_px(settings, "blocks", scenes[0].geobox)
    blocks = Blocks.of(scenes, scans, labels, size, buffer)
    split = holdout_of_blocks(scenes, labels, settings, blocks, seed)
    if isinstance(split, Split):
        return split
    if settings.by == "blocks":
        raise SplitError(
            f"split: by blocks of {size} px is impossible: {split}. Use smaller chips, or leave "
            "`by` out: a k-fold by polygons is then made"
        )
    if labels.dense or not isinstance(labels, Polygons):
        return kfold_of_blocks(scenes, labels, settings, blocks, seed, split)
    return kfold_of_polygons(scenes, scans, labels, settings, seed, (split,))


def _drawn(labels: Labels) -> Polygons:
    if not isinstance(labels, Polygons):
        raise SplitError(
            f"split: by polygons needs drawn labels, but {labels.path} holds masks; use split: "
            "{by: images} or {by: blocks}"
        )
    return labels
