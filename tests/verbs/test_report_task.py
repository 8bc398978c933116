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
