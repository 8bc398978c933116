"""Law 6, scores: they do not depend on how the ground was cut into windows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.assessment.metrics import metrics_of
from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.legend import Legend

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
