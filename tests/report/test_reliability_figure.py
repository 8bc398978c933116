import numpy as np
import pytest

from covermap.assessment.reliability import Reliability
from covermap.report.reliability_figure import reliability_figure, reliability_section


def told(confidence, right):
    return Reliability.of(
        np.asarray(confidence, float), np.asarray(right), np.ones(len(right), bool)
    ).to_dict()


def test_each_bin_that_holds_answers_has_a_bar_as_high_as_they_are_right():
    found = told([0.5] * 4 + [0.99] * 996, [True, False, False, False] + [True] * 996)
    upper, lower = reliability_figure(found["reliability"]).axes
    bars = [(bar.get_x(), bar.get_height(), bar.get_alpha()) for bar in upper.patches]
    # Half is in the eighth bin of fifteen; less than 1 % of the answers are paler.
    assert bars == [
        (pytest.approx(700 / 15), pytest.approx(25), 0.4),
        (pytest.approx(1400 / 15), pytest.approx(100), 1.0),
    ]
    assert sum(bar.get_height() for bar in lower.patches) == pytest.approx(100)


def test_the_section_tells_the_error_and_is_left_out_where_none_is_known():
    section = reliability_section(told([0.9] * 10, [True] * 6 + [False] * 4))
    assert "differ by 30.0 points of 100" in section.note
    assert section.uris[0].startswith("data:image/")
    assert reliability_section({}) is None
    assert reliability_section(Reliability.zero().to_dict()) is None
