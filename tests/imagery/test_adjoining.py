"""Tiles that adjoin are found as by asking each of all others, but without asking them all."""

import datetime
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, same_lattice, whole
from covermap.imagery import adjoining as module
from covermap.imagery.adjoining import adjoining
from covermap.imagery.file_scene import FileScene
from covermap.imagery.mosaic import joined
from covermap.imagery.raster import Band
from covermap.imagery.sources import BandSource
from tiny import tiny_geobox


def tile(geobox, date=None, band="red"):
    source = BandSource(Band(band, "dn", None, 10), Path("tile.tif"), 1, geobox)
    return FileScene("tile", date, geobox, (source,))


def moved(box, rows, cols, height, width):
    affine = box.affine @ Affine.translation(cols, rows)
    return GeoBox((height, width), affine, box.crs)


def belong(one, other):
    """Whether two tiles touch on one lattice, and whether one lies mostly on the other."""
    corner = same_lattice(one.geobox, other.geobox, 0.01)
    if one.geobox.crs is None or corner is None:
        return False, False
    mine, its = whole(one.geobox), Window(*corner, *other.geobox.shape)
    common = mine.intersection(its)
    shared = 0 if common is None else common.height * common.width
    smaller = min(mine.height * mine.width, its.height * its.width)
    return mine.expanded(1).intersection(its) is not None, shared > smaller / 2


def by_hand(scenes):
    """The groups, each new scene compared with all tiles of all groups."""
    groups = []
    for number, scene in enumerate(scenes):
        friends = []
        for group in groups:
            first = scenes[group[0]]
            if (scene.date, scene.bands) == (first.date, first.bands):
                found = [belong(scene, scenes[other]) for other in group]
                if any(near for near, _ in found) and not any(covers for _, covers in found):
                    friends.append(group)
        groups = [group for group in groups if group not in friends]
        groups.append([other for group in friends for other in group] + [number])
    return sorted(sorted(group) for group in groups)


@pytest.mark.parametrize("grid", [{}, {"rotated": True}, {"south_up": True}, {"crs": 4326}])
@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_comparing_all_with_all(grid, seed):
    random = np.random.default_rng(seed)
    box = tiny_geobox(8, 8, **grid)
    scenes = []
    for _ in range(40):
        rows, cols, height, width = random.integers([0, 0, 3, 3], [60, 60, 20, 20]).tolist()
        shift = 0.5 * (random.random() < 0.1)
        date = datetime.date(2020, 1, 1) if random.random() < 0.2 else None
        band = "nir" if random.random() < 0.1 else "red"
        scenes.append(tile(moved(box, rows + shift, cols, height, width), date, band))
    scenes += [tile(tiny_geobox(8, 8, crs=None))] * 2
    groups = by_hand(scenes)
    assert adjoining(scenes) == groups
    assert len(groups) < len(scenes)


@pytest.mark.parametrize(("step", "groups"), [(8, 1), (20, 400)])
def test_tiles_are_not_asked_of_all_others(monkeypatch, step, groups):
    asked = []
    monkeypatch.setattr(module, "same_lattice", lambda *grids: asked.append(grids) or (0, 0))
    box = tiny_geobox(8, 8)
    places = np.ndindex(20, 20)
    scenes = [tile(moved(box, row * step, col * step, 8, 8)) for row, col in places]
    assert len(adjoining(scenes)) == groups
    assert len(asked) <= 2 * len(scenes)


def test_tiles_that_drift_from_each_other_by_rounding_are_joined():
    box = tiny_geobox(8, 8)
    order = [1, 2, 0]
    scenes = [tile(moved(box, 0, 8.008 * number, 8, 8)) for number in order]
    (mosaic,) = joined(scenes)
    assert mosaic.geobox.shape == (8, 24)
