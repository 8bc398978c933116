"""Ground held out by whole scenes, or by groups of scenes that show the same ground."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from covermap.chips.ground import ANY_PART, Ground
from covermap.chips.parts import Split, SplitCase, buffer_px
from covermap.chips.scan import Scan
from covermap.chips.settings import PIECES
from covermap.chips.split_groups import split_of_groups
from covermap.core.common_ground import ROUNDING_PX, Outlines, share_ground
from covermap.core.errors import SplitError
from covermap.imagery.raster import Scene

# Share of the pictures that must look cut.
_LEAST_PIECES = 0.8
# With fewer groups blocks within the scenes hold out more kinds of ground.
_FEWEST_GROUPS = 3


def split_by_images(case: SplitCase) -> Split:
    """Each scene by itself, or those of one name together."""
    return _by_groups(case, scene_groups(case.scenes, False, case.settings.together))


def split_by_overlap(case: SplitCase) -> Split:
    """Scenes that share ground together, and those of one name."""
    return _by_groups(case, scene_groups(case.scenes, True, case.settings.together))


def _by_groups(case: SplitCase, groups: np.ndarray) -> Split:
    unit = "groups of images that belong together" if case.settings.together else None
    return split_of_scenes(case, groups, unit)


def scene_groups(scenes: Sequence[Scene], join: bool, together: str | None = None) -> np.ndarray:
    """Number of the group of each scene, int64 (N,), from 0 in order of the first scene of each.

    Parameters
    ----------
    scenes : sequence of Scene
    join : bool
        Whether scenes whose footprints share ground are one group; scenes without a CRS never do.
    together : str, optional
        A regular expression: scenes whose names agree in what it catches are one group.

    Raises
    ------
    SplitError
        No name fits the expression.
    """
    numbers = np.arange(len(scenes), dtype=np.int64)
    if together is not None:
        for one, other in _of_one_name(scenes, together):
            _unite(numbers, one, other)
    if join:
        for one, other in _of_one_ground(scenes):
            _unite(numbers, one, other)
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _unite(numbers: np.ndarray, one: int, other: int) -> None:
    first, second = numbers[one], numbers[other]
    numbers[numbers == max(first, second)] = min(first, second)


def _of_one_name(scenes: Sequence[Scene], together: str) -> Iterator[tuple[int, int]]:
    """Pairs of scenes that chain those with the same beginning, end or middle of their names."""
    seen: dict[tuple[str | None, ...], int] = {}
    for place, scene in enumerate(scenes):
        caught = re.search(together, scene.name)
        if caught is not None:
            yield seen.setdefault(caught.groups(), place), place
    if not seen:
        raise SplitError(
            f"split: together: '{together}' fits none of the {len(scenes)} names, the first of "
            f"which is '{scenes[0].name}'"
        )


def _of_one_ground(scenes: Sequence[Scene]) -> Iterator[tuple[int, int]]:
    """Pairs of scenes whose footprints overlap."""
    placed = [place for place, scene in enumerate(scenes) if scene.geobox.crs is not None]
    boxes = [scenes[place].geobox for place in placed]
    outlines = Outlines(boxes)
    for one, box in enumerate(boxes):
        for other in outlines.near(box):
            if other > one and share_ground(box, boxes[other], ROUNDING_PX):
                yield placed[one], placed[other]


def told_of_pieces(scenes: Sequence[Scene]) -> str | None:
    """A question where pictures without a place look as if they were cut from larger ones.

    Their names differ in a number alone: pieces of one picture that teach and are tested flatter
    every score, and without a CRS nothing but names can tell.
    """
    cut: dict[str, list[str]] = {}
    for scene in scenes:
        found = re.match(PIECES, scene.name)
        if scene.geobox.crs is None and found is not None:
            cut.setdefault(found[1], []).append(scene.name)
    several = {stem: names for stem, names in cut.items() if len(names) > 1}
    if len(several) < 2 or sum(map(len, several.values())) < _LEAST_PIECES * len(scenes):
        return None
    names = next(iter(several.values()))
    return (
        f"names differ in a number alone ({names[0]}, {names[1]}, ...: {len(several)} beginnings "
        f"of {len(scenes)} pictures). If those of one beginning were cut from one picture, write "
        f"split: {{by: images, together: '{PIECES}'}}, so that none is tested beside its neighbours"
    )


def enough_scenes(groups: np.ndarray, scans: Sequence[Scan]) -> bool:
    """Whether labels lie in so many groups of scenes that whole groups can be held out."""
    labelled = {int(g) for g, item in zip(groups, scans, strict=True) if len(item.counts)}
    return len(labelled) >= _FEWEST_GROUPS


def split_of_scenes(case: SplitCase, groups: np.ndarray, unit: str | None = None) -> Split:
    """A hold-out of groups of scenes, or a k-fold where groups or those of a class are few.

    Raises
    ------
    SplitError
        There is one group only, or fewer than two classes can be assessed.
    """
    counts = counts_by_group(case, groups)
    if unit is None:
        whole = int(groups.max()) + 1 == len(case.scenes)
        unit = "images" if whole else "groups of overlapping images"

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return ground_of_scenes(case, groups, codes, parts)

    return split_of_groups(case, counts, unit, ground)


def counts_by_group(case: SplitCase, groups: np.ndarray) -> np.ndarray:
    """Usable labelled pixels by group of scenes and class, int64 (G, K)."""
    counts = np.zeros((int(groups.max()) + 1, len(case.labels.legend)), dtype=np.int64)
    for group, item in zip(groups, case.scans, strict=True):
        np.add.at(counts[group], item.counts[:, 2], item.counts[:, 4])
    return counts


def ground_of_scenes(
    case: SplitCase, groups: np.ndarray, codes: np.ndarray, parts: tuple[str, ...]
) -> Ground:
    """Ground of whole scenes: `groups` has the group of each scene, `codes` the part of each group.

    A group with code -1 is ground of no part.
    """
    return Ground(
        kind="scenes",
        parts=parts,
        buffer_px=buffer_px(case, "scenes"),
        blocks={},
        origin=None,
        block_px=0,
        part_of_source=np.full(case.labels.sources + 1, ANY_PART, dtype=np.int16),
        group_of_source=np.full(case.labels.sources + 1, -1, dtype=np.int32),
        scenes={
            scene.name: (int(codes[group]), int(group))
            for scene, group in zip(case.scenes, groups, strict=True)
        },
        buffer_m=case.settings.buffer_m,
    )
