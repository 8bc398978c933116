"""Adding up overlapping tiles with weights that sum to one, in memory of one tile and its seams."""

from __future__ import annotations

import numpy as np

from covermap.mapping.tiles import TileAxis, TilePlan


def ramp_weights(axis: TileAxis, number: int) -> np.ndarray:
    """Weights of the core pixels of tile `number` along one direction, float32 (core,), 0..1.

    Neighbours' weights add up to one where they share pixels. At the border of the scene there is
    no neighbour, and the weight is one.
    """
    weights = np.ones(axis.core(number), dtype=np.float32)
    rising = ((np.arange(axis.ramp) + 0.5) / max(axis.ramp, 1)).astype(np.float32)
    # Where the ramp is as long as the step both ends may touch, never overlap: ramp <= step.
    if number > 0:
        weights[: axis.ramp] = rising
    if number < axis.count - 1:
        weights[axis.completed(number) :] = 1 - rising
    return weights


def _ramps(axis: TileAxis, number: int) -> tuple[slice, ...]:
    """The parts of a core where weights differ from one; they do not overlap."""
    rising = slice(0, axis.ramp) if number > 0 else None
    ends = number < axis.count - 1
    falling = slice(axis.completed(number), axis.core(number)) if ends else None
    return tuple(part for part in (rising, falling) if part is not None)


class Blender:
    """The running sum of weighted tiles; hands out what is complete.

    Tiles come in the order of the plan. Kept between tiles are only the strips that the next tile
    and the next row still add to: K x ramp x (tile height + scene width) numbers. What is kept
    grows with the width of a scene alone, as a row of its pixels does: 10 classes over 40,000 px
    with a ramp of 32 px are 51 MB. The order of additions is fixed by the plan, so sums are the
    same bits however often a map is interrupted.

    Parameters
    ----------
    plan : TilePlan
    classes : int
        K, the planes that are added up.
    """

    def __init__(self, plan: TilePlan, classes: int) -> None:
        self.plan = plan
        rows, cols = plan.rows, plan.cols
        self._left = np.zeros((classes, rows.longest_core, cols.ramp), dtype=np.float32)
        # What the row above left for this one, replaced tile by tile by what is left for the next.
        self._seam = np.zeros((classes, rows.ramp, cols.span), dtype=np.float32)

    @property
    def seam(self) -> np.ndarray:
        """What the row above left, float32 (K, ramp, scene width); changes with every tile."""
        return self._seam

    def begin_row(self) -> None:
        """Start the next row of tiles (or the first)."""
        self._left[:] = 0

    def skip(self, col: int) -> None:
        """Pass over a tile in whose core nothing is wanted."""
        self._left[:] = 0
        self._seam[self._strip(col)] = 0

    def add(self, row: int, col: int, planes: np.ndarray) -> np.ndarray:
        """Add a tile.

        Parameters
        ----------
        row, col : int
            Place in the plan.
        planes : ndarray, shape (K, tile height, tile width)
            What the network says of the whole tile; its halo is left out. Numbers in float32 are
            weighted in place.

        Returns
        -------
        ndarray of float32, shape (K, h, w)
            The sums of `plan.completed_window(row, col)`.
        """
        rows, cols = self.plan.rows, self.plan.cols
        read, trusted = self.plan.read_window(row, col), self.plan.core_window(row, col)
        core = planes[(slice(None), *trusted.relative_to(read).slices)]
        total = core.astype(np.float32, copy=False)
        # Between the ramps weights are one: most of a tile needs no arithmetic.
        across = ramp_weights(cols, col)
        for strip in _ramps(cols, col):
            total[:, :, strip] *= across[strip]
        down = ramp_weights(rows, row)[:, np.newaxis]
        for strip in _ramps(rows, row):
            total[:, strip] *= down[strip]
        left = self._left[:, : rows.core(row)]
        total[:, :, : cols.ramp] += left
        width = cols.completed(col)
        if width < cols.core(col):
            left[:] = total[:, :, width:]
        total = total[:, :, :width]
        seam = self._seam[self._strip(col)]
        total[:, : rows.ramp] += seam
        height = rows.completed(row)
        if height < rows.core(row):
            seam[:] = total[:, height:]
        return total[:, :height]

    def _strip(self, col: int) -> tuple[slice, slice, slice]:
        """The part of the seam that a tile completes; no two tiles of a row share any of it."""
        cols = self.plan.cols
        start = cols.core_start(col) - cols.first
        return slice(None), slice(None), slice(start, start + cols.completed(col))
