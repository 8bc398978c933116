"""Labels of a chip from those of its pixels."""

import numpy as np
import pytest

from covermap.labels.presence import class_counts, main_class, presence
from covermap.labels.settings import PresenceSettings
from covermap.labels.target import Target

# seeds.md 4.2: other, corn, soy, forest, grass of 50 x 50 pixels; 125 are exactly 5 %.
COUNTS = np.array([125, 126, 1000, 0, 1249])


def test_a_share_equal_to_the_threshold_is_not_present():
    assert presence(COUNTS, 2500, PresenceSettings()).tolist() == [0, 1, 1, 0, 1]


@pytest.mark.parametrize("percent", range(1, 100))
def test_every_threshold_in_percent_is_exact(percent):
    counts = np.array([percent * 25, 2500 - percent * 25])
    rule = PresenceSettings(threshold=percent / 100)
    assert presence(counts, 2500, rule)[0] == 0
    assert presence(counts + np.array([1, -1]), 2500, rule)[0] == 1


def test_the_denominator_is_the_valid_pixels_or_all():
    counts = np.array([60, 940])
    assert presence(counts, 2500, PresenceSettings()).tolist() == [1, 1]
    assert presence(counts, 2500, PresenceSettings(of="all")).tolist() == [0, 1]


def test_a_chip_without_labels_is_unknown_and_has_no_main_class():
    assert np.isnan(presence(np.zeros(3, int), 100, PresenceSettings())).all()
    assert main_class(np.zeros(3, int)) is None
    assert main_class(np.array([2, 5, 5])) == 1


def test_more_counted_pixels_than_the_chip_has_are_a_mistake():
    with pytest.raises(ValueError, match="6 counted pixels in a chip of 5"):
        presence(np.array([6]), 5, PresenceSettings())


def test_only_valid_labelled_pixels_count():
    index = np.array([[0, 0, 1], [1, 2, 2]], np.int16)
    labelled = np.array([[1, 1, 1], [1, 1, 0]], bool)
    valid = np.array([[1, 0, 1], [1, 1, 1]], bool)
    target = Target(index, labelled, np.full((2, 3), -1, np.int32))
    assert class_counts(target, valid, 4).tolist() == [1, 2, 1, 0]
