"""What a bundle carries of its evaluation, and how it is told."""

import json

import numpy as np
import pytest

from covermap.assessment.kept_scores import kept_scores, told_score, told_scores
from covermap.assessment.metrics import metrics_of
from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.legend import Legend

LEGEND = Legend.of({1: "forest", 2: "water"})
GROUPED = GroupedTally(
    {"a": Tally(np.array([[50, 3], [5, 10]])), "b": Tally(np.array([[8, 0], [0, 1024]]))}
)


def metrics(scheme="holdout", of="blocks", leak=False, leaky=""):
    split = {"scheme": scheme, "of": of, "reasons": ["few"], "leak_allowed": leak, "leaky": leaky}
    return {"test": metrics_of(GROUPED, LEGEND, LEGEND.names, seed=0), "split": split}


def test_a_bundle_keeps_scores_intervals_classes_groups_and_the_split():
    kept, test = kept_scores(metrics()), metrics()["test"]
    for name in ("overall_accuracy", "class_mean_iou"):
        assert kept[f"{name}_low"] <= kept[name] <= kept[f"{name}_high"]
    assert kept["per_class"] == test["per_class"]
    assert (kept["groups"], kept["labelled_pixels"]) == (2, 1100)
    assert kept["split"]["scheme"] == "holdout"
    assert "confusion_matrix" not in kept
    assert json.loads(json.dumps(kept)) == kept


@pytest.mark.parametrize(
    ("given", "begin"),
    [
        ({}, "tested on held-out blocks: overall accuracy 0.993 ("),
        ({"scheme": "kfold", "of": "polygons"}, "tested by folds of polygons: "),
        ({"of": "scenes"}, "tested on held-out images: "),
        ({"leaky": "chips touch"}, "LEAKY SPLIT (chips touch), better than on other ground: te"),
        ({"leak": True}, "LEAK ALLOWED, too good to be true: tested on held-out blocks: "),
    ],
)
def test_the_score_is_told_in_one_line(given, begin):
    line = told_scores(kept_scores(metrics(**given)))
    assert line.startswith(begin)
    assert line.endswith("(1,100 pixels in 2 groups)")
    assert "\n" not in line
    assert told_scores(kept_scores(metrics()), "chips").endswith("(1,100 chips in 2 groups)")


def test_a_score_without_value_or_interval_is_told_as_such():
    kept = kept_scores(metrics())
    kept |= {"overall_accuracy": None, "class_mean_iou_low": None, "class_mean_iou": 0.5}
    line = told_scores(kept)
    assert "overall accuracy undefined, class-mean IoU 0.500 (1,100" in line


def test_errors_of_small_numbers_show_their_digits():
    scores = {"mae": 0.00042, "mae_low": 0.0003, "mae_high": 0.0005, "r2": 0.25}
    scores |= {"bias": -1e-7, "bias_low": -0.0001, "bias_high": 0.0001}
    assert told_score(scores, "mae") == "0.00042 (0.00030 to 0.00050)"
    assert told_score(scores, "bias") == "-0.00000 (-0.00010 to 0.00010)"
    assert told_score(scores, "r2") == "0.250"
    assert told_score({"mae": 1.23456}, "mae") == "1.235"
    assert told_score({"mae": 676.2932}, "mae") == "676.3"
    assert told_score({"mae": 43210.6}, "mae") == "43211"
    assert told_score({"mae": 0.0}, "mae") == "0.000"
