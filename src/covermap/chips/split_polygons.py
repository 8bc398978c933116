"""Ground held out by groups of polygons: a k-fold in which every polygon is scored."""

from __future__ import annotations

import numpy as np

from covermap.chips.assign import deal_folds
from covermap.chips.ground import NO_PART, Ground
from covermap.chips.parts import (
    Split,
    SplitCase,
    buffer_px,
    fold_count,
    fold_shares,
    kfold_of,
)
from covermap.chips.regions import Regions
from covermap.core.errors import SplitError
from covermap.labels.polygons import Polygons

# Polygons that share more than this of the smaller one are the same ground.
_SAME_GROUND = 0.05


def split_by_polygons(case: SplitCase) -> Split:
    """Polygons on the same ground together."""
    return kfold_of_polygons(case, ("asked for by the project",))


def drawn_labels(case: SplitCase) -> Polygons:
    """The labels, which must be polygons.

    Raises
    ------
    SplitError
        They are something else.
    """
    if isinstance(case.labels, Polygons):
        return case.labels
    raise SplitError(
        f"split: by {case.settings.by} needs drawn polygons, and the labels ({case.labels.path}) "
        "are none; use split: {by: images} or {by: blocks}"
    )


def kfold_of_polygons(case: SplitCase, why: tuple[str, ...]) -> Split:
    """A k-fold by groups of polygons.

    Raises
    ------
    SplitError
        The labels are no polygons, or a complete drawing.
    """
    labels = drawn_labels(case)
    if labels.complete:
        raise SplitError(
            "split: by polygons cannot hold out the background of a complete drawing; use "
            "split: {by: blocks}"
        )
    group_of = groups_on_ground(labels)
    counts = counts_of_polygons(case, group_of)
    seen = counts.sum(axis=1) > 0
    folds = fold_count(case.settings, int(seen.sum()))
    codes = np.full(len(counts), NO_PART, dtype=np.int16)
    codes[seen] = deal_folds(counts[seen], fold_shares(folds, case.spare), folds, case.seed)
    buffer, buffer_m = buffer_px(case, "polygons"), case.settings.buffer_m

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return ground_of_polygons(labels, group_of, codes, parts, buffer, buffer_m)

    reasons = (
        *why,
        f"so {folds} folds of {int(seen.sum())} groups of polygons, every polygon scored by a "
        "model that never saw it; a last model on all labels makes the map",
    )
    return kfold_of(case, counts, codes, folds, ground, reasons)


def counts_of_polygons(case: SplitCase, group_of: np.ndarray) -> np.ndarray:
    """Usable labelled pixels by group of polygons and class, int64 (G, K)."""
    counts = np.zeros((int(group_of.max()) + 1, len(case.labels.legend)), dtype=np.int64)
    for item in case.scans:
        if len(item.counts):
            np.add.at(counts, (group_of[item.counts[:, 3]], item.counts[:, 2]), item.counts[:, 4])
    return counts


def ground_of_polygons(
    labels: Polygons,
    group_of: np.ndarray,
    codes: np.ndarray,
    parts: tuple[str, ...],
    buffer: int,
    buffer_m: float | None,
) -> Ground:
    """Ground of groups of polygons: `group_of` each polygon, `codes` has the part of each group.

    `buffer` (pixels) and `buffer_m` are kept as they are. The polygons themselves are kept as
    regions, so that a later split may keep their parts.
    """
    crs = labels.table.crs.to_wkt()
    shapes = labels.table.geometry.to_numpy()
    numbers = group_of.astype(np.int32)
    return Ground(
        kind="polygons",
        parts=parts,
        buffer_px=buffer,
        blocks={},
        origin=None,
        block_px=0,
        part_of_source=np.append(codes[group_of], NO_PART).astype(np.int16),
        group_of_source=np.append(numbers, -1).astype(np.int32),
        regions=Regions(shapes, crs, numbers, codes.astype(np.int16)),
        buffer_m=buffer_m,
    )


def groups_on_ground(labels: Polygons) -> np.ndarray:
    """Number of the group of each polygon: those that lie on the same ground are together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    geometry = labels.table.geometry.to_numpy()
    left, right = same_ground(geometry, geometry)
    number = len(geometry)
    graph = coo_matrix((np.ones(len(left)), (left, right)), (number, number))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def same_ground(ones: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in both arrays of polygons of all pairs that share more than a sliver of ground."""
    import shapely

    left, right = shapely.STRtree(others).query(ones, predicate="intersects")
    shared = shapely.area(shapely.intersection(ones[left], others[right]))
    smaller = np.minimum(shapely.area(ones[left]), shapely.area(others[right]))
    same = shared > _SAME_GROUND * smaller
    return left[same], right[same]
