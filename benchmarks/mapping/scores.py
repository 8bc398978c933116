"""How maps of the same scene differ, and whether tiles can be seen in one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio


def agreement(path: Path, ids: np.ndarray, by_position: tuple[int, ...] | None = None) -> float:
    """Share of equal class ids, 0..1, where `ids` (H, W) are not 0.

    `by_position` are the class ids of a map that holds positions 0..K-1.
    """
    with rasterio.open(path) as dataset:
        found = dataset.read(1)
    if by_position is not None:
        table = np.zeros(256, ids.dtype)
        table[: len(by_position)] = by_position
        found = table[found]
    return float((found == ids)[ids > 0].mean())


def disagreement(one: Path, other: Path) -> float:
    """Share of pixels with different class ids, 0..1."""
    with rasterio.open(one) as first, rasterio.open(other) as second:
        return float((first.read(1) != second.read(1)).mean())


def seam_score(path: Path, row_seams: list[list[int]], col_seams: list[list[int]]) -> float:
    """Mean step of probability between neighbouring pixels where tiles meet, over that elsewhere.

    Parameters
    ----------
    path : Path
        Probabilities in float32, a band a class.
    row_seams, col_seams : list of [first, stop]
        Rows and columns over which one tile hands over to the next.
    """
    with rasterio.open(path) as dataset:
        shares = dataset.read()
    at = elsewhere = at_count = elsewhere_count = 0.0
    for axis, seams in ((1, row_seams), (2, col_seams)):
        steps = np.abs(np.diff(shares, axis=axis)).sum(axis=0)
        # Step k lies between pixels k and k + 1, so the one before a seam belongs to it.
        meets = np.zeros(steps.shape[axis - 1], bool)
        for first, stop in seams:
            meets[max(0, first - 1) : stop] = True
        here, rest = np.compress(meets, steps, axis - 1), np.compress(~meets, steps, axis - 1)
        at, at_count = at + np.nansum(here), at_count + np.isfinite(here).sum()
        elsewhere += np.nansum(rest)
        elsewhere_count += np.isfinite(rest).sum()
    if not at_count or not elsewhere:
        return float("nan")
    return float(at / at_count / (elsewhere / elsewhere_count))
