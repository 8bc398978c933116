"""Counts by zone are what counting pixel by pixel gives."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covermap.chips.parts import SplitCase
from covermap.chips.scan import scan
from covermap.chips.settings import SplitSettings
from covermap.chips.zones import ZoneCounts
from drawings import polygons, scattered
from prepared import CHANNELS, noisy_scene
from small_pictures import Everywhere
from tiny import tiny_geobox

BOX = tiny_geobox(130, 600)


def stripes(step, south, first=0):
    """Zones of slanted stripes, over rows and columns of `BOX`."""

    def zone_of(geobox, name):
        move = ~BOX.affine @ geobox.affine
        rows, cols = np.indices(geobox.shape)
        return (cols + round(move.c) + south * (rows + round(move.f))) // step + first

    return zone_of


def by_pixel(scene, labels, zone_of):
    target = labels.burn(BOX, scene.name)
    counted = target.labelled & scene.valid.all(axis=0)
    keys = [array[counted] for array in (zone_of(BOX, ""), target.index, target.source)]
    rows, pixels = np.unique(np.column_stack(keys), axis=0, return_counts=True)
    return dict(zip(map(tuple, rows.tolist()), pixels.tolist(), strict=True))


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    step=st.integers(20, 200),
    south=st.integers(0, 2),
    first=st.integers(-9, 9),
    invalid=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 99),
    dense=st.booleans(),
)
def test_counts_by_zone_are_exact(tmp_path_factory, step, south, first, invalid, seed, dense):
    labels = Everywhere()
    if not dense:
        cells = scattered(50, 130, 600, seed)
        path = tmp_path_factory.mktemp("drawn") / "a.gpkg"
        labels = polygons(path, cells, np.resize(["a", "b", "c"], 50), geobox=BOX)
    scenes = [noisy_scene(BOX, f"s{n}", seed + n, invalid * n) for n in range(2)]
    scans = [scan(scene, labels, CHANNELS) for scene in scenes]
    case = SplitCase(scenes, scans, labels, SplitSettings(), 64, 0)
    zone_of = stripes(step, south, first)
    found = ZoneCounts.of(case, zone_of)
    for place, scene in enumerate(scenes):
        own = found.rows[found.rows[:, 0] == place]
        told = {}
        for _, zone, index, source, pixels in own.tolist():
            key = (int(found.zones[zone]), index, source)
            told[key] = told.get(key, 0) + pixels
        assert told == by_pixel(scene, labels, zone_of)


def test_ground_shown_by_several_scenes_counts_once():
    rows = [[0, 0, 0, 0, 60], [1, 0, 0, 0, 50], [1, 1, 0, 0, 30], [2, 1, 0, 0, 10], [2, 0, 0, 1, 7]]
    counts = ZoneCounts(np.arange(2), np.asarray(rows))
    assert counts.extent(3, np.ones(3)).tolist() == [90, 7, 0]
    assert counts.extent(3, np.array([1, 1, 4])).tolist() == [100, 28, 0]


@pytest.mark.parametrize(("outside", "home"), [(None, [0, 1, -1, -2]), (5, [1, 1, -1, -2])])
def test_a_source_is_at_home_where_most_of_it_lies(outside, home):
    rows = [[0, 0, 0, 0, 60], [0, 1, 0, 0, 40], [1, 1, 0, 0, 15], [0, 1, 0, 1, 3], [0, 0, 0, -1, 9]]
    counts = ZoneCounts(np.array([5, 8]), np.asarray(rows))
    assert counts.home(3, outside).tolist() == home
