"""Where a model may be applied: how near the values of a scene lie to those that it learnt from.

The area of applicability of Meyer and Pebesma (2021), doi 10.1111/2041-210X.13650: a pixel is
beyond it where it lies further from every training pixel than training pixels of one part of the
ground mostly lie from those of the other parts. It takes all bands together, so that a scene with
more water than the training ground is like it, and one of which the water is brown is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

# Training pixels that stand for all; 500 and 2000 tell the same dates of the same places apart.
PIXELS = 1000
# Parts of the ground that are compared with each other, in the order of the chips.
_PARTS = 10
# Of fewer nothing can be said.
_LEAST_PIXELS = 50
# Spreads of the training values, each band: nearer than that no two values differ, whatever is
# usual there (pictures of few colours hold the same ones in all parts).
_LEAST_DISTANCE = 0.05
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Applicability:
    """Values that a model learnt from, and how far from them others may lie.

    Attributes
    ----------
    pixels : ndarray of float32, shape (N, C)
        Training pixels, normalised as the model sees them.
    limit : float
        Euclidean distance to the nearest of them beyond which a pixel is unlike.
    """

    pixels: np.ndarray
    limit: float

    def beyond(self, values: np.ndarray) -> np.ndarray:
        """Bool (M,): which of some normalised pixels (M, C) are unlike all that was learnt."""
        return _nearest(values, self.pixels) > self.limit


def applicability_of(chips: Iterable[np.ndarray]) -> Applicability | None:
    """The area of applicability of a model, by the pixels (C, N) of the chips that taught it.

    Parameters
    ----------
    chips : iterable of ndarray, float32 (C, N)
        Normalised usable pixels of some chips, in an order that keeps neighbours together.

    Returns
    -------
    Applicability or None
        None where hardly anything is usable.
    """
    found = [pixels.T for pixels in chips if pixels.size]
    if sum(map(len, found)) < _LEAST_PIXELS:
        return None
    pixels = np.concatenate(found).astype(np.float32)
    distances = np.concatenate(list(_between_parts(pixels)))
    lower, upper = np.percentile(distances, [25, 75])
    least = _LEAST_DISTANCE * np.sqrt(pixels.shape[1])
    return Applicability(pixels, float(max(upper + 1.5 * (upper - lower), least)))


def _between_parts(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Of the pixels of each part the distance to the nearest of all other parts."""
    for part in np.array_split(np.arange(len(pixels)), _PARTS):
        yield _nearest(pixels[part], np.delete(pixels, part, axis=0))


def _nearest(values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Distance of each of `values` (M, C) to the nearest of `pixels` (N, C), float64 (M,)."""
    known = pixels.astype(np.float64)
    lengths = (known**2).sum(axis=1)
    found = np.empty(len(values))
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype(np.float64)
        squares = (block**2).sum(axis=1)
        between = squares + (lengths[:, None] - 2 * (known @ block.T)).min(axis=0)
        found[start : start + _BLOCK] = np.sqrt(np.maximum(between, 0))
    return found
