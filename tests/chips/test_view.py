"""One window of one scene, and what held-out ground hides of it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import distance_transform_cdt

from covermap.chips import view as module
from covermap.chips.view import scenes_by_name
from covermap.core.grid import Window, whole
from covermap.labels.regions import Region
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

SIDE = 96
BOX = tiny_geobox(SIDE, SIDE)


@pytest.fixture(scope="module", params=["blocks", "polygons"])
def run(tmp_path_factory, request):
    cells = scattered(30, SIDE, SIDE, seed=2)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    labels = polygons(tmp_path_factory.mktemp("run") / "a.gpkg", cells, classes, geobox=BOX)
    return prepared([noisy_scene(BOX, invalid=0.1)], labels, by=request.param)


WINDOWS = [Window(0, 0, 32, 32), Window(10, 21, 40, 32), Window(-8, 80, 32, 32)]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_view_is_cut_from_the_whole(run, window):
    view = run.viewer.view("tiny", window)
    scene, everything = run.scenes[0], run.viewer.view("tiny", whole(BOX))
    inner = window.intersection(whole(BOX))
    here, there = inner.relative_to(window).slices, inner.slices
    for name in ("usable", "inside", "counting", "groups"):
        assert np.array_equal(getattr(view, name)[here], getattr(everything, name)[there]), name
    for name in ("index", "labelled", "source"):
        one, other = getattr(view.target, name), getattr(everything.target, name)
        assert np.array_equal(one[here], other[there])
    assert np.array_equal(view.raster.values[(..., *here)], scene.values[(..., *there)])
    codes = run.viewer.codes(run.split.trainings[0].score)
    assert np.array_equal(view.hidden(codes)[here], everything.hidden(codes)[there])
    assert np.array_equal(view.near(codes, 1)[here], everything.near(codes, 1)[there])


def test_beyond_the_scene_nothing_is_inside_usable_or_counted(run):
    view = run.viewer.view("tiny", Window(-8, 80, 32, 32))
    outside = np.ones((32, 32), bool)
    outside[8:, :16] = False
    assert np.array_equal(view.inside, ~outside)
    assert not view.usable[outside].any()
    assert np.all(view.counting[outside] == -1)


def test_of_a_region_only_its_box_is_inside_and_only_its_polygon_labels(run):
    window, box = Window(5, 7, 40, 40), Window(9, 7, 30, 25)
    plain = run.viewer.view("tiny", window)
    row = int(np.bincount(plain.target.source[plain.target.source >= 0]).argmax())
    region = Region(row, box, window)
    viewer = replace(run.viewer, regions={("tiny", window): region}, _kept={})
    view = viewer.view("tiny", window)
    assert np.array_equal(view.inside, region.inside)
    assert not view.usable[~region.inside].any()
    own = plain.target.labelled & (plain.target.source == row)
    assert np.array_equal(view.target.labelled, own)
    assert np.array_equal(view.counting >= 0, (plain.counting >= 0) & own & region.inside)


def test_only_usable_labelled_pixels_count(run):
    view = run.viewer.view("tiny", whole(BOX))
    assert np.array_equal(view.usable, run.scenes[0].valid.all(axis=0))
    assert np.all(view.counting[~(view.usable & view.target.labelled)] == -1)
    assert (view.counting >= 0).sum() > 300


@pytest.mark.parametrize("pixels", [0, 1, 4])
def test_near_ground_is_within_the_buffer_diagonals_included(run, pixels):
    viewer = replace(run.viewer, ground=replace(run.viewer.ground, buffer_px=pixels), _kept={})
    view = viewer.view("tiny", whole(BOX))
    codes = viewer.codes(run.split.trainings[0].score)
    held = np.isin(viewer.ground.standing_on(BOX, run.labels.burn(BOX)), codes)
    assert np.array_equal(view.hidden(codes), held)
    distance = distance_transform_cdt(~held, metric="chessboard")
    assert np.array_equal(view.near(codes, pixels), distance <= pixels)


def test_a_buffer_reaches_in_from_outside_the_window(run):
    codes = run.viewer.codes(run.split.trainings[0].score)
    everything = run.viewer.view("tiny", whole(BOX)).near(codes, run.viewer.ground.buffer_px)
    for row in range(0, SIDE, 8):
        window = Window(row, 8, 8, 8)
        view = run.viewer.view("tiny", window)
        found = view.near(codes, run.viewer.ground.buffer_px)
        assert np.array_equal(found, everything[window.slices])


def test_views_are_kept_under_a_lid(run, monkeypatch):
    first = run.viewer.view("tiny", Window(0, 0, 32, 32))
    assert run.viewer.view("tiny", Window(0, 0, 32, 32)) is first
    monkeypatch.setattr(module, "_KEPT_BYTES", 0)
    viewer = replace(run.viewer, _kept={})
    again = viewer.view("tiny", Window(0, 0, 32, 32))
    assert viewer.view("tiny", Window(0, 0, 32, 32)) is not again
    assert np.array_equal(first.raster.values, again.raster.values)


@pytest.mark.parametrize(
    ("grid", "sliver"),
    [
        ({}, 0),
        ({"crs": 32634}, 2),
        ({"resolution": 20}, 3),
        ({"resolution": 5}, 2),
    ],
)
def test_held_out_ground_is_widened_only_where_pixels_do_not_coincide(run, grid, sliver):
    other = noisy_scene(tiny_geobox(48, 48, **grid), "other")
    viewer = replace(run.viewer, scenes=scenes_by_name([*run.scenes, other]), _kept={})
    view = viewer.view("tiny", Window(0, 0, 32, 32))
    assert view.sliver == pytest.approx(sliver, abs=1)
    assert (view.sliver == 0) == (not grid)
    assert view.margin >= view.sliver


def test_every_part_has_a_bit_of_its_own_or_is_refused():
    bits = module._bits(np.arange(32), np.dtype(np.uint32))
    assert np.array_equal(bits, 2 ** np.arange(32, dtype=np.uint64))
    with pytest.raises(ValueError, match="part 32 has no bit in uint32"):
        module._bits(np.array([3, 32]), np.dtype(np.uint32))
    with pytest.raises(ValueError, match="part 8 has no bit in uint8"):
        module._bits(np.array([8]), np.dtype(np.uint8))
