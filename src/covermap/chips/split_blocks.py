"""Ground held out by squares of a lattice: a hold-out, or a k-fold where labels are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.assign import assign
from covermap.chips.ground import ANY_PART, NO_PART, Frame, Ground, pixels_on_lattice
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_fold,
    assessed_by_holdout,
    buffer_px,
    fold_count,
    fold_parts,
    fold_shares,
    fold_trainings,
    holdout_training,
    told_parts,
)
from covermap.chips.scan import CELL, Scan
from covermap.core.errors import SplitError
from covermap.core.grid import same_lattice
from covermap.imagery.raster import Scene

# A test part of fewer polygons or blocks than this says little: a k-fold scores every polygon.
_FEWEST_POLYGONS = 10
_FEWEST_BLOCKS = 3


def split_by_blocks(case: SplitCase) -> Split:
    """A hold-out of blocks, whatever it costs.

    Raises
    ------
    SplitError
        Fewer than two classes can be assessed.
    """
    split = holdout_of_blocks(case, blocks_of(case))
    if isinstance(split, Split):
        return split
    raise SplitError(
        f"split: by blocks of {case.size} px is impossible: {split}. Use smaller chips, or leave "
        "`by` out: a k-fold by polygons is then made"
    )


def blocks_of(case: SplitCase) -> Blocks:
    """The blocks of the size of a chip that hold labels."""
    return Blocks.of(case, case.size, buffer_px(case, "blocks"))


@dataclass(frozen=True)
class Blocks:
    """Usable labelled pixels by block.

    Attributes
    ----------
    keys : ndarray of int64, shape (B, 2)
        Row and column of each block on the lattice.
    by_class : ndarray of int64, shape (B, K)
        Pixels of each class.
    source_block : ndarray of int64, shape (M, 4)
        Number of the block, position of the class, source (-1 without one), pixels.
    size : int
        Side of a block in pixels.
    origin : GeoBox, optional
        Grid of the first scene with a CRS; the lattice starts at its corner.
    frames : dict
        Where scenes without a CRS lie on the lattice.
    """

    keys: np.ndarray
    by_class: np.ndarray
    source_block: np.ndarray
    size: int
    origin: GeoBox | None
    frames: dict[str, Frame]

    @classmethod
    def of(cls, case: SplitCase, size: int, buffer: int, kept: Ground | None = None) -> Blocks:
        """Count the scans by blocks of `size`; training labels will keep `buffer` pixels away.

        The lattice is that of `kept`, where an earlier ground is given.
        """
        origin = None if kept is None else kept.origin
        origin = origin or next((s.geobox for s in case.scenes if s.geobox.crs is not None), None)
        frames = _frames(case.scenes, size, buffer, {} if kept is None else kept.frames)
        rows = []
        for scene, item in zip(case.scenes, case.scans, strict=True):
            if len(item.counts):
                keys = _block_of_cells(origin, frames.get(scene.name), scene.geobox, item, size)
                rows.append(np.column_stack([keys, item.counts[:, 2:]]))
        table = np.concatenate(rows) if rows else np.empty((0, 5), dtype=np.int64)
        keys, place = np.unique(table[:, :2], axis=0, return_inverse=True)
        place = place.ravel()
        by_class = np.zeros((len(keys), len(case.labels.legend)), dtype=np.int64)
        np.add.at(by_class, (place, table[:, 2]), table[:, 4])
        source_block = np.column_stack([place, table[:, 2:]])
        return cls(keys, by_class, source_block, size, origin, frames)

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


def holdout_of_blocks(case: SplitCase, blocks: Blocks) -> Split | str:
    """The hold-out split, or in words why there is none worth having."""
    labels, names = case.labels, case.labels.legend.names
    home = blocks.home(labels.sources)
    counts = blocks.counting(home, len(names))
    groups = (counts > 0).sum(axis=0)
    thin = [
        f"{name} ({number})" for name, number in zip(names, groups, strict=True) if 0 < number < 3
    ]
    forced = case.settings.by == "blocks"
    if thin and not forced:
        return f"classes with fewer than three blocks of {blocks.size} px: {', '.join(thin)}"
    share = case.settings.fractions
    codes = assign(counts, (share.train, share.val, share.test), case.seed, keep_first=groups < 2)
    in_test = codes[blocks.source_block[:, 0]] == 2
    drawn = blocks.source_block[:, 2]
    at_home = (home[drawn] == ANY_PART) | (home[drawn] == blocks.source_block[:, 0])
    polygons = len(np.unique(drawn[in_test & at_home & (drawn >= 0)]))
    test_blocks = int((codes == 2).sum())
    if not forced and test_blocks < _FEWEST_BLOCKS:
        return f"only {test_blocks} of {len(codes)} blocks of {blocks.size} px would be tested"
    if not forced and not labels.dense and polygons < _FEWEST_POLYGONS:
        return f"only {polygons} polygons would be tested"
    assessed = assessed_by_holdout(counts, codes, names)
    ground = ground_of_blocks(case, blocks, codes, home, HOLDOUT_PARTS)
    cut = int((home[:-1] == ANY_PART).sum())
    reasons = [f"blocks of {blocks.size} px: {told_parts(codes)}"]
    if cut and not labels.dense:
        px, metres = ground.buffer_px, ground.buffer_m
        reasons.append(
            f"{cut} polygons larger than a block may be cut at block borders, with a buffer of "
            + (f"{px} px" if metres is None else f"{metres:g} m")
        )
    return Split("holdout", ground, (holdout_training(),), assessed, tuple(reasons))


def kfold_of_blocks(case: SplitCase, blocks: Blocks, why: str) -> Split:
    """A k-fold by blocks."""
    names = case.labels.legend.names
    home = blocks.home(case.labels.sources)
    counts = blocks.counting(home, len(names))
    groups = (counts > 0).sum(axis=0)
    folds = fold_count(case.settings, len(blocks.keys))
    codes = assign(counts, fold_shares(folds, case.spare), case.seed)
    lonely = groups < 2
    # A block that holds a class found nowhere else must teach in every fold.
    codes[(counts[:, lonely] > 0).any(axis=1)] = folds
    assessed = assessed_by_fold(counts, codes, names, folds)
    ground = ground_of_blocks(case, blocks, codes, home, fold_parts(folds))
    reasons = (why, f"so {folds} folds of blocks; a last model on all labels makes the map")
    return Split("kfold", ground, fold_trainings(folds), assessed, reasons)


def ground_of_blocks(
    case: SplitCase,
    blocks: Blocks,
    codes: np.ndarray,
    home: np.ndarray,
    parts: tuple[str, ...],
) -> Ground:
    """Ground of blocks: `codes` has the part of each block, `home` is `blocks.home`."""
    table = {
        (int(row), int(col)): (int(code), number)
        for number, ((row, col), code) in enumerate(zip(blocks.keys, codes, strict=True))
    }
    part_of_source = np.where(home < 0, home, codes[np.maximum(home, 0)]).astype(np.int16)
    return Ground(
        kind="blocks",
        parts=parts,
        buffer_px=buffer_px(case, "blocks"),
        blocks=table,
        origin=blocks.origin,
        block_px=blocks.size,
        part_of_source=part_of_source,
        group_of_source=np.full(case.labels.sources + 1, -1, dtype=np.int32),
        frames=blocks.frames,
        buffer_m=case.settings.buffer_m,
    )


def _frames(
    scenes: Sequence[Scene], size: int, buffer: int, kept: dict[str, Frame]
) -> dict[str, Frame]:
    """Pictures without a CRS below each other, so far apart that no buffer reaches another.

    Raises
    ------
    SplitError
        A picture has another size than the kept frame of its name.
    """
    gap = 1 + -(-max(1, buffer) // size)
    frames = dict(kept)
    row = max((_below(frame, size) + gap * size for frame in kept.values()), default=0)
    for scene in scenes:
        if scene.geobox.crs is not None:
            continue
        if scene.name not in frames:
            frames[scene.name] = Frame(scene.geobox, row)
            row = _below(frames[scene.name], size) + gap * size
        elif frames[scene.name].grid.shape != scene.geobox.shape:
            raise SplitError(
                f"split: keep: picture '{scene.name}' is {tuple(scene.geobox.shape)} px, but was "
                f"{tuple(frames[scene.name].grid.shape)} px in the earlier run; give the new one "
                "another name"
            )
    return frames


def _below(frame: Frame, size: int) -> int:
    """First row of blocks below a picture, in pixels."""
    return frame.first_row + -(-int(frame.grid.shape[0]) // size) * size


def _block_of_cells(
    origin: GeoBox | None, frame: Frame | None, geobox: GeoBox, scan: Scan, size: int
) -> np.ndarray:
    """Row and column of the block that holds the middle of the cell of each count, (M, 2)."""
    cells = scan.counts[:, :2]
    if frame is not None:
        return np.floor_divide(cells * CELL + CELL // 2 + np.array([frame.first_row, 0]), size)
    if origin is None:
        raise ValueError("a scene with a CRS needs the lattice's origin")
    same = same_lattice(origin, geobox)
    if same is not None:
        middle = cells * CELL + CELL // 2 + np.asarray(same)
        return np.floor_divide(middle, size)
    rows, cols = pixels_on_lattice(origin, geobox, *(cells * CELL + CELL // 2).T)
    return np.floor_divide(np.column_stack([rows, cols]), size)
