"""Which tiles adjoin: each is compared with those that lie beside it, not with all."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import same_lattice
from covermap.imagery.file_scene import FileScene, comparable_bands

# Of a pixel: tiles that one picture was cut into agree better than this.
TOLERANCE = 0.01
_LARGEST_OVERLAP = 0.5


@dataclass(frozen=True)
class Beside:
    """Earlier scenes that are near one, by their numbers.

    `touching` have the same lattice and touch or overlap it; `covering` lie mostly on it, or it on
    them.
    """

    touching: list[int]
    covering: list[int]


@dataclass
class _Group:
    """Scenes put together: their numbers, the one that stood for them first, the last to come."""

    members: list[int]
    first: int
    last: int


def adjoining(scenes: Sequence[FileScene]) -> list[list[int]]:
    """Numbers of the scenes that belong together, groups and numbers in order.

    Those have the same lattice, bands and date and touch each other without one lying mostly (more
    than half) on another.
    """
    home: list[_Group] = []
    for number, beside in enumerate(_beside(scenes)):
        own = _Group([number], number, number)
        home.append(own)
        covered = {id(home[other]) for other in beside.covering}
        near = {id(home[other]): home[other] for other in beside.touching}
        friends = sorted(
            (
                group
                for key, group in near.items()
                if key not in covered and _on_lattice(scenes[group.first], scenes[number])
            ),
            key=lambda group: group.last,
        )
        if friends:
            _merge([*friends, own], home)
    groups = {id(group): sorted(group.members) for group in home}
    return list(groups.values())


def _merge(groups: Sequence[_Group], home: list[_Group]) -> None:
    """Put the smaller groups into the largest one."""
    largest = max(groups, key=lambda group: len(group.members))
    for group in groups:
        if group is not largest:
            largest.members += group.members
            for member in group.members:
                home[member] = largest
    largest.first, largest.last = groups[0].first, groups[-1].last


def _on_lattice(one: FileScene, other: FileScene) -> bool:
    return same_lattice(one.geobox, other.geobox, TOLERANCE) is not None


def _beside(scenes: Sequence[FileScene]) -> Iterator[Beside]:
    """What lies beside each scene among those before it with its CRS, date and bands."""
    alike: dict[Hashable, list[int]] = {}
    keys = _keys(scenes)
    for number, key in enumerate(keys):
        alike.setdefault(key, []).append(number)
    layouts = {
        key: _Layout.of(numbers, [scenes[number].geobox for number in numbers])
        for key, numbers in alike.items()
        if key is not None and len(numbers) > 1
    }
    for number, key in enumerate(keys):
        yield layouts[key].beside(number) if key in layouts else Beside([], [])


def _keys(scenes: Sequence[FileScene]) -> list[Hashable]:
    """What scenes must have in common; None without a CRS, where nothing tells what adjoins."""
    # One CRS may be written in several ways.
    written: dict[str, int] = {}
    known: list[Any] = []
    keys: list[Hashable] = []
    for scene in scenes:
        crs = scene.geobox.crs
        if crs is None:
            keys.append(None)
            continue
        text = str(crs)
        if text not in written:
            written[text] = next((n for n, other in enumerate(known) if other == crs), len(known))
            known += [crs] if written[text] == len(known) else []
        keys.append((written[text], scene.date, comparable_bands(scene)))
    return keys


@dataclass(frozen=True)
class _Layout:
    """Grids of one CRS, searched by place.

    Attributes
    ----------
    numbers : ndarray of int, shape (N,)
        What the grids are called by, ascending.
    affines : ndarray of float64, shape (N, 6)
        a, b, c, d, e, f of each grid.
    shapes : ndarray of int, shape (N, 2)
    tree : STRtree
        Of the grids' outlines, widened by some pixels.
    """

    numbers: np.ndarray
    affines: np.ndarray
    shapes: np.ndarray
    tree: Any

    @classmethod
    def of(cls, numbers: Sequence[int], boxes: Sequence[GeoBox]) -> _Layout:
        import shapely

        affines = np.asarray([tuple(box.affine)[:6] for box in boxes])
        # Rounding must not hide that pixels touch.
        wider = 2 * np.abs(affines[:, [0, 1, 3, 4]]).sum(axis=1)
        left, bottom, right, top = np.asarray([box.boundingbox.bbox for box in boxes]).T
        outlines = shapely.box(left - wider, bottom - wider, right + wider, top + wider)
        shapes = np.asarray([box.shape for box in boxes])
        return cls(np.asarray(numbers), affines, shapes, shapely.STRtree(outlines))

    def beside(self, number: int) -> Beside:
        """What lies beside a grid among those before it."""
        place = int(np.searchsorted(self.numbers, number))
        near = self.tree.query(self.tree.geometries[place])
        near = np.sort(near[near < place])
        if not len(near):
            return Beside([], [])
        corner, same = self._corners(place, near)
        size, sizes = self.shapes[place], self.shapes[near]
        common = np.minimum(size, corner + sizes) - np.maximum(0, corner)
        pixels = np.where((common > 0).all(axis=1), common.prod(axis=1), 0)
        covering = same & (pixels > _LARGEST_OVERLAP * np.minimum(size.prod(), sizes.prod(axis=1)))
        touching = same & ((np.minimum(size + 1, corner + sizes) - np.maximum(-1, corner)) > 0).all(
            axis=1
        )
        found = self.numbers[near]
        return Beside(found[touching].tolist(), found[covering].tolist())

    def _corners(self, place: int, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of the corners of grids on another, and which share its lattice.

        As `same_lattice` tells them of two.
        """
        own, others = _matrices(self.affines[[place]])[0], _matrices(self.affines[near])
        steps = np.linalg.solve(own, others)
        exact = steps[:, [1, 0], 2]
        corner = np.rint(exact)
        largest = np.maximum(self.shapes[place].max(), self.shapes[near].max(axis=1))
        scale = np.abs(steps[:, :2, :2] - np.eye(2)).max(axis=(1, 2))
        off = np.abs(exact - corner).max(axis=1)
        return corner.astype(np.int64), (scale <= TOLERANCE / largest) & (off <= TOLERANCE)


def _matrices(affines: np.ndarray) -> np.ndarray:
    """Affine transformations (N, 6) as matrices (N, 3, 3)."""
    last = np.broadcast_to([0.0, 0.0, 1.0], (len(affines), 1, 3))
    return np.concatenate([affines.reshape(-1, 2, 3), last], axis=1)
