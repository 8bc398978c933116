"""Counts by confidence, and the expected calibration error, beside a computation pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.assessment.reliability import BINS, Reliability


def by_hand(confidence, right):
    """Guo et al. 2017, eq. 3, a bin after the other."""
    error = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = (confidence > low) & (confidence <= high)
        if number == 0:
            inside |= confidence == 0
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def all_of(confidence, right):
    confidence, right = np.asarray(confidence, float), np.asarray(right, bool)
    return Reliability.of(confidence, right, np.ones(right.shape, bool))


def test_four_answers_counted_on_paper():
    # Bins of 0.9 and 0.92, of 0.5, of 0.3: |1/2 - 0.91| 2/4 + |1 - 0.5| 1/4 + |0 - 0.3| 1/4.
    found = all_of([0.9, 0.92, 0.5, 0.3], [True, False, True, False])
    assert found.ece == pytest.approx(0.205 + 0.125 + 0.075)


def test_confidence_that_keeps_its_word_has_no_error():
    assert all_of([0.75] * 8, [True] * 6 + [False] * 2).ece == pytest.approx(0, abs=1e-12)
    assert all_of([1.0] * 5, [False] * 5).ece == 1


@pytest.mark.parametrize("seed", range(3))
def test_it_is_that_of_the_formula(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.random(5000)
    right = rng.random(5000) < confidence**2
    assert all_of(confidence, right).ece == pytest.approx(by_hand(confidence, right), abs=1e-12)


def test_whole_per_cents_on_an_edge_belong_to_the_bin_below():
    found = all_of(np.arange(101) / 100.0, np.ones(101, bool))
    expected = [sum(100 * n < 15 * p <= 100 * (n + 1) for p in range(101)) for n in range(BINS)]
    expected[0] += 1
    assert found.pixels.tolist() == expected


@settings(deadline=None)
@given(
    answers=st.lists(
        st.tuples(st.integers(0, 100), st.booleans(), st.booleans()), min_size=1, max_size=60
    ),
    cut=st.integers(0, 60),
)
def test_windows_add_up_and_what_is_not_counted_changes_nothing(answers, cut):
    percents, right, counted = (np.array(column) for column in zip(*answers, strict=True))
    confidence = np.where(counted, percents / 100.0, 2.55)
    whole = Reliability.of(confidence, right, counted)
    parts = Reliability.zero()
    for part in (slice(None, cut), slice(cut, None)):
        parts += Reliability.of(confidence[part], right[part], counted[part])
    assert parts.pixels.tolist() == whole.pixels.tolist()
    assert parts.right.tolist() == whole.right.tolist()
    np.testing.assert_allclose(parts.confidence, whole.confidence)
    assert whole.pixels.sum() == counted.sum()
    if counted.any():
        assert whole.ece == pytest.approx(by_hand(confidence[counted], right[counted]), abs=1e-9)
    else:
        assert whole.ece is None


def test_what_metrics_hold_of_it():
    told = all_of([0.5, 0.5, 1.0], [True, False, True]).to_dict()
    assert told["ece"] == 0
    reliability = told["reliability"]
    assert reliability["pixels"] == [0] * 7 + [2] + [0] * 6 + [1]
    assert reliability["accuracy"] == [None] * 7 + [0.5] + [None] * 6 + [1.0]
    assert reliability["confidence"] == [None] * 7 + [0.5] + [None] * 6 + [1.0]
    assert Reliability.zero().to_dict()["ece"] is None


def test_other_shapes_and_other_numbers_are_refused():
    right = np.ones(2, bool)
    with pytest.raises(ValueError, match="one shape"):
        Reliability.of(np.zeros(3), right, right)
    for wrong in (1.5, -0.1, np.nan):
        with pytest.raises(ValueError, match=r"not within 0\.\.1"):
            Reliability.of(np.array([0.5, wrong]), right, right)
