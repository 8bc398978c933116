"""Law 6, scores: they do not depend on how the ground was cut into windows or chips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.assessment.metrics import metrics_of
from covermap.assessment.tally import GroupedTally, Tally
from covermap.chips.settings import ChipSettings
from covermap.core.legend import Legend
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

CLASSES = 4
LEGEND = Legend.of({number: f"class {number}" for number in range(CLASSES)})


@st.composite
def scored_ground(draw):
    """Reference, prediction, which pixels count, and the polygon of each."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (height, width)
    counted = generator.random(shape) < draw(st.floats(0, 1))
    # What stands in pixels that do not count is noise on purpose.
    reference = np.where(counted, generator.integers(CLASSES, size=shape), -9).astype(np.int16)
    prediction = np.where(counted, generator.integers(CLASSES, size=shape), 99).astype(np.int16)
    group = np.where(counted, generator.integers(6, size=shape), -1).astype(np.int32)
    return reference, prediction, counted, group


def cut(layers, size):
    height, width = layers[0].shape
    for top in range(0, height, size):
        for left in range(0, width, size):
            yield tuple(layer[top : top + size, left : left + size] for layer in layers)


@settings(max_examples=60, deadline=None)
@given(scored_ground(), st.integers(1, 45))
def test_windows_of_any_size_add_up_to_the_whole(ground, size):
    whole = GroupedTally.of(*ground, CLASSES)
    windows = [GroupedTally.of(*window, CLASSES) for window in cut(ground, size)]
    summed = sum(windows, start=GroupedTally({}))
    backwards = sum(reversed(windows), start=GroupedTally({}))
    assert summed.groups == whole.groups
    assert metrics_of(summed, LEGEND, LEGEND.names, 0) == metrics_of(
        backwards, LEGEND, LEGEND.names, 0
    )


@settings(max_examples=60, deadline=None)
@given(scored_ground())
def test_each_counted_pixel_is_in_one_cell_of_one_group(ground):
    reference, prediction, counted, group = ground
    grouped = GroupedTally.of(reference, prediction, counted, group, CLASSES)
    assert sum(tally.total for tally in grouped.groups.values()) == counted.sum()
    brute = np.zeros((CLASSES, CLASSES), int)
    for row, column in zip(reference[counted], prediction[counted], strict=True):
        brute[row, column] += 1
    assert Tally.of(reference, prediction, counted, CLASSES) == Tally(brute)


@settings(max_examples=30, deadline=None)
@given(scored_ground())
def test_deleting_what_does_not_count_changes_nothing(ground):
    counted = ground[2]
    kept = tuple(layer[counted] for layer in ground)
    assert GroupedTally.of(*kept, CLASSES) == GroupedTally.of(*ground, CLASSES)


SIDE = 128


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    cells = [*scattered(36, SIDE, SIDE, seed=8), (60, 20, 50, 80)]
    classes = np.resize(["forest", "water", "urban"], len(cells))
    path = tmp_path_factory.mktemp("drawn") / "a.gpkg"
    return polygons(path, cells, classes, geobox=tiny_geobox(SIDE, SIDE))


@pytest.mark.parametrize("by", ["blocks", "polygons"])
@settings(max_examples=5, deadline=None)
@given(
    place=st.sampled_from(["grid", "random", "around-labels", "whole"]),
    stride=st.integers(9, 32),
    count=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_scored_pixels_are_the_same_wherever_chips_lie(drawn, by, place, stride, count, seed):
    scene = noisy_scene(tiny_geobox(SIDE, SIDE), seed=seed, invalid=0.1)
    more = {"stride": stride} if place == "grid" else {"count": count} if place == "random" else {}
    run = prepared([scene], drawn, by=by, folds=2, chips=ChipSettings(place=place, **more))
    target = drawn.burn(scene.geobox)
    counting = run.viewer.ground.counting_in(scene.geobox, target)
    usable = scene.valid.all(axis=0)
    for training in run.split.trainings:
        for share in run.shares(training)[1:]:
            if share is None:
                continue
            times = np.zeros((SIDE, SIDE), int)
            for number, (_, window) in enumerate(share.windows):
                counted = share.counted(share.read(number))
                inner = counted[: SIDE - window.row_off, : SIDE - window.col_off]
                assert inner.sum() == counted.sum()
                times[window.slices] += inner
            codes = run.split.ground.codes(share.count)
            expected = np.isin(counting, codes) & usable
            if not share.hide:
                assert np.array_equal(times, expected.astype(int))
            assert times.max() <= 1
            assert not (times.astype(bool) & ~expected).any()
