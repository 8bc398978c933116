"""Labelled pixels by zones of the ground, to the pixel: blocks of a lattice, or regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.ground import ANY_PART, NO_PART
from covermap.chips.parts import SplitCase
from covermap.chips.scan import CELL, Scan
from covermap.core.grid import Window, whole, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels
from covermap.labels.regions import Region
from covermap.labels.target import Target

# Cells looked at together; a window of a file's size in pixels.
_CELLS = 16

# The number of the zone of each pixel of a window of the named scene, int (H, W).
ZoneOf = Callable[[GeoBox, str], np.ndarray]


@dataclass(frozen=True)
class ZoneCounts:
    """Usable labelled pixels by zone.

    Attributes
    ----------
    zones : ndarray of int64, shape (Z,)
        Numbers of the zones that hold any, in order.
    rows : ndarray of int64, shape (M, 5)
        Place of the scene, place of the zone in `zones`, position of the class, source (-1 without
        one), pixels.
    """

    zones: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, case: SplitCase, zone_of: ZoneOf) -> ZoneCounts:
        """Count the scans of all scenes.

        Cells that lie in one zone are taken as they were counted. Where a border crosses a cell its
        labels are burnt again, and its pixels read where some of them are not usable. Polygons
        that are chips count where their chips show them.
        """
        cropped = _cropped(case.regions)
        elsewhere = sorted({region.row for own in cropped.values() for region in own})
        found = [np.empty((0, 5), dtype=np.int64)]
        for place, (scene, item) in enumerate(zip(case.scenes, case.scans, strict=True)):
            held = [
                _held(scene, item, case.labels, window, rows, zone_of)
                for window, rows in _windows(item)
            ]
            held = [rows[~np.isin(rows[:, 2], elsewhere)] for rows in held]
            held += [
                _shown(scene, item, case.labels, region, zone_of)
                for region in cropped.get(scene.name, ())
            ]
            found += [np.column_stack([np.full(len(rows), place), rows]) for rows in held]
        table = np.concatenate(found)
        zones, table[:, 1] = np.unique(table[:, 1], return_inverse=True)
        return cls(zones, table)

    def by_class(self, classes: int) -> np.ndarray:
        """Pixels of each class in each zone, int64 (Z, K)."""
        return _by_class(self.rows, len(self.zones), classes)

    def home(self, sources: int, outside: int | None = None) -> np.ndarray:
        """Place of the zone that holds most of each source, int64 (sources + 1,); -1 unseen.

        The last entry, for pixels without a source, is -2. The zone with number `outside` is no
        home.
        """
        home = np.full(sources + 1, NO_PART, dtype=np.int64)
        home[-1] = ANY_PART
        rows = self._drawn()
        if outside is not None:
            rows = rows[self.zones[rows[:, 1]] != outside]
        pairs, pixels = _sums(rows[:, [3, 1]], rows[:, 4])
        # The heaviest zone of each comes last, ties in order of zone.
        order = np.lexsort((-pairs[:, 1], pixels, pairs[:, 0]))
        home[pairs[order, 0]] = pairs[order, 1]
        return home

    def at_home(self, home: np.ndarray) -> np.ndarray:
        """Rows of pixels that count when each source counts at home only; -2 is at home anywhere.

        Bool (M,).
        """
        wanted = home[self.rows[:, 3]]
        return np.asarray((wanted == ANY_PART) | (wanted == self.rows[:, 1]))

    def counting(self, home: np.ndarray, classes: int) -> np.ndarray:
        """Pixels of each class in each zone, int64 (Z, K), of the rows that are `at_home`."""
        return _by_class(self.rows[self.at_home(home)], len(self.zones), classes)

    def extent(self, sources: int, pixel: np.ndarray) -> np.ndarray:
        """Ground of each source that some scene shows, float64 (sources,).

        Scenes may show the same ground: of each zone what one of them shows counts, the most.

        Parameters
        ----------
        sources : int
        pixel : ndarray of float, shape (N,)
            Ground of a pixel of each scene.
        """
        rows = self._drawn()
        by_scene, pixels = _sums(rows[:, [3, 1, 0]], rows[:, 4])
        pairs, place = np.unique(by_scene[:, :2], axis=0, return_inverse=True)
        most = np.zeros(len(pairs))
        np.maximum.at(most, place.ravel(), pixels * pixel[by_scene[:, 2]])
        return np.bincount(pairs[:, 0], weights=most, minlength=sources)

    def _drawn(self) -> np.ndarray:
        return self.rows[self.rows[:, 3] >= 0]


def _sums(keys: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of keys, each once, and the sum of the pixels of each."""
    found, place = np.unique(keys, axis=0, return_inverse=True)
    return found, np.bincount(place.ravel(), weights=pixels, minlength=len(found))


def _by_class(rows: np.ndarray, zones: int, classes: int) -> np.ndarray:
    counts = np.zeros((zones, classes), dtype=np.int64)
    np.add.at(counts, (rows[:, 1], rows[:, 2]), rows[:, 4])
    return counts


def _windows(item: Scan) -> Iterator[tuple[Window, np.ndarray]]:
    """Windows of 16 x 16 cells that hold labels, and the rows of the counts in each."""
    if not len(item.counts):
        return
    corners, place = np.unique(item.counts[:, :2] // _CELLS, axis=0, return_inverse=True)
    order = np.argsort(place.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(place.ravel()))
    side = _CELLS * CELL
    for (row, col), rows in zip(corners.tolist(), np.split(order, ends[:-1]), strict=True):
        yield Window(row * side, col * side, side, side), rows


def _held(
    scene: Scene, item: Scan, labels: Labels, window: Window, rows: np.ndarray, zone_of: ZoneOf
) -> np.ndarray:
    """Zone, class, source and pixels of what a window holds, int64 (M, 4)."""
    zones = zone_of(window_geobox(scene.geobox, window), scene.name)
    lone, mixed = _zones_of_cells(zones)
    counts = item.counts[rows]
    cells = tuple((counts[:, :2] - (window.row_off // CELL, window.col_off // CELL)).T)
    crossed = mixed[cells]
    plain = np.column_stack([lone[cells], counts[:, 2:]])[~crossed]
    if not crossed.any():
        return plain
    chosen = np.zeros((_CELLS, _CELLS), dtype=bool)
    chosen[tuple(axis[crossed] for axis in cells)] = True
    usable = int(counts[crossed, 4].sum())
    return np.concatenate([plain, _crossed(scene, item, labels, window, zones, chosen, usable)])


def _zones_of_cells(zones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zone of the first pixel of each cell of a window, and whether the cell holds others."""
    cells = zones.reshape(_CELLS, CELL, _CELLS, CELL).swapaxes(1, 2).reshape(_CELLS, _CELLS, -1)
    return cells[..., 0], (cells != cells[..., :1]).any(axis=-1)


def _crossed(
    scene: Scene,
    item: Scan,
    labels: Labels,
    window: Window,
    zones: np.ndarray,
    cells: np.ndarray,
    usable: int,
) -> np.ndarray:
    """Of the chosen cells of a window, zone, class, source and pixels, int64 (M, 4).

    `usable` is how many labelled pixels of these cells are.
    """
    cut = window.intersection(whole(scene.geobox))
    assert cut is not None
    inside = cut.relative_to(window).slices
    target = labels.burn(window_geobox(scene.geobox, cut), scene.name)
    chosen = np.kron(cells, np.ones((CELL, CELL), dtype=bool))[inside] & target.labelled
    if int(chosen.sum()) != usable:
        chosen &= scene.usable(scene.read(item.channels, cut))
    return _counted(zones[inside], target, chosen)


def _cropped(regions: Mapping[tuple[str, Window], Region]) -> dict[str, list[Region]]:
    """By scene, polygons that may be larger than what a chip shows: as large as chips can be."""
    height = max((region.box.height for region in regions.values()), default=0)
    width = max((region.box.width for region in regions.values()), default=0)
    found = {
        region.row
        for region in regions.values()
        if region.box.height == height or region.box.width == width
    }
    by_scene: dict[str, list[Region]] = {}
    for (name, _), region in regions.items():
        if region.row in found:
            by_scene.setdefault(name, []).append(region)
    return by_scene


def _shown(scene: Scene, item: Scan, labels: Labels, region: Region, zone_of: ZoneOf) -> np.ndarray:
    """Of what the chip of a polygon shows of it, zone, class, source and pixels, int64 (M, 4)."""
    box = window_geobox(scene.geobox, region.box)
    target = region.own(labels.burn(box, scene.name))
    chosen = target.labelled & scene.usable(scene.read(item.channels, region.box))
    return _counted(zone_of(box, scene.name), target, chosen)


def _counted(zones: np.ndarray, target: Target, chosen: np.ndarray) -> np.ndarray:
    """Zone, class, source and pixels of each kind of chosen pixel, int64 (M, 4)."""
    keys = [zones[chosen], target.index[chosen], target.source[chosen]]
    # One number for all three sorts far faster than rows of three.
    values, places = zip(*(np.unique(key, return_inverse=True) for key in keys), strict=True)
    shape = tuple(len(own) for own in values)
    kinds, pixels = np.unique(np.ravel_multi_index(places, shape), return_counts=True)
    found = [own[at] for own, at in zip(values, np.unravel_index(kinds, shape), strict=True)]
    return np.column_stack([*found, pixels]).astype(np.int64)
