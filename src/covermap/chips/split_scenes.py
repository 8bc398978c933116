"""Ground held out by whole scenes, or by groups of scenes that show the same ground."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.chips.assign import assign
from covermap.chips.ground import ANY_PART, NO_PART, Ground
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_fold,
    assessed_by_holdout,
    buffer_px,
    fold_count,
    fold_parts,
    fold_trainings,
    holdout_training,
    require_two,
    told_parts,
)
from covermap.chips.scan import Scan
from covermap.chips.settings import SplitSettings
from covermap.core.errors import SplitError
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels

# With fewer groups of scenes a test part says little: a k-fold scores every scene.
_FEWEST_FOR_HOLDOUT = 12
# With fewer groups blocks within the scenes hold out more kinds of ground.
_FEWEST_GROUPS = 3
_MOST_FOLDS = 31


def split_by_images(case: SplitCase) -> Split:
    """Each scene by itself."""
    return _by_groups(case, scene_groups(case.scenes, join=False))


def split_by_overlap(case: SplitCase) -> Split:
    """Scenes that share ground together."""
    return _by_groups(case, scene_groups(case.scenes, join=True))


def _by_groups(case: SplitCase, groups: np.ndarray) -> Split:
    return split_of_scenes(case.scenes, case.scans, case.labels, case.settings, groups, case.seed)


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
) -> Split:
    """A hold-out of groups of scenes, or a k-fold where groups or those of a class are few.

    Raises
    ------
    SplitError
        There is one group only, or fewer than two classes can be assessed.
    """
    counts = counts_by_group(scans, groups, len(labels.legend))
    labelled = counts.sum(axis=1) > 0
    number = int(labelled.sum())
    if number < 2:
        raise SplitError(
            f"split: by {settings.by}: labels lie in {number} group of scenes only, and nothing "
            "else could be held out; use split: {by: blocks}"
        )
    names = labels.legend.names
    held_by = (counts > 0).sum(axis=0)
    thin = [f"{n} ({k})" for n, k in zip(names, held_by, strict=True) if 0 < k < 3]
    few = number < _FEWEST_FOR_HOLDOUT
    unit = "images" if int(groups.max()) + 1 == len(scenes) else "groups of overlapping images"
    forced = settings.by != "auto"
    if settings.folds is None and not few and (forced or not thin):
        return _holdout(scenes, labels, settings, groups, counts, unit, seed)
    why = (
        "asked for by the project"
        if settings.folds is not None
        else f"only {number} {unit}"
        if few
        else f"classes in fewer than three {unit}: {', '.join(thin)}"
    )
    return _kfold(scenes, labels, settings, groups, counts, unit, why, seed)


def counts_by_group(scans: Sequence[Scan], groups: np.ndarray, classes: int) -> np.ndarray:
    """Usable labelled pixels by group and class, int64 (G, K)."""
    counts = np.zeros((int(groups.max()) + 1, classes), dtype=np.int64)
    for group, item in zip(groups, scans, strict=True):
        np.add.at(counts[group], item.counts[:, 2], item.counts[:, 4])
    return counts


def _holdout(
    scenes: Sequence[Scene],
    labels: Labels,
    settings: SplitSettings,
    groups: np.ndarray,
    counts: np.ndarray,
    unit: str,
    seed: int,
) -> Split:
    share = settings.fractions
    codes = _assigned(counts, (share.train, share.val, share.test), seed)
    codes[_lonely(counts)] = 0
    assessed = assessed_by_holdout(counts, codes, labels.legend.names)
    require_two(assessed, labels)
    return Split(
        "holdout",
        ground_of_scenes(scenes, labels, settings, groups, codes, HOLDOUT_PARTS),
        (holdout_training(),),
        assessed,
        (f"whole {unit}: {told_parts(codes)}",),
    )


def _kfold(
    scenes: Sequence[Scene],
    labels: Labels,
    settings: SplitSettings,
    groups: np.ndarray,
    counts: np.ndarray,
    unit: str,
    why: str,
    seed: int,
) -> Split:
    number = int((counts.sum(axis=1) > 0).sum())
    folds = min(fold_count(settings, number), number)
    if settings.folds is None and number <= 5:
        # So few groups that each may as well be a fold of its own.
        folds = number
    if folds > _MOST_FOLDS:
        raise SplitError(
            f"split: folds: each makes {folds} folds, a network each; at most {_MOST_FOLDS} are "
            "possible: split: {folds: 5}"
        )
    teaches_always = _lonely(counts)
    if number - int(teaches_always.sum()) < folds:
        teaches_always[:] = False
    codes = _assigned(np.where(teaches_always[:, None], 0, counts), (1 / folds,) * folds, seed)
    codes[teaches_always] = folds
    assessed = assessed_by_fold(counts, codes, labels.legend.names, folds)
    require_two(assessed, labels)
    reasons = (
        why,
        f"so {folds} folds of whole {unit}, each scored by a network that never saw it; a last "
        "model on all labels makes the map",
    )
    parts = fold_parts(folds)
    ground = ground_of_scenes(scenes, labels, settings, groups, codes, parts)
    return Split("kfold", ground, fold_trainings(folds), assessed, reasons)


def _lonely(counts: np.ndarray) -> np.ndarray:
    """Groups with a class that no other group holds, which must teach it; bool (G,)."""
    alone = (counts > 0).sum(axis=0) == 1
    return np.asarray((counts[:, alone] > 0).any(axis=1))


def _assigned(counts: np.ndarray, fractions: tuple[float, ...], seed: int) -> np.ndarray:
    """Part of each group, int16; -1 for groups without labels."""
    labelled = counts.sum(axis=1) > 0
    codes = np.full(len(counts), NO_PART, dtype=np.int16)
    if int(labelled.sum()) == len(fractions) and len(set(fractions)) == 1:
        codes[labelled] = np.arange(len(fractions))
    else:
        codes[labelled] = assign(counts[labelled], fractions, seed)
    return codes


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
