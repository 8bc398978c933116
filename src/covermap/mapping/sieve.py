"""Regions below the minimum mapping unit merged into their neighbours, strip by strip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import resolution_m
from covermap.core.ground_area import GroundArea
from covermap.core.progress import progress
from covermap.mapping.regions import RegionStrip, find_regions, region_strips
from covermap.mapping.runs import NOTHING, Strips

# The longer side of a pixel in whole numbers, so that lengths add up exactly.
_SIDE_PARTS = 1000
# Columns of a border: the small region, its neighbour, their areas and classes, and the length.
_REGION, _OTHER, _AREA, _OTHER_AREA, _CODE, _OTHER_CODE, _LENGTH = range(7)


@dataclass(frozen=True)
class Sieved:
    """What became of the small regions.

    Attributes
    ----------
    merged : int
        Regions that were merged into a neighbour, over all rounds.
    rounds : int
    """

    merged: int
    rounds: int


def sieve(
    strips: Strips, geobox: GeoBox, ground: GroundArea, min_area_m2: float, title: str
) -> Sieved:
    """Merge the regions below a minimum mapping unit, and label what is then there.

    In each round every region below the unit picks the neighbour with the longest common border; of
    equally long ones the larger, then the one that begins first. Regions that picked each other, in
    a chain as well, become one, of the class of the largest of them (of equal ones the first).
    Rounds follow until nothing is left to merge; since each at least doubles what is below the
    unit, there are at most as many as halvings from the unit to a pixel. So the result is that of
    the whole raster, however it is cut. A region counts as below the unit when it lacks half a
    pixel or more: the true size of pixels varies a little over a map.

    Nodata is no neighbour and never filled: a region with nothing but nodata around stays, however
    small. Memory is that of one strip, and of the small regions that are open or whose picks lead
    to open ones; all others lie in the tables of the strips.

    Parameters
    ----------
    strips : Strips
        Changed in place.
    geobox : GeoBox
        The grid of the map.
    ground : GroundArea
        Of that grid.
    min_area_m2 : float
        The unit in square metres (pixels where there is no CRS).
    title : str
        Shown by the progress bar.
    """
    limit = limit_of(min_area_m2, ground)
    width_m, height_m = resolution_m(geobox)
    longer = max(width_m, height_m)
    across, along = (round(_SIDE_PARTS * side / longer) for side in (width_m, height_m))
    merged = rounds = 0
    while True:
        find_regions(strips, ground)
        if limit <= 0:
            return Sieved(merged, rounds)
        with progress(f"{title}: small regions, round {rounds + 1}", strips.height, "rows") as bar:
            chosen = 0
            picks = _Picks(strips, limit)
            for strip in region_strips(strips):
                chosen += picks.add(_borders(strip, limit, across, along), strip.open)
                bar.advance(strips.height_of(strip.number))
        if not chosen:
            return Sieved(merged, rounds)
        _recode(strips)
        merged, rounds = merged + chosen, rounds + 1


def limit_of(min_area_m2: float, ground: GroundArea) -> float:
    """The area, in units of `ground`, from which on a region is not below the unit."""
    return (min_area_m2 - ground.pixel / 2) / ground.unit


def _borders(strip: RegionStrip, limit: float, across: int, along: int) -> np.ndarray:
    """Pieces of border of regions below the limit, int64 (N, 7): see the names of the columns."""
    runs, touching = strip.runs, strip.touching
    right = np.arange(1, len(runs.starts))
    # Those of the row above were counted with the strip above.
    right = right[(runs.cols[1:] > 0) & (runs.starts[1:] >= runs.starts[0] + runs.width)]
    one = np.concatenate([touching.upper, right - 1])
    other = np.concatenate([touching.lower, right])
    length = np.concatenate([touching.lengths * across, np.full(len(right), along)])
    real = runs.valid[one] & runs.valid[other] & (strip.regions[one] != strip.regions[other])
    one, other, length = one[real], other[real], length[real]
    rows = []
    for here, there in ((one, other), (other, one)):
        small = strip.areas[here] < limit
        columns = [
            values[place[small]]
            for values in (strip.regions, strip.areas, runs.codes)
            for place in (here, there)
        ]
        rows.append(np.stack([*columns, length[small]], axis=1))
    return np.concatenate(rows).astype(np.int64)


class _Picks:
    """What small regions pick, and the class that this makes of them, told as soon as it is known.

    A pick is known when the region is closed, so that its whole border was seen; the class when all
    regions that may belong to the group have picked.
    """

    def __init__(self, strips: Strips, limit: float) -> None:
        self._strips, self._limit = strips, limit
        self._borders = self._waiting = np.empty((0, 7), np.int64)

    def add(self, borders: np.ndarray, still_open: np.ndarray) -> int:
        """Take the borders of a strip; the number of regions that picked.

        The classes of groups that are complete go to the table `recoded` of the strip where each
        region begins.
        """
        borders = _added_up(np.concatenate([self._borders, borders]))
        going_on = np.isin(borders[:, _REGION], still_open)
        self._borders = borders[going_on]
        picked = _picked(borders[~going_on])
        waiting = np.concatenate([self._waiting, picked])
        group, complete = self._groups(waiting)
        done = complete[group]
        self._tell(waiting[done], group[done])
        self._waiting = waiting[~done]
        return len(picked)

    def _groups(self, picks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The group of each pick, and whether each group is complete."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        # A neighbour that is large enough picks nothing: it ends a chain and is no link.
        links = picks[picks[:, _OTHER_AREA] < self._limit]
        names = np.union1d(picks[:, _REGION], links[:, _OTHER])
        ends = [np.searchsorted(names, links[:, column]) for column in (_REGION, _OTHER)]
        graph = coo_matrix((np.ones(len(links), bool), tuple(ends)), shape=(len(names), len(names)))
        groups, group = connected_components(graph, directed=False)
        place = np.searchsorted(names, picks[:, _REGION])
        has_picked = np.zeros(len(names), bool)
        has_picked[place] = True
        # A region that is still open may pick one of the group, and be the largest in it.
        may_be_picked = np.isin(names, self._borders[:, _OTHER])
        complete = np.ones(groups, bool)
        complete[group[~has_picked | may_be_picked]] = False
        return group[place], complete

    def _tell(self, picks: np.ndarray, group: np.ndarray) -> None:
        if not len(picks):
            return
        groups = np.concatenate([group, group])
        members = np.concatenate(
            [picks[:, [_REGION, _AREA, _CODE]], picks[:, [_OTHER, _OTHER_AREA, _OTHER_CODE]]]
        )
        order = np.lexsort((members[:, 0], -members[:, 1], groups))
        names, firsts = np.unique(groups[order], return_index=True)
        winner = members[order[firsts], 2]
        codes = winner[np.searchsorted(names, group)]
        rows = np.stack([picks[:, _REGION], codes], axis=1)
        strip = self._strips.strip_of(picks[:, _REGION])
        for number in np.unique(strip):
            self._strips.append("recoded", int(number), rows[strip == number])


def _added_up(borders: np.ndarray) -> np.ndarray:
    """One row for each small region and neighbour, with the whole length."""
    if not len(borders):
        return borders
    borders = borders[np.lexsort((borders[:, _OTHER], borders[:, _REGION]))]
    new = np.ones(len(borders), bool)
    new[1:] = (borders[1:, :2] != borders[:-1, :2]).any(axis=1)
    firsts = np.flatnonzero(new)
    total = borders[firsts]
    total[:, _LENGTH] = np.add.reduceat(borders[:, _LENGTH], firsts)
    return total


def _picked(borders: np.ndarray) -> np.ndarray:
    """Of each small region the border to the neighbour that it picks."""
    region, other, length = (borders[:, column] for column in (_REGION, _OTHER, _LENGTH))
    borders = borders[np.lexsort((other, -borders[:, _OTHER_AREA], -length, region))]
    return borders[np.unique(borders[:, _REGION], return_index=True)[1]]


def _recode(strips: Strips) -> None:
    """Give the regions of the table `recoded` their classes."""
    going_on = np.empty((0, 2), np.int64)
    for strip in region_strips(strips):
        changes = np.concatenate([going_on, strips.taken("recoded", strip.number, 2)])
        changes = changes[np.argsort(changes[:, 0])]
        going_on = changes[np.isin(changes[:, 0], strip.open)]
        if not len(changes):
            continue
        own = strips.runs(strip.number)
        regions = strip.regions[-len(own.starts) :]
        place = np.minimum(np.searchsorted(changes[:, 0], regions), len(changes) - 1)
        hit = (changes[place, 0] == regions) & (regions != NOTHING)
        codes = np.where(hit, changes[place, 1], own.codes).astype(np.int32)
        strips.keep_runs(strip.number, own.recoded(codes))
