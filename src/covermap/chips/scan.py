"""What a scene and its labels hold, cell by cell: what planning and splitting start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from covermap.core.grid import Window, tiles, whole, window_geobox
from covermap.core.progress import progress
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels
from covermap.labels.target import Target

CELL = 32
# Read at a time: large enough for whole file blocks, small enough for any number of bands.
_READ = 512


@dataclass(frozen=True)
class Scan:
    """Counts of a scene by cells of 32 x 32 pixels.

    Attributes
    ----------
    cells : ndarray of int64, shape (N, 5)
        Row and column of a cell that holds labels, its pixels inside the scene, the usable ones,
        the cloudy ones.
    counts : ndarray of int64, shape (M, 5)
        Row and column of a cell, position of the class, source (row of the polygon, -1 for
        background and masks), and how many usable labelled pixels that makes.
    labelled : int
        Labelled pixels inside the scene, usable or not.
    channels : tuple of str
        What had to be usable for a pixel to count.
    """

    cells: np.ndarray
    counts: np.ndarray
    labelled: int
    channels: tuple[str, ...] = ()

    def chips(self, size: int) -> np.ndarray:
        """Rows and columns of the chips of a size that hold labels, shape (N, 2), in order."""
        if not len(self.counts):
            return np.empty((0, 2), dtype=np.int64)
        return np.unique(self.counts[:, :2] // (size // CELL), axis=0)


def scan(scene: Scene, labels: Labels, channels: Sequence[str]) -> Scan:
    """Count usable labelled pixels of a scene by cell, class and polygon.

    Only ground where labels may lie is read. Memory does not grow with
    the scene.
    """
    cells: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    labelled = 0
    windows = [
        window
        for window in tiles(whole(scene.geobox), _READ)
        if labels.touches(window_geobox(scene.geobox, window), scene.name)
    ]
    with progress(f"Reading {scene.name}", len(windows), "windows") as bar:
        for window in windows:
            found = _scan_window(scene, labels, channels, window)
            if found is not None:
                cells.append(found.cells)
                counts.append(found.counts)
                labelled += found.labelled
            bar.advance()
    return Scan(_stacked(cells), _stacked(counts), labelled, tuple(channels))


def _scan_window(
    scene: Scene, labels: Labels, channels: Sequence[str], window: Window
) -> Scan | None:
    target = labels.burn(window_geobox(scene.geobox, window), scene.name)
    if not target.labelled.any():
        return None
    raster = scene.read(channels, window)
    usable = scene.usable(raster)
    counted = target.labelled & usable
    counts = _counts(target, counted)
    held = np.unique(np.column_stack(np.nonzero(_any_by_cell(target.labelled))), axis=0)
    inside = _sum_by_cell(np.ones_like(usable))
    shares = [inside, _sum_by_cell(usable), _sum_by_cell(scene.cloud(window))]
    offset = np.array([window.row_off // CELL, window.col_off // CELL])
    cells = np.column_stack([held + offset, *(share[tuple(held.T)] for share in shares)])
    counts[:, :2] += offset
    return Scan(cells.astype(np.int64), counts, int(target.labelled.sum()))


def _counts(target: Target, counted: np.ndarray) -> np.ndarray:
    """Row and column of the cell, class, source and pixels of each kind of counted pixel, int64."""
    rows, cols = np.nonzero(counted)
    sources, source = np.unique(target.source[rows, cols], return_inverse=True)
    columns = -(-counted.shape[1] // CELL)
    classes = int(target.index.max(initial=0)) + 1
    # One number for all four sorts far faster than rows of four, and in the same order.
    number = rows // CELL * columns + cols // CELL
    number = (number * classes + target.index[rows, cols]) * max(1, len(sources)) + source
    kinds, pixels = np.unique(number, return_counts=True)
    kinds, source = np.divmod(kinds, max(1, len(sources)))
    cell, index = np.divmod(kinds, classes)
    row, col = np.divmod(cell, columns)
    found = [row, col, index, sources[source] if len(sources) else source, pixels]
    return np.column_stack(found).astype(np.int64)


def _sum_by_cell(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    rows, cols = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, cols * CELL), dtype=np.int64)
    padded[:height, :width] = mask
    return padded.reshape(rows, CELL, cols, CELL).sum(axis=(1, 3))


def _any_by_cell(mask: np.ndarray) -> np.ndarray:
    return _sum_by_cell(mask) > 0


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty((0, 5), dtype=np.int64)
