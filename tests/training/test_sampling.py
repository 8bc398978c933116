"""Which chips an epoch is made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from covermap.chips.sample import Sample
from covermap.core.errors import ModelError
from covermap.training.sampling import (
    check_sampling,
    class_aims,
    count_class_pixels,
    drawn_chips,
    resolved_sampling,
    undrawn_classes,
)

NAMES = ("forest", "water", "urban")
# Ten chips of forest, the last two with a little water; nobody drew urban ground.
PIXELS = np.array([[1000, 0, 0]] * 8 + [[1000, 10, 0], [1000, 30, 0]])


def share_of_draws(chances, chips, epochs=200):
    drawn = [drawn_chips(chances, 10, 10, np.random.default_rng([0, e])) for e in range(epochs)]
    return np.isin(np.concatenate(drawn), chips).mean()


def test_a_rare_class_turns_balancing_on():
    assert resolved_sampling("auto", PIXELS) == resolved_sampling("balanced", PIXELS)
    assert resolved_sampling("auto", np.array([[100, 70, 0], [100, 0, 0]])) is None
    assert resolved_sampling("auto", None) is None
    assert resolved_sampling("uniform", PIXELS) is None


def test_balanced_takes_half_alike_and_half_by_class():
    chances = resolved_sampling("balanced", PIXELS)
    assert sum(chances) == pytest.approx(1)
    # Alike 1/20; a quarter of the draws aims at each of two classes.
    assert chances[0] == pytest.approx(1 / 20 + 1 / 40)
    assert chances[9] == pytest.approx(1 / 20 + 1 / 40 + 3 / 16)
    assert share_of_draws(chances, [8, 9]) == pytest.approx(chances[8] + chances[9], abs=0.01)
    assert share_of_draws(None, [8, 9]) == pytest.approx(0.2)


def test_shares_aim_at_the_classes_that_they_name():
    assert resolved_sampling({"water": 2.0}, PIXELS, NAMES)[:8] == (0.0,) * 8
    chances = resolved_sampling({"water": 1, "forest": 3}, PIXELS, NAMES)
    assert chances[9] == pytest.approx(0.75 / 10 + 0.25 * 3 / 4)


@pytest.mark.parametrize(
    ("sampling", "message"),
    [
        ({"watr": 1.0}, "names the class 'watr'.*did you mean 'water'"),
        ({"urban": 1.0}, "'urban', which no training chip shows"),
    ],
)
def test_shares_of_classes_that_are_not_there_are_named(sampling, message):
    totals = dict(zip(NAMES, PIXELS.sum(0).tolist(), strict=True))
    with pytest.raises(ModelError, match=message):
        check_sampling(sampling, totals)
    check_sampling({"water": 1.0}, totals)
    check_sampling("balanced", totals)


def test_a_fold_without_a_named_class_draws_the_others():
    asked = {"urban": 0.9, "water": 0.1}
    assert undrawn_classes(asked, PIXELS, NAMES) == ("urban",)
    assert undrawn_classes("balanced", PIXELS, NAMES) == ()
    assert resolved_sampling(asked, PIXELS, NAMES) == resolved_sampling({"water": 1}, PIXELS, NAMES)
    assert class_aims(asked, PIXELS, NAMES) == class_aims({"water": 1}, PIXELS, NAMES)
    assert resolved_sampling({"urban": 1.0}, PIXELS, NAMES) is None


def test_balancing_needs_the_class_pixels():
    with pytest.raises(ValueError, match="class pixels"):
        resolved_sampling("balanced", None)


def test_chips_without_labels_are_drawn_alike():
    assert resolved_sampling("balanced", np.zeros((3, 2), int)) is None


@given(
    weights=st.lists(st.floats(0.01, 1), min_size=1, max_size=20),
    count=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_each_chip_comes_as_often_as_it_is_due(weights, count, seed):
    chances = np.array(weights) / sum(weights)
    drawn = drawn_chips(tuple(chances), len(chances), count, np.random.default_rng(seed))
    times = np.bincount(drawn, minlength=len(chances))
    assert len(drawn) == count
    assert np.all(np.abs(times - chances * count) < 1 + 1e-9)


def test_the_seed_decides_the_draws():
    chances = resolved_sampling("balanced", PIXELS)
    one, same, other = (drawn_chips(chances, 10, 10, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_counted_pixels_are_counted_by_chip_and_class():
    class Two:
        def __len__(self):
            return 2

        def __getitem__(self, number):
            target = np.array([[0, 1], [1, 255]])
            counted = np.array([[True, True], [number == 0, False]])
            return Sample(np.zeros((1, 2, 2), np.float32), counted, target, counted)

    assert count_class_pixels(Two(), 3).tolist() == [[1, 2, 0], [1, 1, 0]]


def test_pieces_are_aimed_at_what_their_chips_were_drawn_for():
    balanced = np.array(class_aims("balanced", PIXELS, NAMES))
    assert balanced.sum(axis=1) == pytest.approx(np.where(PIXELS.any(axis=1), 0.5, 0.0))
    water = np.array(class_aims({"water": 1.0}, PIXELS, NAMES))
    assert water[:8].sum() == 0
    assert water[8:, 1] == pytest.approx(1.0)
    assert not water[:, [0, 2]].any()
