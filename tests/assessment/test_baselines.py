"""What a network must beat."""

import numpy as np
import pytest

from covermap.assessment.baselines import majority


def test_the_majority_is_the_commonest_class_and_the_first_of_equals():
    assert majority(np.array([3, 9, 9, 1])) == 1
    with pytest.raises(ValueError, match="at least one pixel"):
        majority(np.zeros(3, int))


def test_the_majority_is_a_class_that_can_be_tested():
    assert majority(np.array([3, 99, 9, 1]), among=[0, 2, 3]) == 2
    assert majority(np.array([0, 99, 0]), among=[0, 2]) == 1
