"""What a report of whole chips and of numbers says of the answers that stand beside the model's."""

from __future__ import annotations

from covermap.report.units import curve_unit
from covermap.verbs.report_task import _numbers_behind


def test_a_model_behind_a_forest_is_not_said_to_have_learnt_nothing():
    metrics = {
        "test": {"mae": 1.3},
        "baselines": {"mean": {"mae": 1.2}, "random_forest": {"mae": 0.7}},
    }
    by_forest, by_mean = _numbers_behind(
        metrics, {"random_forest": "The random forest", "mean": "The mean of training"}
    )
    assert "0.700 against 1.300" in by_forest
    assert "nothing of use" not in by_forest
    assert "nothing of use" in by_mean


def test_numbers_of_chips_are_learnt_in_standard_deviations():
    assert "standard deviations" in curve_unit({"task": "regression", "test": {"caps": []}})
    assert curve_unit({"task": "regression", "test": {"caps": [12.0]}}) == ""
    assert curve_unit({"task": "segmentation", "test": {}}) == ""


def test_a_model_below_the_mean_of_training_by_r2_alone_is_told():
    metrics = {
        "test": {"mae": 1.1, "r2": -0.25, "r2_low": -1.5, "r2_high": 0.31, "groups": 12},
        "baselines": {"mean": {"mae": 1.2, "r2": -0.02}},
        "split": {"of": "scenes"},
    }
    by_mean, unsure = _numbers_behind(metrics, {"mean": "The mean of training"})
    assert "R² -0.020 against -0.250" in by_mean
    assert "absolute error" not in by_mean
    assert "nothing of use" not in by_mean
    assert "12 images" in unsure
    assert "-1.50 to 0.31" in unsure


def test_no_doubt_is_cast_on_a_model_that_tested_ground_shows_to_be_better():
    metrics = {
        "test": {"mae": 0.6, "r2": 0.7, "r2_low": 0.4, "r2_high": 0.8, "groups": 12},
        "baselines": {"mean": {"mae": 1.2, "r2": -0.02}},
    }
    assert _numbers_behind(metrics, {"mean": "The mean of training"}) == []
