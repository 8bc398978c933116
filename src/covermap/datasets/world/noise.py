"""Randomness as a pure function of a stream and of coordinates, so that any window gives the same.

A stream is a 64-bit integer that stands for one random field of one world. Only exactly rounded
operations are used (no sine, no matrix product): a value does not depend on the array around it.
Coordinates are in pixels of the finest grid (10 m).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np

# Stafford's finaliser "variant 13" with the increment of SplitMix64 (Steele et al. 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@cache
def stream(seed: int, name: str) -> int:
    """The stream of the random field `name` in the world of `seed`."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest())


def hashed(source: int, *keys: np.ndarray) -> np.ndarray:
    """64 random bits (uint64) of integer keys, which broadcast against each other."""
    state = np.full((1,) * max(key.ndim for key in keys), source, np.uint64)
    for key in keys:
        # Signed keys wrap around, which keeps neighbours on both sides of zero apart.
        state = _mixed((key.astype(np.int64, copy=False).view(np.uint64) * _GOLDEN) ^ state)
    return state


def uniform(source: int, *keys: np.ndarray) -> np.ndarray:
    """Uniform numbers in [0, 1), float32, of integer keys."""
    # 24 bits are what a float32 holds exactly.
    return (hashed(source, *keys) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def normal(source: int, *keys: np.ndarray) -> np.ndarray:
    """Nearly normal numbers of mean 0 and deviation 1 within +-3.5, float32, of integer keys.

    The sum of four independent 16-bit uniform numbers (Irwin-Hall distribution).
    """
    bits = hashed(source, *keys)
    total = np.zeros(bits.shape, np.float32)
    for shift in (0, 16, 32, 48):
        part = (bits >> np.uint64(shift)) & np.uint64(0xFFFF)
        total += part.astype(np.float32)
    # Variance of the sum: 4/12 of 65536 squared.
    return (total - np.float32(131070.0)) * np.float32(np.sqrt(3.0) / 65536.0)


def smooth(x: np.ndarray, y: np.ndarray, period: float, source: int) -> np.ndarray:
    """Value noise in -1..1, float32: random numbers at lattice points, quintic between them.

    Parameters
    ----------
    x, y : ndarray of float64
        Coordinates that broadcast: a row (1, W) and a column (H, 1), or both (H, W).
    period : float
        Distance of lattice points in pixels.
    source : int
        The stream.
    """
    col, across = _place(x / period)
    row, along = _place(y / period)
    first_col, first_row = int(col.min()), int(row.min())
    cols = np.arange(first_col, int(col.max()) + 2)[None, :]
    rows = np.arange(first_row, int(row.max()) + 2)[:, None]
    lattice = uniform(source, rows, cols) * np.float32(2) - np.float32(1)
    col, row = col - first_col, row - first_row
    if x.shape[0] == 1 and y.shape[1] == 1:
        lines = _between(lattice[row[:, 0]], lattice[row[:, 0] + 1], along)
        return _between(lines[:, col[0]], lines[:, col[0] + 1], across)
    flat, step = lattice.ravel(), lattice.shape[1]
    corner = row * step + col
    # In the order of the grid above: one point must not differ from a grid of one point.
    left = _between(flat[corner], flat[corner + step], along)
    right = _between(flat[corner + 1], flat[corner + step + 1], along)
    return _between(left, right, across)


def fractal(x: np.ndarray, y: np.ndarray, period: float, octaves: int, source: int) -> np.ndarray:
    """Value noise of several octaves, each half as wide and as strong; in -1..1, float32."""
    total: np.ndarray | np.float32 = np.float32(0)
    weight = 1.0
    for octave in range(octaves):
        # Lattices of all octaves would otherwise meet at the origin.
        shift = 17.3 * octave
        layer = smooth(x + shift, y - shift, period / 2**octave, source + octave & (2**64 - 1))
        total = total + layer * np.float32(weight)
        weight /= 2
    return np.asarray(total / np.float32(2.0 - 2.0 * weight))


@dataclass(frozen=True)
class Cells:
    """Which cell of a Voronoi mosaic each pixel lies in.

    Attributes
    ----------
    index : ndarray of int32, shape (H, W)
        Position of the pixel's cell in the arrays below.
    key : ndarray of uint64, shape (N,)
        Random identity of each cell, the same in every window.
    x, y : ndarray of float64, shape (N,)
        Site of each cell.
    """

    index: np.ndarray
    key: np.ndarray
    x: np.ndarray
    y: np.ndarray


def mosaic(x: np.ndarray, y: np.ndarray, spacing: float, source: int) -> Cells:
    """Voronoi cells of one jittered site per square of a lattice, among the nine nearest squares.

    `x` and `y` are (H, W); `spacing` is the side of a square in pixels.
    """
    col, row = np.floor(x / spacing).astype(np.int32), np.floor(y / spacing).astype(np.int32)
    first_col, first_row = int(col.min()) - 1, int(row.min()) - 1
    cols = np.arange(first_col, int(col.max()) + 2)[None, :]
    rows = np.arange(first_row, int(row.max()) + 2)[:, None]
    key = hashed(source, rows, cols)
    sites_x = ((cols + _site(key, 8)) * spacing).ravel()
    sites_y = ((rows + _site(key, 36)) * spacing).ravel()
    step = cols.size
    centre = (row - first_row) * step + (col - first_col)
    # float64: float32 does not hold the coordinates of a large world.
    best = np.full(x.shape, np.inf)
    index = np.zeros(x.shape, np.int32)
    for offset in (-step - 1, -step, -step + 1, -1, 0, 1, step - 1, step, step + 1):
        candidate = centre + np.int32(offset)
        distance = np.square(x - sites_x[candidate]) + np.square(y - sites_y[candidate])
        closer = distance < best
        np.copyto(best, distance, where=closer)
        np.copyto(index, candidate, where=closer)
    return Cells(index, key.ravel(), sites_x, sites_y)


@dataclass(frozen=True)
class Blobs:
    """Scattered round patches of irregular outline.

    Attributes
    ----------
    inside : ndarray of float32, shape (H, W)
        1 at a centre, 0 at the rim, -1 far from all.
    key : ndarray of uint64, shape (H, W)
        Random identity of the blob that `inside` belongs to; 0 far from all.
    """

    inside: np.ndarray
    key: np.ndarray


@dataclass(frozen=True)
class Scatter:
    """How blobs are strewn: one try per square of side `spacing`; lengths in pixels."""

    spacing: float
    chance: float
    smallest: float
    largest: float


def blobs(x: np.ndarray, y: np.ndarray, scatter: Scatter, source: int) -> Blobs:
    """The blob that reaches furthest over each of the points `x`, `y` (H, W).

    Blobs are drawn one after the other, so the cost is that of the ground they cover.
    """
    inside = np.full(x.shape, -1, np.float32)
    owner = np.zeros(x.shape, np.uint64)
    size, reach = scatter.spacing, 2 * scatter.largest
    left, top = float(x.min()) - reach, float(y.min()) - reach
    cols = np.arange(int(left // size), int((float(x.max()) + reach) // size) + 1)
    rows = np.arange(int(top // size), int((float(y.max()) + reach) // size) + 1)
    key = hashed(source, rows[:, None], cols[None, :])
    present = uniform(source, key) < scatter.chance
    extent = _Extent(x.min(axis=0), x.max(axis=0), y.min(axis=1), y.max(axis=1))
    for row, col in zip(*np.nonzero(present), strict=True):
        own = key[row : row + 1, col]
        centre_x = float((cols[col] + _site(own, 8)[0]) * size)
        centre_y = float((rows[row] + _site(own, 36)[0]) * size)
        span = scatter.largest - scatter.smallest
        radius = scatter.smallest + span * float(uniform(source, own + _GOLDEN)[0])
        near = extent.box(centre_x, centre_y, 2 * radius)
        if near is None:
            continue
        distance = np.sqrt(np.square(x[near] - centre_x) + np.square(y[near] - centre_y))
        depth = (1 - distance / radius).astype(np.float32)
        better = depth > inside[near]
        inside[near] = np.where(better, depth, inside[near])
        owner[near] = np.where(better, own[0], owner[near])
    return Blobs(inside, owner)


@dataclass(frozen=True)
class _Extent:
    """Least and greatest x of each column and y of each row, to find places quickly."""

    x_low: np.ndarray
    x_high: np.ndarray
    y_low: np.ndarray
    y_high: np.ndarray

    def box(self, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
        """A rectangle of the window that holds all points within `reach`, or None."""
        cols = np.flatnonzero((self.x_low <= x + reach) & (self.x_high >= x - reach))
        rows = np.flatnonzero((self.y_low <= y + reach) & (self.y_high >= y - reach))
        if not rows.size or not cols.size:
            return None
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def _mixed(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return np.asarray(state ^ (state >> np.uint64(31)))


def _site(key: np.ndarray, shift: int) -> np.ndarray:
    """Where in its unit square a site lies, 0.1..0.9, float64."""
    return 0.1 + 0.8 * ((key >> np.uint64(shift)) & np.uint64(0xFFFFF)) * 2.0**-20


def _place(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lattice point before `u`, and the quintic weight of the next one (Perlin 2002)."""
    before = np.floor(u)
    t = (u - before).astype(np.float32)
    return before.astype(np.int32), t * t * t * (t * (t * 6 - 15) + 10)


def _between(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(one + (other - one) * weight)
