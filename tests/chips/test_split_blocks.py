"""Blocks hold what lies in them, and no polygon that fits into one is in two parts."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from covermap.chips.ground import ANY_PART
from covermap.chips.parts import SplitCase
from covermap.chips.scan import scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split import split_ground
from covermap.chips.view import Viewer, scenes_by_name
from covermap.core.grid import Window, window_geobox
from covermap.labels.regions import regions_by_window
from covermap.labels.settings import RegionSettings
from drawings import polygons, scattered, stripes
from prepared import CHANNELS, noisy_scene
from tiny import tiny_geobox

SIZE = 64
NAMES = ["forest", "water", "urban"]


def case_of(scenes, labels, size=SIZE, chips=None, **split):
    scans = [scan(scene, labels, CHANNELS) for scene in scenes]
    settings = SplitSettings(**split)
    return SplitCase(scenes, scans, labels, settings, size, 0, regions=chips or {})


def drawn(folder, cells):
    classes = np.resize(NAMES, len(cells))
    return polygons(folder / "a.gpkg", cells, classes, geobox=tiny_geobox(192, 192))


def parts_of(ground, labels, scenes):
    """The parts in which each polygon counts, over all scenes."""
    parts = [set() for _ in range(labels.sources)]
    for scene in scenes:
        target = labels.burn(scene.geobox, scene.name)
        counting = ground.counting_in(scene.geobox, target, scene.name)
        for source in np.unique(target.source[counting >= 0]):
            parts[source] |= set(counting[(target.source == source) & (counting >= 0)].tolist())
    return parts


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 999),
    dates=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=5),
)
def test_a_polygon_that_fits_into_a_block_is_in_one_part_however_many_scenes_show_it(
    tmp_path_factory, seed, dates
):
    cells = scattered(40, 192, 192, seed, least=20, most=32)
    labels = drawn(tmp_path_factory.mktemp("drawn"), cells)
    box = tiny_geobox(192, 192)
    scenes = [
        noisy_scene(window_geobox(box, Window(row, col, 192, 192)), f"d{n}", n, invalid=0.05)
        for n, (row, col) in enumerate([(0, 0), *dates])
    ]
    ground = split_ground(case_of(scenes, labels, 32, by="blocks")).ground
    assert max(map(len, parts_of(ground, labels, scenes))) == 1


def test_a_polygon_of_two_tiles_is_as_large_as_both_parts(tmp_path):
    large = (10, 20, 50, 150)
    labels = drawn(tmp_path, [large, *scattered(30, 192, 192, 3)])
    box = tiny_geobox(192, 192)
    tiles = [noisy_scene(window_geobox(box, Window(0, col, 192, 96)), f"t{col}") for col in (0, 96)]
    ground = split_ground(case_of(tiles, labels, by="blocks")).ground
    assert ground.part_of_source[0] == ANY_PART


@pytest.mark.parametrize("asked", [{}, {"size": 32}, {"size": 32, "anchor": "centre"}], ids=str)
@pytest.mark.parametrize("by", ["blocks", "random", "region"])
def test_a_polygon_that_is_a_chip_is_never_cut_and_counts_where_it_is_shown(tmp_path, by, asked):
    large = [(10, 10, 90, 90), (100, 20, 80, 99), (60, 110, 20, 75)]
    labels = drawn(tmp_path, [*large, *scattered(30, 192, 192, 3)])
    scenes = [noisy_scene(tiny_geobox(192, 192), f"d{n}", n) for n in range(3)]
    grids = {scene.name: scene.geobox for scene in scenes}
    regions = regions_by_window(labels.table.geometry, grids, RegionSettings(**asked))
    split = {"by": by}
    if by == "region":
        split["regions"] = str(stripes(tmp_path / "r.gpkg", scenes[0].geobox, 8))
    free, whole = (
        split_ground(case_of(scenes, labels, 32, chips, **split)).ground for chips in ({}, regions)
    )
    assert max(map(len, parts_of(free, labels, scenes))) > 1
    assert max(map(len, parts_of(whole, labels, scenes))) == 1
    viewer = Viewer(scenes_by_name(scenes), labels, CHANNELS, whole, regions)
    for (name, window), region in regions.items():
        view = viewer.view(name, window)
        assert not view.target.labelled.any() or (view.counting >= 0).any(), region.row


ORIGIN = tiny_geobox(96, 96)
OTHERS = {
    "half a cell aside": GeoBox((150, 170), ORIGIN.affine @ Affine.translation(16, 48), 32633),
    "part of a pixel": GeoBox((160, 130), ORIGIN.affine @ Affine.translation(0.3, -7.6), 32633),
    "coarser": GeoBox((60, 66), ORIGIN.affine @ Affine.scale(2.5), "EPSG:32633"),
    "turned": GeoBox((90, 90), ORIGIN.affine @ Affine.rotation(30), "EPSG:32633"),
    "degrees": tiny_geobox(192, 192).to_crs("EPSG:4326"),
}


@pytest.mark.parametrize("invalid", [0.0, 0.2])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_no_labelled_pixel_is_lost_between_lattices(tmp_path, other, invalid):
    labels = drawn(tmp_path, scattered(60, 192, 192, 5))
    scenes = [noisy_scene(ORIGIN, "first"), noisy_scene(other, "other", 1, invalid)]
    ground = split_ground(case_of(scenes, labels, by="random")).ground
    for scene in scenes:
        target = labels.burn(scene.geobox, scene.name)
        counting = ground.counting_in(scene.geobox, target, scene.name)
        usable = target.labelled & scene.valid.all(axis=0)
        assert usable.sum() > 250
        assert (counting[usable] >= 0).all()
