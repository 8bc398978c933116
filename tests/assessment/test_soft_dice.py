import numpy as np
import pytest

from covermap.assessment import soft_dice as scores
from covermap.assessment.soft_dice import SoftDiceTally

# seeds.md 4.4: four pixels, three classes.
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]]).T
TRUTH = np.array([0, 1, 2, 1])
ALL = np.ones(4, bool)


def test_three_numbers_called_dice_of_the_oracle():
    tally = SoftDiceTally.of(P, TRUTH, ALL)
    assert scores.soft_micro_dice(tally) == pytest.approx(0.55)
    assert scores.soft_micro_dice(tally, smooth=1) == pytest.approx(0.6)
    assert scores.squared_micro_dice(tally) == pytest.approx(0.7333333333)
    expected = (0.5185185185, 0.6111111111, 0.4705882353)
    assert scores.soft_class_dice(tally) == pytest.approx(expected)
    assert scores.class_mean_soft_dice(tally) == pytest.approx(0.5334059550)


def test_of_certain_answers_it_is_the_accuracy():
    hard = (np.arange(3)[:, None] == P.argmax(axis=0)).astype(float)
    assert scores.soft_micro_dice(SoftDiceTally.of(hard, TRUTH, ALL)) == pytest.approx(0.75)


def test_parts_add_up_and_uncounted_pixels_leave_no_trace():
    first = np.array([True, True, False, False])
    parts = SoftDiceTally.of(P, TRUTH, first) + SoftDiceTally.of(P, TRUTH, ~first)
    full = SoftDiceTally.of(P, TRUTH, ALL)
    for name in ("overlap", "prediction", "reference", "squares"):
        assert getattr(parts, name) == pytest.approx(getattr(full, name))
    spoilt, truth = P.copy(), TRUTH.copy()
    spoilt[:, 2:], truth[2:] = np.nan, 99
    again = SoftDiceTally.of(spoilt, truth, first)
    assert scores.soft_micro_dice(again) == scores.soft_micro_dice(
        SoftDiceTally.of(P, TRUTH, first)
    )


def test_nothing_counted_has_no_dice():
    nothing = SoftDiceTally.of(P, TRUTH, ~ALL)
    assert scores.soft_micro_dice(nothing) is None
    assert scores.class_mean_soft_dice(nothing) is None
    assert scores.soft_class_dice(nothing) == (None, None, None)
