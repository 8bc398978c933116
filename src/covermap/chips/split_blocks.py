"""Ground held out by squares of a lattice: a hold-out, or a k-fold where labels are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.assign import assign, deal_folds
from covermap.chips.ground import ANY_PART, Frame, Ground, blocks_of_pixels, part_at_home
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_holdout,
    buffer_px,
    fold_count,
    fold_shares,
    holdout_training,
    kfold_of,
    told_parts,
)
from covermap.chips.zones import ZoneCounts
from covermap.core.errors import SplitError
from covermap.core.grid import pixel_size_m, same_lattice
from covermap.imagery.raster import Scene

# A test part of fewer polygons or blocks than this says little: a k-fold scores every polygon.
_FEWEST_POLYGONS = 10
_FEWEST_BLOCKS = 3
# Blocks are numbered row by row: more than there are side by side on the Earth.
_COLUMNS = 1 << 32


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
    counts : ZoneCounts
        Pixels by block, in order of `keys`.
    large : ndarray of bool, shape (sources,)
        Polygons larger than a block, which may be cut at the border of one.
    size : int
        Side of a block in pixels.
    origin : GeoBox, optional
        Grid of the first scene with a CRS; the lattice starts at its corner.
    frames : dict
        Where scenes without a CRS lie on the lattice.
    """

    keys: np.ndarray
    counts: ZoneCounts
    large: np.ndarray
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

        def block(geobox: GeoBox, scene_name: str) -> np.ndarray:
            rows, cols = blocks_of_pixels(origin, frames, size, geobox, scene_name)
            return rows * _COLUMNS + cols + _COLUMNS // 2

        counts = ZoneCounts.of(case, block)
        rows, cols = np.divmod(counts.zones, _COLUMNS)
        keys = np.column_stack([rows, cols - _COLUMNS // 2])
        pixel = np.asarray([_lattice_pixels(origin, scene.geobox) for scene in case.scenes])
        large = counts.extent(case.labels.sources, pixel) > size**2
        # What is a chip as a whole has no part here and another there.
        return cls(keys, counts, large & (not case.regions), size, origin, frames)

    def home(self) -> np.ndarray:
        """Place of the block that holds most of each polygon, int64 (sources + 1,).

        -2 for polygons larger than a block and for the last entry, -1 unseen.
        """
        home = self.counts.home(len(self.large))
        home[:-1][self.large] = ANY_PART
        return home


def holdout_of_blocks(case: SplitCase, blocks: Blocks) -> Split | str:
    """The hold-out split, or in words why there is none worth having."""
    labels, names = case.labels, case.labels.legend.names
    home = blocks.home()
    counts = blocks.counts.counting(home, len(names))
    groups = (counts > 0).sum(axis=0)
    thin = [
        f"{name} ({number})" for name, number in zip(names, groups, strict=True) if 0 < number < 3
    ]
    forced = case.settings.by == "blocks"
    if thin and not forced:
        return f"classes with fewer than three blocks of {blocks.size} px: {', '.join(thin)}"
    share = case.settings.fractions
    codes = assign(counts, (share.train, share.val, share.test), case.seed, keep_first=groups < 2)
    rows = blocks.counts.rows[blocks.counts.at_home(home)]
    polygons = len(np.unique(rows[(codes[rows[:, 1]] == 2) & (rows[:, 3] >= 0), 3]))
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
    home = blocks.home()
    counts = blocks.counts.counting(home, len(case.labels.legend))
    folds = fold_count(case.settings, len(blocks.keys))
    codes = deal_folds(counts, fold_shares(folds, case.spare), folds, case.seed)

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return ground_of_blocks(case, blocks, codes, home, parts)

    reasons = (why, f"so {folds} folds of blocks; a last model on all labels makes the map")
    return kfold_of(case, counts, codes, folds, ground, reasons)


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
    return Ground(
        kind="blocks",
        parts=parts,
        buffer_px=buffer_px(case, "blocks"),
        blocks=table,
        origin=blocks.origin,
        block_px=blocks.size,
        part_of_source=part_at_home(home, codes),
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


def _lattice_pixels(origin: GeoBox | None, geobox: GeoBox) -> float:
    """How many pixels of the lattice a pixel of a scene covers."""
    if origin is None or geobox.crs is None or same_lattice(origin, geobox) is not None:
        return 1.0
    return (pixel_size_m(geobox) / pixel_size_m(origin)) ** 2
