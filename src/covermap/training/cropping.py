"""Pieces of training chips, each placed so that it shows a labelled pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.chips.sample import Sample


def cropped(
    sample: Sample, size: int, aims: Sequence[float] | None, rng: np.random.Generator
) -> Sample:
    """A square piece of a chip around one of its counted pixels.

    First a pixel is drawn, then one of the places of the piece that show it: near the edges of a
    chip pixels are seen almost as often as in its middle, which drawing places would not do.

    Parameters
    ----------
    sample : Sample
        With a target for each pixel; its side is at least `size`.
    size : int
        Pixels.
    aims : sequence of float, optional
        How likely the pixel is drawn from those of each class, see
        `covermap.training.sampling.class_aims`; else, and without, all counted pixels are alike.
    rng : Generator
    """
    height, width = sample.valid.shape
    row, col = _pixel(sample, aims, rng)
    top, left = _begin(row, size, height, rng), _begin(col, size, width, rng)
    rows, cols = slice(top, top + size), slice(left, left + size)
    return Sample(
        sample.values[:, rows, cols],
        sample.valid[rows, cols],
        sample.target[rows, cols],
        sample.counted[rows, cols],
    )


def _pixel(
    sample: Sample, aims: Sequence[float] | None, rng: np.random.Generator
) -> tuple[int, int]:
    # The same number of draws whatever comes of them, so that nothing depends on the aims' bits.
    by_class, which, place = rng.random(3)
    chosen = sample.counted
    if aims is not None and by_class < sum(aims):
        wanted = int(np.searchsorted(np.cumsum(aims), which * sum(aims), side="right"))
        chosen = chosen & (sample.target == min(wanted, len(aims) - 1))
    places = np.flatnonzero(chosen if chosen.any() else np.ones_like(chosen))
    row, col = np.unravel_index(places[int(place * len(places))], chosen.shape)
    return int(row), int(col)


def _begin(place: int, size: int, length: int, rng: np.random.Generator) -> int:
    """Where a piece begins that holds a place and lies within the chip."""
    first, last = max(0, place - size + 1), min(place, length - size)
    return int(rng.integers(first, last + 1))
