"""Intervals that say less than they seem."""

import pytest

from covermap.report.doubt import has_width, interval_warnings
from covermap.report.units import UNITS

TITLES = {"overall_accuracy": "overall accuracy"}


def scored(low, high, value=0.9, groups=40):
    return {
        "overall_accuracy": value, "overall_accuracy_low": low, "overall_accuracy_high": high,
        "groups": groups,
    }  # fmt: skip


def warned(test, **more):
    return interval_warnings(test, UNITS["blocks"], TITLES, **more)


def test_an_interval_of_many_groups_needs_no_word():
    assert warned(scored(0.8, 0.95)) == []
    assert warned(scored(None, None)) == []


def test_a_perfect_score_is_told_with_what_it_still_allows():
    (line,) = warned(scored(1.0, 1.0, value=1.0, groups=12))
    assert "No interval is shown for overall accuracy" in line
    assert "the 12 blocks" in line
    # Rule of three: 3 / 12.
    assert "allow mistakes in 25% of others" in line


def test_a_score_that_no_resample_moves_is_told_without_it():
    (line,) = warned(scored(0.5, 0.5, value=0.5, groups=12))
    assert "No interval is shown" in line
    assert "mistake" not in line
    (line,) = warned(scored(2.0, 2.0, value=2.0, groups=12), shares=False)
    assert "mistake" not in line


@pytest.mark.parametrize(("groups", "lines"), [(2, 1), (9, 1), (10, 0), (1, 0)])
def test_few_groups_are_told(groups, lines):
    assert len(warned(scored(0.7, 0.95, groups=groups))) == lines
    assert warned(scored(0.7, 0.95, groups=groups), few=False) == []


def test_shares_and_numbers_have_their_own_least_width():
    assert not has_width(0.99995, 1.0)
    assert has_width(0.99995, 1.0, share=False)
    assert not has_width(3.0, 3.0, share=False)
    assert not has_width(None, None)
