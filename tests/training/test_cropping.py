"""Pieces of chips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.chips.sample import Sample
from covermap.training.cropping import cropped


def chip(side, counted, target=None):
    """A chip whose values are the numbers of its pixels."""
    numbers = np.arange(side * side, dtype=np.float32).reshape(1, side, side)
    target = np.zeros((side, side), np.int64) if target is None else target
    return Sample(numbers, np.ones((side, side), bool), target, counted)


@given(
    side=st.integers(8, 40),
    size=st.integers(1, 8),
    place=st.integers(0, 63),
    seed=st.integers(0, 9),
)
def test_a_piece_is_a_window_of_the_chip_that_shows_a_counted_pixel(side, size, place, seed):
    counted = np.zeros((side, side), bool)
    counted.flat[place] = True
    piece = cropped(chip(side, counted), size, None, np.random.default_rng(seed))
    first = int(piece.values[0, 0, 0])
    row, col = divmod(first, side)
    whole = chip(side, counted)
    assert np.array_equal(piece.values, whole.values[:, row : row + size, col : col + size])
    assert piece.values.shape == (1, size, size)
    assert piece.counted.sum() == 1
    assert piece.target.shape == piece.valid.shape == (size, size)


def test_half_of_the_pieces_show_the_class_that_is_aimed_at():
    target = np.zeros((64, 64), np.int64)
    target[3, 60] = 1
    whole = chip(64, np.ones((64, 64), bool), target)
    rng = np.random.default_rng(0)
    shown = [(cropped(whole, 16, (0.0, 0.5), rng).target == 1).any() for _ in range(400)]
    # Half by aim, and the others by chance: the pixel is in a sixteenth of the places or less.
    assert 0.45 < np.mean(shown) < 0.6


def test_pixels_at_the_edge_are_shown_about_as_often_as_those_in_the_middle():
    whole = chip(32, np.ones((32, 32), bool))
    rng, seen = np.random.default_rng(0), np.zeros(32 * 32)
    for _ in range(4000):
        seen[cropped(whole, 8, None, rng).values.astype(int).ravel()] += 1
    seen = seen.reshape(32, 32)
    assert seen[:4, :].mean() > 0.5 * seen[12:20, 12:20].mean()


@pytest.mark.parametrize("aims", [None, (0.0, 0.0), (0.25, 0.25), (0.5, 0.5)])
def test_a_chip_without_a_counted_pixel_gives_a_piece_all_the_same(aims):
    piece = cropped(chip(16, np.zeros((16, 16), bool)), 8, aims, np.random.default_rng(1))
    assert piece.values.shape == (1, 8, 8)
    assert not piece.counted.any()
