"""Which ground trains, which validates, which is scored; and when labels are too few for blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.assign import assign
from covermap.chips.ground import ANY_PART, NO_PART, Ground, lattice_of
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import SplitSettings
from covermap.core.errors import SplitError
from covermap.core.grid import Window, pixel_size_m, same_lattice, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons

# A test part of fewer polygons or blocks than this says little: a k-fold scores every polygon.
_FEWEST_POLYGONS = 10
_FEWEST_BLOCKS = 3
# Auto sizes of chips, largest first, and how many labelled groups make a size good or passable.
_SIZES = (256, 224, 192, 160, 128, 96, 64, 32)
_GOOD_GROUPS, _FEWEST_GROUPS = 50, 8
# Where groups are few, a k-fold is likely, which trains one network after the other.
_LARGEST_OF_FEW = 128
# Training labels keep this distance from held-out ground, in pixels, unless the project says.
_BUFFER_PX = {"blocks": 4, "polygons": 1}
# Polygons that share more than this of the smaller one are the same ground.
_SAME_GROUND = 0.05


@dataclass(frozen=True)
class Training:
    """One network to be trained: which parts teach it, choose its epoch, are scored with it."""

    name: str
    train: tuple[str, ...]
    validate: tuple[str, ...]
    score: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The decided split.

    Attributes
    ----------
    scheme : str
        `holdout` (parts train, val, test) or `kfold` (parts fold1.. and train).
    ground : Ground
        Which part each pixel is.
    trainings : tuple of Training
        In order; the last one, `final`, makes the delivered map.
    assessed : tuple of str
        Classes that can be in training and test; the others stay in training.
    reasons : tuple of str
        Why the split is as it is, to be told.
    """

    scheme: Literal["holdout", "kfold"]
    ground: Ground
    trainings: tuple[Training, ...]
    assessed: tuple[str, ...]
    reasons: tuple[str, ...]


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


def decide_split(
    scenes: Sequence[Scene],
    scans: Sequence[Scan],
    labels: Polygons,
    settings: SplitSettings,
    size: int,
    seed: int,
) -> Split:
    """Split labelled ground by blocks, or by groups of polygons where labels are few.

    Raises
    ------
    SplitError
        Fewer than two classes can be assessed.
    """
    blocks = _Blocks.of(scenes, scans, labels, size)
    if settings.by == "polygons":
        return _by_polygons(scenes, scans, labels, settings, seed, ("asked for by the project",))
    split = _by_blocks(scenes, labels, settings, blocks, seed)
    if isinstance(split, Split):
        return split
    if settings.by == "blocks":
        raise SplitError(
            f"split: by blocks of {size} px is impossible: {split}. Use smaller chips, or leave "
            "`by` out: a k-fold by polygons is then made"
        )
    if labels.complete:
        return _kfold_of_blocks(scenes, labels, settings, blocks, seed, split)
    return _by_polygons(scenes, scans, labels, settings, seed, (split,))


@dataclass(frozen=True)
class _Blocks:
    """Usable labelled pixels by block: keys (B, 2), per class (B, K), per polygon."""

    keys: np.ndarray
    by_class: np.ndarray
    source_block: np.ndarray
    size: int

    @classmethod
    def of(
        cls, scenes: Sequence[Scene], scans: Sequence[Scan], labels: Polygons, size: int
    ) -> _Blocks:
        rows = []
        for scene, item in zip(scenes, scans, strict=True):
            if len(item.counts):
                keys = _block_of_cells(scenes[0].geobox, scene.geobox, item.counts[:, :2], size)
                rows.append(np.column_stack([keys, item.counts[:, 2:]]))
        table = np.concatenate(rows) if rows else np.empty((0, 5), dtype=np.int64)
        keys, place = np.unique(table[:, :2], axis=0, return_inverse=True)
        place = place.ravel()
        by_class = np.zeros((len(keys), len(labels.legend)), dtype=np.int64)
        np.add.at(by_class, (place, table[:, 2]), table[:, 4])
        source_block = np.column_stack([place, table[:, 2:]])
        return cls(keys, by_class, source_block, size)

    def home(self, polygons: int) -> np.ndarray:
        """Block that holds most of each polygon; -2 for polygons larger than a block, -1 unseen."""
        home = np.full(polygons + 1, NO_PART, dtype=np.int64)
        home[-1] = ANY_PART
        drawn = self.source_block[self.source_block[:, 2] >= 0]
        if len(drawn):
            pairs, place = np.unique(drawn[:, [2, 0]], axis=0, return_inverse=True)
            pixels = np.bincount(place.ravel(), weights=drawn[:, 3])
            # The heaviest block of each polygon comes last, ties in order of block.
            order = np.lexsort((-pairs[:, 1], pixels, pairs[:, 0]))
            home[pairs[order, 0]] = pairs[order, 1]
            total = np.bincount(pairs[:, 0], weights=pixels, minlength=polygons)
            home[:-1][total > self.size**2] = ANY_PART
        return home

    def counting(self, home: np.ndarray, classes: int) -> np.ndarray:
        """Pixels per block and class (B, K) that count when small polygons count at home only."""
        at_home = home[self.source_block[:, 2]]
        kept = self.source_block[(at_home == ANY_PART) | (at_home == self.source_block[:, 0])]
        counts = np.zeros((len(self.keys), classes), dtype=np.int64)
        np.add.at(counts, (kept[:, 0], kept[:, 1]), kept[:, 3])
        return counts


def _block_of_cells(origin: GeoBox, geobox: GeoBox, cells: np.ndarray, size: int) -> np.ndarray:
    """Row and column of the block that holds the middle of each cell."""
    same = same_lattice(origin, geobox)
    if same is not None:
        middle = cells * CELL + CELL // 2 + np.asarray(same)
        return np.floor_divide(middle, size)
    result = np.empty_like(cells)
    for place, (row, col) in enumerate(cells * CELL + CELL // 2):
        at = lattice_of(origin, window_geobox(geobox, Window(int(row), int(col), 1, 1)))
        result[place] = at[0][0, 0] // size, at[1][0, 0] // size
    return result


def _by_blocks(
    scenes: Sequence[Scene],
    labels: Polygons,
    settings: SplitSettings,
    blocks: _Blocks,
    seed: int,
) -> Split | str:
    """The hold-out split, or in words why there is none worth having."""
    names = labels.legend.names
    home = blocks.home(len(labels.table))
    counts = blocks.counting(home, len(names))
    groups = (counts > 0).sum(axis=0)
    thin = [
        f"{name} ({number})" for name, number in zip(names, groups, strict=True) if 0 < number < 3
    ]
    forced = settings.by == "blocks"
    if thin and not forced:
        return f"classes with fewer than three blocks of {blocks.size} px: {', '.join(thin)}"
    parts = ("train", "val", "test")
    fractions = settings.fractions
    codes = assign(
        counts, (fractions.train, fractions.val, fractions.test), seed, keep_first=groups < 2
    )
    in_test = codes[blocks.source_block[:, 0]] == 2
    drawn = blocks.source_block[:, 2]
    at_home = (home[drawn] == ANY_PART) | (home[drawn] == blocks.source_block[:, 0])
    polygons = len(np.unique(drawn[in_test & at_home & (drawn >= 0)]))
    test_blocks = int((codes == 2).sum())
    if not forced and test_blocks < _FEWEST_BLOCKS:
        return f"only {test_blocks} of {len(codes)} blocks of {blocks.size} px would be tested"
    if not forced and not labels.complete and polygons < _FEWEST_POLYGONS:
        return f"only {polygons} polygons would be tested"
    present = np.stack([counts[codes == code].sum(axis=0) > 0 for code in range(3)])
    assessed = tuple(n for n, ok in zip(names, present[0] & present[2], strict=True) if ok)
    _require_two(assessed, labels)
    ground = _block_ground(scenes, settings, blocks, codes, home, parts, labels)
    cut = int((home[:-1] == ANY_PART).sum())
    reasons = [
        f"blocks of {blocks.size} px: "
        + ", ".join(f"{int((codes == c).sum())} {part}" for c, part in enumerate(parts))
    ]
    if cut and not labels.complete:
        reasons.append(
            f"{cut} polygons larger than a block may be cut at block borders, with a buffer of "
            f"{ground.buffer_px} px"
        )
    training = Training("final", ("train",), ("val",), ("test",))
    return Split("holdout", ground, (training,), assessed, tuple(reasons))


def _kfold_of_blocks(
    scenes: Sequence[Scene],
    labels: Polygons,
    settings: SplitSettings,
    blocks: _Blocks,
    seed: int,
    why: str,
) -> Split:
    names = labels.legend.names
    home = blocks.home(len(labels.table))
    counts = blocks.counting(home, len(names))
    groups = (counts > 0).sum(axis=0)
    folds = _fold_count(settings, len(blocks.keys))
    codes = assign(counts, (1 / folds,) * folds, seed)
    lonely = groups < 2
    # A block that holds a class found nowhere else must teach in every fold.
    codes[(counts[:, lonely] > 0).any(axis=1)] = folds
    assessed = _assessed_by_fold(counts, codes, names, folds)
    _require_two(assessed, labels)
    parts = _fold_parts(folds)
    ground = _block_ground(scenes, settings, blocks, codes, home, parts, labels)
    reasons = (why, f"so {folds} folds of blocks; a last model on all labels makes the map")
    return Split("kfold", ground, _fold_trainings(folds), assessed, reasons)


def _by_polygons(
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
    group_of = _group_polygons(labels)
    counts = np.zeros((int(group_of.max()) + 1, len(names)), dtype=np.int64)
    for item in scans:
        if len(item.counts):
            np.add.at(counts, (group_of[item.counts[:, 3]], item.counts[:, 2]), item.counts[:, 4])
    seen = counts.sum(axis=1) > 0
    groups = (counts > 0).sum(axis=0)
    folds = _fold_count(settings, int(seen.sum()))
    codes = np.full(len(counts), NO_PART, dtype=np.int16)
    codes[seen] = assign(counts[seen], (1 / folds,) * folds, seed)
    codes[(counts[:, groups < 2] > 0).any(axis=1)] = folds
    assessed = _assessed_by_fold(counts, codes, names, folds)
    _require_two(assessed, labels)
    ground = Ground(
        kind="polygons",
        parts=_fold_parts(folds),
        buffer_px=_buffer_px(settings, "polygons", scenes[0].geobox),
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
    return Split("kfold", ground, _fold_trainings(folds), assessed, reasons)


def _group_polygons(labels: Polygons) -> np.ndarray:
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


def _block_ground(
    scenes: Sequence[Scene],
    settings: SplitSettings,
    blocks: _Blocks,
    codes: np.ndarray,
    home: np.ndarray,
    parts: tuple[str, ...],
    labels: Polygons,
) -> Ground:
    table = {
        (int(row), int(col)): (int(code), number)
        for number, ((row, col), code) in enumerate(zip(blocks.keys, codes, strict=True))
    }
    part_of_source = np.where(home < 0, home, codes[np.maximum(home, 0)]).astype(np.int16)
    return Ground(
        kind="blocks",
        parts=parts,
        buffer_px=_buffer_px(settings, "blocks", scenes[0].geobox),
        blocks=table,
        origin=scenes[0].geobox,
        block_px=blocks.size,
        part_of_source=part_of_source,
        group_of_source=np.full(len(labels.table) + 1, -1, dtype=np.int32),
    )


def _buffer_px(settings: SplitSettings, kind: str, geobox: GeoBox) -> int:
    if settings.buffer_m is None:
        return _BUFFER_PX[kind]
    return int(np.ceil(settings.buffer_m / pixel_size_m(geobox)))


def _fold_count(settings: SplitSettings, groups: int) -> int:
    return settings.folds or int(np.clip(groups // 2, 2, 5))


def _fold_parts(folds: int) -> tuple[str, ...]:
    return (*(f"fold{number}" for number in range(1, folds + 1)), "train")


def _fold_trainings(folds: int) -> tuple[Training, ...]:
    parts = _fold_parts(folds)
    each = tuple(
        Training(part, tuple(other for other in parts if other != part), (), (part,))
        for part in parts[:-1]
    )
    return (*each, Training("final", parts, (), ()))


def _assessed_by_fold(
    counts: np.ndarray, codes: np.ndarray, names: tuple[str, ...], folds: int
) -> tuple[str, ...]:
    """Classes that some fold tests while another part teaches them."""
    assessed = []
    for place, name in enumerate(names):
        holders = set(codes[(counts[:, place] > 0) & (codes >= 0)].tolist())
        if len(holders) >= 2 and min(holders) < folds:
            assessed.append(name)
    return tuple(assessed)


def _require_two(assessed: tuple[str, ...], labels: Polygons) -> None:
    if len(assessed) >= 2:
        return
    which = f"only '{assessed[0]}'" if assessed else "none"
    raise SplitError(
        f"{labels.path}: at least two classes must lie in two or more separate polygons with "
        f"usable pixels so that one can teach and another test; {which} of "
        f"{', '.join(labels.legend.names)} does. Draw more polygons"
    )
