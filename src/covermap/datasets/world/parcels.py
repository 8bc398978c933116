"""Rectangular parcels of farmland and blocks of houses, turned as each estate lies.

An estate is a Voronoi cell with a direction of its own; strips across it are cut into parcels at
irregular intervals, as land consolidation leaves them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.datasets.world import noise

_ESTATE_PX = 95.0


@dataclass(frozen=True)
class Frame:
    """Coordinates along and across the rows of each pixel's estate.

    Attributes
    ----------
    along, across : ndarray of float64, shape (H, W)
        Position in the estate's own direction, in pixels.
    cosine, sine : ndarray of float64, shape (H, W)
        The estate's direction.
    estate : ndarray of uint64, shape (H, W)
        Random identity of the estate.
    """

    along: np.ndarray
    across: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray
    estate: np.ndarray


@dataclass(frozen=True)
class Parcels:
    """A mosaic of rectangles.

    Attributes
    ----------
    key : ndarray of uint64, shape (H, W)
        Random identity of each pixel's rectangle.
    edge : ndarray of float32, shape (H, W)
        Distance to the rectangle's nearest side in pixels.
    x, y : ndarray of float64, shape (H, W)
        Middle of the rectangle in the world's pixels.
    """

    key: np.ndarray
    edge: np.ndarray
    x: np.ndarray
    y: np.ndarray


def frame(x: np.ndarray, y: np.ndarray, seed: int) -> Frame:
    """The estates' coordinates of pixels at `x`, `y` (H, W)."""
    cells = noise.mosaic(x, y, _ESTATE_PX, noise.stream(seed, "estate"))
    # Half the tangent parametrises the direction (+-53 degrees) without a sine, which is not
    # rounded alike on all processors.
    half = noise.uniform(noise.stream(seed, "direction"), cells.key).astype(np.float64) - 0.5
    cosine = ((1 - half**2) / (1 + half**2))[cells.index]
    sine = (2 * half / (1 + half**2))[cells.index]
    return Frame(
        along=x * cosine + y * sine,
        across=y * cosine - x * sine,
        cosine=cosine,
        sine=sine,
        estate=cells.key[cells.index],
    )


def parcels(place: Frame, width: float, length: float, source: int) -> Parcels:
    """Rectangles of about `width` x `length` pixels in the frame of each estate."""
    strip = _cut(place.across, width, source, place.estate)
    piece = _cut(place.along, length, source + 1, strip.key)
    return Parcels(
        key=piece.key,
        edge=np.minimum(strip.edge, piece.edge),
        x=piece.middle * place.cosine - strip.middle * place.sine,
        y=piece.middle * place.sine + strip.middle * place.cosine,
    )


@dataclass(frozen=True)
class _Cut:
    key: np.ndarray
    edge: np.ndarray
    middle: np.ndarray


def _cut(position: np.ndarray, interval: float, source: int, owner: np.ndarray) -> _Cut:
    """Pieces of a line cut about every `interval`, each line by its `owner`."""
    t = position / interval
    number = np.floor(t).astype(np.int64)
    low = _boundary(number, source, owner)
    number -= t < low
    high = _boundary(number + 1, source, owner)
    number += t >= high
    low = _boundary(number, source, owner)
    high = _boundary(number + 1, source, owner)
    edge = np.minimum(t - low, high - t) * interval
    return _Cut(
        noise.hashed(source, owner, number),
        edge.astype(np.float32),
        (low + high) * (interval / 2),
    )


def _boundary(number: np.ndarray, source: int, owner: np.ndarray) -> np.ndarray:
    return number + 0.6 * (noise.uniform(source + 2, owner, number).astype(np.float64) - 0.5)
