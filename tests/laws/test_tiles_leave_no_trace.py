"""Law 7: a map made by tiles equals the map of the whole scene in one pass.

The names D1 ... D47 are defects of other programs that must not be found here.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.errors import ProjectError
from covermap.mapping.blending import ramp_weights
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import plan_tiles, plan_whole_tiles, smallest_tile
from oracle_predictors import Constant, Convolutions, Echo, blended, in_one_pass, tiny_bundle
from tiny import ArrayScene, tiny_geobox

law = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def plans(draw):
    if draw(st.booleans()):
        side = draw(st.sampled_from([32, 64, 96, 128]))
        return plan_whole_tiles((draw(st.integers(1, 400)), draw(st.integers(1, 400))), side)
    stride = draw(st.sampled_from([1, 2, 4, 8, 32]))
    halo = draw(st.integers(0, 40))
    tile = smallest_tile(halo, stride) + stride * draw(st.integers(0, 12))
    shape = (draw(st.integers(1, 3 * tile)), draw(st.integers(1, 3 * tile)))
    return plan_tiles(shape, tile, halo, stride)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(plans())
def test_weights_sum_to_one_everywhere_also_in_the_corners_d1_d2_d4(plan):
    for axis in (plan.rows, plan.cols):
        total = np.full(axis.span, 0, np.float64)
        for number in range(axis.count):
            start = axis.core_start(number) - axis.first
            total[start : start + axis.core(number)] += ramp_weights(axis, number)
        begin = -axis.core_start(0)
        assert begin >= 0
        assert begin + axis.length <= axis.span
        np.testing.assert_allclose(total, 1, atol=1e-6)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(plans())
def test_every_pixel_is_completed_exactly_once_d3_d4_d8_d12(plan):
    for axis in (plan.rows, plan.cols):
        times = np.zeros(axis.length, int)
        for number in range(axis.count):
            start = axis.core_start(number)
            times[max(0, start) : max(0, start + axis.completed(number))] += 1
        assert (times == 1).all()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(plans())
def test_no_tile_is_computed_for_nothing_d14(plan):
    for axis in (plan.rows, plan.cols):
        last = axis.count - 1
        # The last tile completes pixels that the one before it could not.
        assert last == 0 or axis.core_start(last) + axis.ramp < axis.length


@law
@given(plans())
def test_a_constant_answer_stays_constant_to_the_last_corner_d1_d2(plan):
    values = np.zeros((1, plan.rows.length, plan.cols.length), np.float32)
    predictor = Constant(shares=(0.1, 0.7, 0.2), stride=1, halo=plan.rows.halo)
    result = blended(plan, predictor, values)
    expected = np.broadcast_to(np.array([0.1, 0.7, 0.2])[:, None, None], result.shape)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_half_precision_answers_are_added_up_in_full_precision_d5():
    plan = plan_tiles((150, 170), 32, 4, 4)
    values = np.zeros((1, 150, 170), np.float32)
    shares = (0.25, 0.5, 0.25)
    half = blended(plan, Constant(shares, halo=4, dtype="float16"), values)
    full = blended(plan, Constant(shares, halo=4), values)
    assert half.dtype == np.float32
    np.testing.assert_array_equal(half, full)


@law
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    tile=st.sampled_from([32, 36, 40, 48, 64, 100]),
    seed=st.integers(0, 5),
)
def test_a_network_by_tiles_equals_the_network_in_one_pass(height, width, tile, seed):
    values = np.random.default_rng(seed).normal(size=(2, height, width)).astype(np.float32)
    network = Convolutions(seed=seed)
    plan = plan_tiles((height, width), tile, network.halo, network.stride)
    expected = in_one_pass(network, values)
    np.testing.assert_allclose(blended(plan, network, values), expected, atol=2e-5)


def test_without_enough_halo_tiles_would_leave_a_trace():
    values = np.random.default_rng(0).normal(size=(2, 150, 150)).astype(np.float32)
    network = Convolutions(halo=0)
    plan = plan_tiles((150, 150), 48, 0, 4)
    network.halo = 12
    expected = in_one_pass(network, values)
    assert np.abs(blended(plan, network, values) - expected).max() > 1e-2


@pytest.mark.parametrize("tile", ["auto", 64, 256])
def test_a_network_that_sees_everything_is_shown_what_it_was_validated_on(tmp_path, tile):
    values = np.random.default_rng(0).normal(size=(2, 150, 170))
    scene = ArrayScene(values, None, tiny_geobox(150, 170), ("B02", "B03"))
    predictor = Constant(stride=32, halo=127)
    bundle = tiny_bundle(sees_everything=True)
    map_scene(scene, bundle, predictor, tmp_path / "map.tif", MapSettings(tile=tile))
    assert {batch.shape[2:] for batch in predictor.seen} == {(64, 64)}
    assert predictor.tiles == 3 * 4, "three rows of four, nothing more"


def test_a_network_that_sees_everything_hands_over_smoothly():
    """A ramp of brightness, answered as its mean in the tile, has no step wider than a tile's."""

    class Mean(Constant):
        def probabilities(self, values):
            share = np.broadcast_to(values.mean((1, 2, 3))[:, None, None, None], (1, 1, 64, 64))
            return np.concatenate([share, 1 - share], 1).astype(np.float32)

    values = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (1, 80, 1))
    result = blended(plan_whole_tiles((80, 300), 64), Mean(shares=(0.5, 0.5)), values)
    # Tiles stand at most 48 px apart and hand over along 16 px or more.
    assert np.abs(np.diff(result[0, 40])).max() < 1.05 * 48 / 300 / 16


def test_tiles_below_the_validated_size_are_refused(tmp_path):
    scene = ArrayScene(np.zeros((2, 90, 90)), None, tiny_geobox(90, 90), ("B02", "B03"))
    bundle = dataclasses.replace(tiny_bundle(sees_everything=True), chip_size=96)
    with pytest.raises(ProjectError, match="tile: 64 is less than the chips of 96 px"):
        map_scene(scene, bundle, Constant(), tmp_path / "map.tif", MapSettings(tile=64))


@pytest.mark.parametrize("kind", ["north_up", "south_up", "rotated", "geographic", "picture"])
@pytest.mark.parametrize("shape", [(64, 64), (63, 65), (131, 97), (40, 20), (1, 1)])
def test_written_maps_by_tiles_equal_the_network_in_one_pass(tmp_path, kind, shape):
    geobox = tiny_geobox(
        *shape,
        crs={"geographic": 4326, "picture": None}.get(kind, 32633),
        south_up=kind == "south_up",
        rotated=kind == "rotated",
    )
    values = np.random.default_rng(1).normal(size=(2, *shape)).astype(np.float32)
    network = Convolutions(seed=1)
    scene = ArrayScene(values, None, geobox, ("B02", "B03"))
    chosen = MapSettings(outputs=("probability",), tile=64)
    result = map_scene(scene, tiny_bundle(), network, tmp_path / "map.tif", chosen)
    expected = in_one_pass(network, values)
    with rasterio.open(result.paths["probability"]) as dataset:
        assert dataset.transform.almost_equals(geobox.affine)
        percent = dataset.read().astype(float)
    assert np.abs(percent - 100 * expected).max() <= 0.5 + 1e-2
    with rasterio.open(result.paths["class"]) as dataset:
        ids = dataset.read(1)
    ordered = np.sort(expected, axis=0)
    decided = ordered[-1] - ordered[-2] > 1e-4
    np.testing.assert_array_equal(ids[decided], expected.argmax(axis=0)[decided])


@law
@given(height=st.integers(1, 140), width=st.integers(1, 140), tile=st.sampled_from([64, 96]))
def test_every_pixel_keeps_its_place(tmp_path_factory, height, width, tile):
    rows, cols = np.mgrid[:height, :width]
    truth = (rows * 7 + cols * 3 + rows * cols) % 3
    scene = ArrayScene(truth[None], None, tiny_geobox(height, width), ("B02",))
    out = tmp_path_factory.mktemp("echo") / "map.tif"
    bundle = tiny_bundle(("B02",), first_id=5)
    map_scene(scene, bundle, Echo(), out, MapSettings(tile=tile))
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(dataset.read(1), truth + 5)
