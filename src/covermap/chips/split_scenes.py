"""Ground held out by whole scenes, or by groups of scenes that show the same ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.chips.ground import ANY_PART, Ground
from covermap.chips.parts import Split, SplitCase, buffer_px
from covermap.chips.scan import Scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_groups import split_of_groups
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels

# With fewer groups blocks within the scenes hold out more kinds of ground.
_FEWEST_GROUPS = 3


def split_by_images(case: SplitCase) -> Split:
    """Each scene by itself."""
    return _by_groups(case, scene_groups(case.scenes, join=False))


def split_by_overlap(case: SplitCase) -> Split:
    """Scenes that share ground together."""
    return _by_groups(case, scene_groups(case.scenes, join=True))


def _by_groups(case: SplitCase, groups: np.ndarray) -> Split:
    return split_of_scenes(
        case.scenes, case.scans, case.labels, case.settings, groups, case.seed, spare=case.spare
    )


def scene_groups(scenes: Sequence[Scene], join: bool) -> np.ndarray:
    """Number of the group of each scene, int64 (N,), from 0 in order of the first scene of each.

    Parameters
    ----------
    scenes : sequence of Scene
    join : bool
        Whether scenes whose footprints share ground are one group; scenes without a CRS never do.
    """
    numbers = np.arange(len(scenes), dtype=np.int64)
    if not join:
        return numbers
    import shapely

    placed = [place for place, scene in enumerate(scenes) if scene.geobox.crs is not None]
    if not placed:
        return numbers
    extents = [scenes[place].geobox.extent.to_crs("EPSG:4326").geom for place in placed]
    # Footprints in degrees are good to a fraction of a pixel: neighbours that only touch may be
    # joined, which costs nothing, and none that overlap is missed.
    left, right = shapely.STRtree(extents).query(extents, predicate="intersects")
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        if shapely.area(shapely.intersection(extents[one], extents[other])) > 0:
            first, second = numbers[placed[one]], numbers[placed[other]]
            numbers[numbers == max(first, second)] = min(first, second)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def enough_scenes(groups: np.ndarray, scans: Sequence[Scan]) -> bool:
    """Whether labels lie in so many groups of scenes that whole groups can be held out."""
    labelled = {int(g) for g, item in zip(groups, scans, strict=True) if len(item.counts)}
    return len(labelled) >= _FEWEST_GROUPS


def split_of_scenes(
    scenes: Sequence[Scene],
    scans: Sequence[Scan],
    labels: Labels,
    settings: SplitSettings,
    groups: np.ndarray,
    seed: int,
    unit: str | None = None,
    spare: bool = False,
) -> Split:
    """A hold-out of groups of scenes, or a k-fold where groups or those of a class are few.

    With `spare` a k-fold keeps one more share of the ground, which always teaches.

    Raises
    ------
    SplitError
        There is one group only, or fewer than two classes can be assessed.
    """
    counts = counts_by_group(scans, groups, len(labels.legend))
    if unit is None:
        whole = int(groups.max()) + 1 == len(scenes)
        unit = "images" if whole else "groups of overlapping images"

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return ground_of_scenes(scenes, labels, settings, groups, codes, parts)

    return split_of_groups(counts, labels, settings, unit, seed, ground, spare)


def counts_by_group(scans: Sequence[Scan], groups: np.ndarray, classes: int) -> np.ndarray:
    """Usable labelled pixels by group and class, int64 (G, K)."""
    counts = np.zeros((int(groups.max()) + 1, classes), dtype=np.int64)
    for group, item in zip(groups, scans, strict=True):
        np.add.at(counts[group], item.counts[:, 2], item.counts[:, 4])
    return counts


def ground_of_scenes(
    scenes: Sequence[Scene],
    labels: Labels,
    settings: SplitSettings,
    groups: np.ndarray,
    codes: np.ndarray,
    parts: tuple[str, ...],
) -> Ground:
    """Ground of whole scenes: `groups` has the group of each scene, `codes` the part of each group.

    A group with code -1 is ground of no part.
    """
    return Ground(
        kind="scenes",
        parts=parts,
        buffer_px=buffer_px(settings, "scenes", scenes[0].geobox),
        blocks={},
        origin=None,
        block_px=0,
        part_of_source=np.full(labels.sources + 1, ANY_PART, dtype=np.int16),
        group_of_source=np.full(labels.sources + 1, -1, dtype=np.int32),
        scenes={
            scene.name: (int(codes[group]), int(group))
            for scene, group in zip(scenes, groups, strict=True)
        },
    )
