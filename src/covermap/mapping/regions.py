"""Connected regions of a class map, joined from strip to strip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from covermap.core.ground_area import GroundArea
from covermap.mapping.runs import (
    NOTHING,
    Contacts,
    Runs,
    Strips,
    below,
    contacts,
    nothing_above,
    nothing_below,
)


@dataclass(frozen=True)
class RegionStrip:
    """A strip with the last row of the strip above it, and the region of each of its runs.

    Attributes
    ----------
    number : int
    runs : Runs
        The row above comes first.
    regions : ndarray of int64, shape (N,)
        First pixel of the whole region, which names it; `NOTHING` where there is no class.
    areas : ndarray of int64, shape (N,)
        Area of the whole region, in the units of `GroundArea`.
    is_last : bool
        Whether no strip follows.
    """

    number: int
    runs: Runs
    regions: np.ndarray
    areas: np.ndarray
    is_last: bool

    @cached_property
    def touching(self) -> Contacts:
        """Contacts of `runs`."""
        return contacts(self.runs)

    @cached_property
    def open(self) -> np.ndarray:
        """The regions that may go on below, in order."""
        return np.unique(self.regions[self.runs.last_row][: 0 if self.is_last else None])


def find_regions(strips: Strips, ground: GroundArea) -> None:
    """Label the 4-connected regions of equal class, for `region_strips` to tell.

    A way down joins what touches (connected components by strip, which the regions that are
    still open enter as nodes), a way up brings every region's first pixel and area back to all of
    its strips. Memory is that of one strip, in which the open regions are numbers.
    """
    _way_down(strips, ground)
    _way_up(strips)


def region_strips(strips: Strips) -> Iterator[RegionStrip]:
    """The strips from the top down with their regions."""
    upper = nothing_above(strips.width)
    regions, areas = np.array([NOTHING]), np.array([0])
    for number in range(strips.count):
        own = strips.runs(number)
        found = strips.table("regions", number)
        runs = below(upper, own)
        regions = np.concatenate([regions[upper.last_row], found["first"][found["label"]]])
        areas = np.concatenate([areas[upper.last_row], found["area"][found["label"]]])
        yield RegionStrip(number, runs, regions, areas, number == strips.count - 1)
        upper = runs


def end_of(strip: RegionStrip) -> RegionStrip:
    """The row of nothing that follows the last strip, in which everything ends."""
    runs, width = strip.runs, strip.runs.width
    return RegionStrip(
        strip.number + 1,
        below(runs, nothing_below(runs.stop // width, width)),
        np.append(strip.regions[runs.last_row], NOTHING),
        np.append(strip.areas[runs.last_row], 0),
        True,
    )


def _way_down(strips: Strips, ground: GroundArea) -> None:
    """Tables of the strips: `label` of each run, and by label the `first` pixel and `area` so far.

    `next` is the place of a label among those that are open, or `NOTHING`; `before` has the label
    of each region that was open above.
    """
    upper = nothing_above(strips.width)
    # Of the regions that are open: place by run of the last row, first pixel, area.
    place, first, area = np.array([0]), np.array([NOTHING]), np.array([0])
    for number in range(strips.count):
        own = strips.runs(number)
        runs, opened = below(upper, own), len(first)
        # Nodes are the open regions, then the runs of the strip.
        nodes = np.concatenate([place, opened + np.arange(len(own.starts))])
        node_label, labels = _components(runs, nodes, opened + len(own.starts))
        lengths = own.lengths
        own_area = np.where(own.valid, ground.units(own.rows, own.cols, lengths), 0)
        firsts = np.full(labels, np.iinfo(np.int64).max)
        np.minimum.at(firsts, node_label, np.concatenate([first, own.starts]))
        total = np.zeros(labels, np.int64)
        np.add.at(total, node_label, np.concatenate([area, own_area]))
        label = node_label[opened:]
        firsts[label[~own.valid]] = NOTHING
        going_on, place = np.unique(label[own.last_row], return_inverse=True)
        onward = np.full(labels, NOTHING)
        if number + 1 < strips.count:
            onward[going_on] = np.arange(len(going_on))
        strips.keep_table(
            "regions", number, label=label, first=firsts, area=total, next=onward,
            before=node_label[:opened],
        )  # fmt: skip
        upper, first, area = own, firsts[going_on], total[going_on]


def _way_up(strips: Strips) -> None:
    first = area = np.empty(0, np.int64)
    for number in reversed(range(strips.count)):
        found = strips.table("regions", number)
        going_on = found["next"] != NOTHING
        later = found["next"][going_on]
        found["first"][going_on] = first[later]
        found["area"][going_on] = area[later]
        first, area = found["first"][found["before"]], found["area"][found["before"]]
        strips.keep_table(
            "regions", number, label=found["label"], first=found["first"], area=found["area"]
        )


def _components(runs: Runs, nodes: np.ndarray, count: int) -> tuple[np.ndarray, int]:
    """Label of each of `count` nodes, equal where runs of one class touch; and how many."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    touching = contacts(runs)
    codes = runs.codes
    alike = (codes[touching.upper] == codes[touching.lower]) & runs.valid[touching.lower]
    ends = nodes[touching.upper[alike]], nodes[touching.lower[alike]]
    graph = coo_matrix((np.ones(len(ends[0]), bool), ends), shape=(count, count))
    labels, label = connected_components(graph, directed=False)
    return label, int(labels)
