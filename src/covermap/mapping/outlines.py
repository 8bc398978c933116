"""Outlines of the regions of a class map, traced strip by strip along the corners of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from covermap.mapping.regions import RegionStrip
from covermap.mapping.runs import NOTHING

# Directions of travel as seen on the screen; a right turn adds one. The region is on the right, so
# an outer ring runs clockwise and a hole the other way.
_EAST, _SOUTH, _WEST, _NORTH = range(4)
# Pixels round a corner, and which of them lie ahead on the left, ahead on the right and behind on
# the left of somebody who arrives there in each direction.
_NE, _SE, _SW, _NW = range(4)
_AHEAD_LEFT = np.array([_NE, _SE, _SW, _NW])
_AHEAD_RIGHT = np.array([_SE, _SW, _NW, _NE])
_BEHIND_LEFT = np.array([_NW, _NE, _SE, _SW])


@dataclass(frozen=True)
class Rings:
    """Closed rings.

    Attributes
    ----------
    points : ndarray of int32, shape (P, 2)
        Column and row of each vertex, a corner of pixels; a ring begins at its first in reading
        order, and does not repeat it.
    offsets : ndarray of int64, shape (R + 1,)
        Where each ring begins in `points`.
    regions : ndarray of int64, shape (R,)
        Whose they are.
    outer : ndarray of bool, shape (R,)
        Whether a ring is the outline and not a hole.
    """

    points: np.ndarray
    offsets: np.ndarray
    regions: np.ndarray
    outer: np.ndarray

    @property
    def lowest(self) -> np.ndarray:
        """The largest row of each ring."""
        rows = self.points[:, 1]
        return np.maximum.reduceat(rows, self.offsets[:-1]) if len(rows) else rows

    def points_of(self, number: int) -> np.ndarray:
        return self.points[self.offsets[number] : self.offsets[number + 1]]


class Tracer:
    """Rings of the regions of successive strips, told when they close.

    A vertex stands where an outline turns, and where three regions meet, so that neighbours
    share all vertices of their border. Corners where two pixels of a region touch across are
    passed so that rings stay simple: a hole may touch the outline in a point.

    Memory is that of a strip and of the outlines that cross its lower edge: 8 bytes a vertex.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._open: dict[int, _Chain] = {}

    def rings(self, strip: RegionStrip) -> Rings:
        """The rings that close in a strip, down to the upper edge of its last row."""
        corners = _corners(strip, self._width)
        steps = _steps(corners, self._open, self._width)
        walks = _walks(steps)
        self._open, joined = _joined(walks, steps, self._open, self._width)
        return _rings(walks, steps, joined, self._width)


@dataclass(frozen=True)
class _Chain:
    """A part of a ring above the strip: where it goes on below, and its vertices in order."""

    tail: int
    points: list[np.ndarray]


@dataclass(frozen=True)
class _Corners:
    """Corners of pixels where anything changes.

    `keys` number them row by row with one more column than pixels; `around` has the regions
    NE, SE, SW, NW of each, int64 (4, N); `last` is the first of those on the last line.
    """

    keys: np.ndarray
    around: np.ndarray
    last: int


def _corners(strip: RegionStrip, width: int) -> _Corners:
    runs, touching = strip.runs, strip.touching
    row, col = touching.starts // width, touching.starts % width
    ends = np.arange(row[0], row[-1] + 1) * (width + 1) + width
    keys = np.concatenate([row * (width + 1) + col, ends])
    order = np.argsort(keys, kind="stable")
    outside = np.full(len(ends), NOTHING)
    upper = np.concatenate([strip.regions[touching.upper], outside])[order]
    lower = np.concatenate([strip.regions[touching.lower], outside])[order]
    # The end of a row is outside, and so is what lies before the next one.
    before = np.concatenate([[NOTHING], lower[:-1]]), np.concatenate([[NOTHING], upper[:-1]])
    keys = keys[order]
    last = int(np.searchsorted(keys, (runs.stop // width - 1) * (width + 1)))
    return _Corners(keys, np.stack([upper, lower, *before]), last)


@dataclass(frozen=True)
class _Steps:
    """Steps from corner to corner along outlines.

    Attributes
    ----------
    following : ndarray of int64
        The next step; NOTHING where it leaves the strip below.
    keys : ndarray of int64
        The corner where the step arrives.
    kept : ndarray of bool
        Whether there is a vertex.
    regions : ndarray of int64
    chains : ndarray of int64
        Column of the chain that the step goes through, or NOTHING.
    heads : ndarray of int64
        The steps that enter the strip from below.
    """

    following: np.ndarray
    keys: np.ndarray
    kept: np.ndarray
    regions: np.ndarray
    chains: np.ndarray
    heads: np.ndarray


def _steps(corners: _Corners, opened: dict[int, _Chain], width: int) -> _Steps:
    keys, around = corners.keys, corners.around
    # Who leaves east has its pixel in the south-east, and none of it in the north-east, and so on.
    leaves = np.stack(
        [
            (around[right] != NOTHING) & (around[right] != around[left])
            for right, left in zip(_AHEAD_RIGHT, _AHEAD_LEFT, strict=True)
        ],
        axis=1,
    )
    place, way = np.nonzero(leaves)
    # Steps that enter from below arrive on the last line, northwards.
    line = np.arange(corners.last, len(keys))
    south_east, south_west = around[_SE, line], around[_SW, line]
    entering = line[(south_east != NOTHING) & (south_east != south_west)]
    arrival = np.concatenate([place, entering])
    arriving = np.concatenate([way, np.full(len(entering), _NORTH)])
    regions = np.concatenate([around[_AHEAD_RIGHT[way], place], around[_SE, entering]])
    heads = np.arange(len(place), len(arrival))
    chains = np.full(len(arrival), NOTHING)

    by_way = [np.flatnonzero(way == direction) for direction in range(4)]
    arrival[by_way[_EAST]] += 1
    arrival[by_way[_WEST]] -= 1
    leaving = by_way[_SOUTH][place[by_way[_SOUTH]] >= corners.last]
    south = np.setdiff1d(by_way[_SOUTH], leaving, assume_unique=True)
    arrival[south] = np.searchsorted(keys, keys[place[south]] + width + 1)
    first_line = keys[0] // (width + 1)
    up = by_way[_NORTH]
    through = up[keys[place[up]] // (width + 1) == first_line]
    north = np.setdiff1d(up, through, assume_unique=True)
    arrival[north] = np.searchsorted(keys, keys[place[north]] - width - 1)
    if len(through):
        chains[through] = keys[place[through]] % (width + 1)
        tails = np.array([opened[int(col)].tail for col in chains[through]])
        arrival[through] = np.searchsorted(keys, first_line * (width + 1) + tails)
        arriving[through] = _SOUTH

    here = around[:, arrival]
    number = np.arange(len(arrival))
    ahead_left = here[_AHEAD_LEFT[arriving], number]
    left = ahead_left == regions
    straight = ~left & (here[_AHEAD_RIGHT[arriving], number] == regions)
    onward = (arriving + np.where(left, 3, np.where(straight, 0, 1))) % 4
    kept = ~straight | (here[_BEHIND_LEFT[arriving], number] != ahead_left)
    names = np.full(leaves.shape, NOTHING)
    names[place, way] = np.arange(len(place))
    following = names[arrival, onward]
    following[leaving] = NOTHING
    kept[leaving] = False
    return _Steps(following, keys[arrival], kept, regions, chains, heads)


@dataclass(frozen=True)
class _Walks:
    """All steps in order, walk after walk; `offsets` (M + 1,) say where each walk begins.

    The first `chains` walks are those that enter and leave the strip below; the others are closed.
    """

    order: np.ndarray
    offsets: np.ndarray
    chains: int


def _walks(steps: _Steps) -> _Walks:
    """Follow all steps at once: each learns its distance to the end of its walk by doubling."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = len(steps.following)
    number = np.arange(count)
    goes_on = steps.following != NOTHING
    links = number[goes_on], steps.following[goes_on]
    graph = coo_matrix((np.ones(len(links[0]), bool), links), shape=(count, count))
    walks, walk = connected_components(graph, directed=False)
    # A closed walk begins where it comes to its first corner, an open one where it enters.
    by_key = np.lexsort((steps.keys, walk))
    firsts = by_key[np.flatnonzero(np.diff(walk[by_key], prepend=-1))]
    firsts[walk[steps.heads]] = steps.heads
    onward = np.where(goes_on, steps.following, number)
    is_first = np.zeros(count, bool)
    is_first[firsts] = True
    ends = is_first[onward] | ~goes_on
    onward[ends] = number[ends]
    distance = (~ends).astype(np.int64)
    active = np.flatnonzero(~ends)
    while len(active):
        further = onward[active]
        distance[active] += distance[further]
        onward[active] = onward[further]
        active = active[~ends[onward[active]]]
    is_open = np.zeros(walks, bool)
    is_open[walk[steps.heads]] = True
    rank = np.empty(walks, np.int64)
    rank[np.argsort(~is_open, kind="stable")] = np.arange(walks)
    ranked = rank[walk]
    order = np.lexsort((-distance, ranked))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(ranked, minlength=walks))])
    return _Walks(order, offsets, int(is_open.sum()))


def _joined(
    walks: _Walks, steps: _Steps, opened: dict[int, _Chain], width: int
) -> tuple[dict[int, _Chain], dict[int, np.ndarray]]:
    """The chains that are open below, by the column where they enter; vertices of closed walks
    that go through chains.
    """
    chains, joined = {}, {}
    with_chain = np.flatnonzero(np.add.reduceat(
        steps.chains[walks.order] != NOTHING, walks.offsets[:-1]
    )) if len(walks.order) else np.empty(0, np.int64)  # fmt: skip
    for number in sorted({*range(walks.chains), *with_chain.tolist()}):
        walk = walks.order[walks.offsets[number] : walks.offsets[number + 1]]
        pieces = [piece for piece in _pieces(walk, steps, opened, width) if len(piece)]
        if number < walks.chains:
            head, tail = steps.keys[walk[0]], steps.keys[walk[-1]]
            chains[int(head % (width + 1))] = _Chain(int(tail % (width + 1)), pieces)
        else:
            points = np.concatenate(pieces)
            first = np.lexsort((points[:, 0], points[:, 1]))[0]
            joined[number] = np.roll(points, -first, axis=0)
    return chains, joined


def _pieces(
    walk: np.ndarray, steps: _Steps, opened: dict[int, _Chain], width: int
) -> Iterator[np.ndarray]:
    begin = 0
    for place in np.flatnonzero(steps.chains[walk] != NOTHING):
        yield _points(walk[begin:place], steps, width)
        yield from opened[int(steps.chains[walk[place]])].points
        begin = int(place)
    yield _points(walk[begin:], steps, width)


def _points(walk: np.ndarray, steps: _Steps, width: int) -> np.ndarray:
    keys = steps.keys[walk[steps.kept[walk]]]
    return np.stack([keys % (width + 1), keys // (width + 1)], axis=1).astype(np.int32)


def _rings(walks: _Walks, steps: _Steps, joined: dict[int, np.ndarray], width: int) -> Rings:
    """The closed walks as rings."""
    closed = np.arange(walks.chains, len(walks.offsets) - 1)
    plain = np.setdiff1d(closed, np.fromiter(joined, np.int64, len(joined)), assume_unique=True)
    lengths = np.diff(walks.offsets)
    walk_of = np.repeat(np.arange(len(lengths)), lengths)
    is_plain = np.zeros(len(lengths), bool)
    is_plain[plain] = True
    chosen = walks.order[is_plain[walk_of] & steps.kept[walks.order]]
    counts = np.bincount(walk_of[is_plain[walk_of] & steps.kept[walks.order]],
                         minlength=len(lengths))[plain]  # fmt: skip
    points = np.concatenate([_points(chosen, steps, width), *joined.values()])
    counts = np.concatenate([counts, [len(item) for item in joined.values()]]).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    numbers = np.concatenate([plain, np.fromiter(joined, np.int64, len(joined))])
    regions = steps.regions[walks.order[walks.offsets[numbers]]]
    return Rings(points, offsets, regions, _areas(points, offsets) > 0)


def _areas(points: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Signed area of rings in pixels: above 0 where they run clockwise on the screen."""
    x, y = points.astype(np.int64).T
    following = np.arange(1, len(points) + 1)
    following[offsets[1:] - 1] = offsets[:-1]
    # Along the axes only, so half of the shoelace says all.
    moved = x * (y[following] - y)
    return np.add.reduceat(moved, offsets[:-1]) if len(points) else np.empty(0)
