import numpy as np
import pytest

from covermap.assessment.regression_baselines import MeansByDistance, distance_to_edge

ALL = np.ones((3, 5), bool)


def test_the_distance_is_1_at_the_border_and_0_where_invalid():
    valid = np.ones((5, 5), bool)
    assert distance_to_edge(valid).tolist() == [
        [1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 2, 3, 2, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1],
    ]  # fmt: skip
    valid[2, 2] = False
    assert distance_to_edge(valid)[2, 1:4].tolist() == [1, 0, 1]


def test_each_distance_takes_the_mean_of_training_and_unknown_ones_the_nearest():
    distance = np.array([[1.0, 1.4, 2, 2, 5]] * 3)
    truth = np.array([[0.0, 1, 4, 6, 9]] * 3)
    found = MeansByDistance.of(truth, distance, ALL)
    assert found.mean == pytest.approx(4)
    assert found.predicted(np.array([0, 1, 2.9, 3, 4, 5, 8])) == pytest.approx(
        [0.5, 0.5, 5, 5, 9, 9, 9]
    )


def test_parts_add_up_and_only_counted_cells_teach():
    random = np.random.default_rng(0)
    truth, distance = random.random((3, 5)), random.uniform(1, 4, (3, 5))
    half = random.random((3, 5)) < 0.5
    both = MeansByDistance.of(truth, distance, half) + MeansByDistance.of(truth, distance, ~half)
    full = MeansByDistance.of(truth, distance, ALL)
    assert both.mean == pytest.approx(truth.mean())
    assert both.predicted(distance) == pytest.approx(full.predicted(distance))
    with pytest.raises(ValueError, match="no training cell"):
        MeansByDistance.of(truth, distance, ~ALL).predicted(distance)
    with pytest.raises(ValueError, match="no training cell"):
        _ = MeansByDistance().mean
