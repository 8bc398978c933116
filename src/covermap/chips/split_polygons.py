"""Ground held out by groups of polygons: a k-fold in which every polygon is scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.chips.assign import assign
from covermap.chips.ground import NO_PART, Ground
from covermap.chips.parts import (
    Split,
    SplitCase,
    assessed_by_fold,
    buffer_px,
    fold_count,
    fold_parts,
    fold_trainings,
    require_two,
)
from covermap.chips.scan import Scan
from covermap.chips.settings import SplitSettings
from covermap.core.errors import SplitError
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons

# Polygons that share more than this of the smaller one are the same ground.
_SAME_GROUND = 0.05


def split_by_polygons(case: SplitCase) -> Split:
    """Polygons on the same ground together."""
    return kfold_of_polygons(
        case.scenes,
        case.scans,
        drawn_labels(case),
        case.settings,
        case.seed,
        ("asked for by the project",),
    )


def drawn_labels(case: SplitCase) -> Polygons:
    """The labels, which must be polygons.

    Raises
    ------
    SplitError
        They are masks.
    """
    if isinstance(case.labels, Polygons):
        return case.labels
    raise SplitError(
        f"split: by {case.settings.by} needs drawn labels, but {case.labels.path} holds masks; use "
        "split: {by: images} or {by: blocks}"
    )


def kfold_of_polygons(
    scenes: Sequence[Scene],
    scans: Sequence[Scan],
    labels: Polygons,
    settings: SplitSettings,
    seed: int,
    why: tuple[str, ...],
) -> Split:
    names = labels.legend.names
    if labels.complete:
        raise SplitError(
            "split: by polygons cannot hold out the background of a complete drawing; use "
            "split: {by: blocks}"
        )
    group_of = groups_on_ground(labels)
    counts = np.zeros((int(group_of.max()) + 1, len(names)), dtype=np.int64)
    for item in scans:
        if len(item.counts):
            np.add.at(counts, (group_of[item.counts[:, 3]], item.counts[:, 2]), item.counts[:, 4])
    seen = counts.sum(axis=1) > 0
    groups = (counts > 0).sum(axis=0)
    folds = fold_count(settings, int(seen.sum()))
    codes = np.full(len(counts), NO_PART, dtype=np.int16)
    codes[seen] = assign(counts[seen], (1 / folds,) * folds, seed)
    codes[(counts[:, groups < 2] > 0).any(axis=1)] = folds
    assessed = assessed_by_fold(counts, codes, names, folds)
    require_two(assessed, labels)
    ground = Ground(
        kind="polygons",
        parts=fold_parts(folds),
        buffer_px=buffer_px(settings, "polygons", scenes[0].geobox),
        blocks={},
        origin=None,
        block_px=0,
        part_of_source=np.append(codes[group_of], np.int16(NO_PART)),
        group_of_source=np.append(group_of, -1).astype(np.int32),
    )
    reasons = (
        *why,
        f"so {folds} folds of {int(seen.sum())} groups of polygons, every polygon scored by a "
        "network that never saw it; a last model on all labels makes the map",
    )
    return Split("kfold", ground, fold_trainings(folds), assessed, reasons)


def groups_on_ground(labels: Polygons) -> np.ndarray:
    """Number of the group of each polygon: those that lie on the same ground are together."""
    import shapely
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    geometry = labels.table.geometry.to_numpy()
    areas = shapely.area(geometry)
    left, right = labels.table.sindex.query(geometry, predicate="intersects")
    pairs = left < right
    left, right = left[pairs], right[pairs]
    shared = shapely.area(shapely.intersection(geometry[left], geometry[right]))
    same = shared > _SAME_GROUND * np.minimum(areas[left], areas[right])
    number = len(geometry)
    graph = coo_matrix((np.ones(same.sum()), (left[same], right[same])), (number, number))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
