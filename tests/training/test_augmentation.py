"""Flips and quarter turns."""

import numpy as np
import pytest

from covermap.chips.sample import Sample
from covermap.training.augmentation import augmented, turned


def chip(size=6):
    number = np.arange(size * size).reshape(size, size)
    return Sample(
        values=np.stack([number, -number]).astype(np.float32),
        valid=number % 3 > 0,
        target=number.astype(np.int64),
        counted=number % 2 > 0,
    )


def test_everything_moves_together():
    for turns in range(4):
        for flip in (False, True):
            moved = turned(chip(), turns, flip)
            np.testing.assert_array_equal(moved.values[0], moved.target)
            np.testing.assert_array_equal(moved.values[1], -moved.target)
            np.testing.assert_array_equal(moved.valid, moved.target % 3 > 0)
            np.testing.assert_array_equal(moved.counted, moved.target % 2 > 0)
            assert moved.values.dtype == np.float32


def test_no_turn_and_no_flip_change_nothing():
    np.testing.assert_array_equal(turned(chip(), 0, flip=False).target, chip().target)


def test_a_quarter_turn_goes_counter_clockwise():
    assert turned(chip(), 1, flip=False).target[0, 0] == chip().target[0, -1]
    assert turned(chip(), 0, flip=True).target[0, 0] == chip().target[0, -1]


def test_all_eight_symmetries_are_drawn_alike():
    drawn = [augmented(chip(), 0, epoch, 0).target.tobytes() for epoch in range(800)]
    counts = {item: drawn.count(item) for item in drawn}
    assert len(counts) == 8
    assert min(counts.values()) > 60


@pytest.mark.parametrize("other", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_the_draw_depends_on_seed_epoch_and_place(other):
    def draws(seed, epoch, place):
        return [
            augmented(chip(), seed, epoch + 10 * n, place + 10 * n).target.tobytes()
            for n in range(12)
        ]

    assert draws(0, 0, 0) == draws(0, 0, 0)
    assert draws(0, 0, 0) != draws(*other)
