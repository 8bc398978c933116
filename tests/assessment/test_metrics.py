import json

import numpy as np
import pytest

from covermap.assessment.metrics import metrics_of
from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.legend import Legend

LEGEND = Legend.of({1: "forest", 2: "water", 3: "bare"})
A = Tally(np.array([[50, 3, 0], [5, 10, 2], [0, 0, 0]]))
B = Tally(np.array([[0, 0, 2], [0, 20, 3], [0, 0, 0]]))
GROUPED = GroupedTally({"a": A, "b": B, "empty": Tally.zero(3)})


def test_metrics_hold_the_keys_of_the_contract():
    metrics = metrics_of(GROUPED, LEGEND, LEGEND.names, seed=0)
    for name in ("overall_accuracy", "class_mean_iou", "micro_iou"):
        assert metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"]
    assert set(metrics["per_class"]["water"]) == {
        "iou", "f1", "users_accuracy", "producers_accuracy", "labelled_pixels", "groups",
    }  # fmt: skip
    assert metrics["classes"] == ["forest", "water", "bare"]
    assert metrics["confusion_matrix"] == [[50, 3, 2], [5, 30, 5], [0, 0, 0]]
    assert metrics["labelled_pixels"] == 95
    assert metrics["groups"] == 2
    assert metrics["overall_accuracy"] == pytest.approx(80 / 95)


def test_pixels_and_groups_of_each_class_are_counted():
    per_class = metrics_of(GROUPED, LEGEND, LEGEND.names, seed=0)["per_class"]
    assert {name: (c["labelled_pixels"], c["groups"]) for name, c in per_class.items()} == {
        "forest": (55, 2),
        "water": (40, 2),
        "bare": (0, 0),
    }


def test_a_class_that_is_not_assessed_has_null_scores_but_stays_an_error_of_others():
    metrics = metrics_of(GROUPED, LEGEND, ["forest", "water"], seed=0)
    assert metrics["not_assessed"] == ["bare"]
    assert metrics["per_class"]["bare"] == {
        "iou": None, "f1": None, "users_accuracy": None, "producers_accuracy": None,
        "labelled_pixels": 0, "groups": 0,
    }  # fmt: skip
    forest, water = 50 / (55 + 55 - 50), 30 / (40 + 33 - 30)
    assert metrics["class_mean_iou"] == pytest.approx((forest + water) / 2)
    assert metrics["class_mean_iou_classes"] == 2
    assert metrics["overall_accuracy"] == pytest.approx(80 / 95)


def test_a_single_group_has_scores_without_intervals():
    metrics = metrics_of(GroupedTally({"a": A}), LEGEND, LEGEND.names, seed=0)
    assert metrics["overall_accuracy"] is not None
    assert metrics["overall_accuracy_low"] is None
    assert metrics["class_mean_iou_high"] is None


def test_nothing_counted_is_null_and_valid_json():
    metrics = metrics_of(GroupedTally({}), LEGEND, LEGEND.names, seed=0)
    assert metrics["overall_accuracy"] is None
    assert metrics["class_mean_iou"] is None
    assert metrics["labelled_pixels"] == 0
    json.dumps(metrics, allow_nan=False)


def test_the_same_tallies_and_seed_give_the_same_bytes():
    turned = GroupedTally(dict(reversed(GROUPED.groups.items())))
    first = json.dumps(metrics_of(GROUPED, LEGEND, LEGEND.names, seed=7), allow_nan=False)
    assert first == json.dumps(metrics_of(turned, LEGEND, LEGEND.names, seed=7))


def test_names_and_sizes_must_fit_the_legend():
    with pytest.raises(ValueError, match="tundra"):
        metrics_of(GROUPED, LEGEND, ["tundra"], seed=0)
    with pytest.raises(ValueError, match="tallies of 2 classes"):
        metrics_of(GroupedTally({"a": Tally(np.eye(2, dtype=int))}), LEGEND, [], seed=0)
