import json

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covermap.assessment import multilabel as scores
from covermap.assessment.multilabel import MultilabelTally

# seeds.md 4.2: positive rates of the five labels.
RATES = (0.784, 0.595, 0.638, 0.646, 0.733)
NAN = float("nan")


def of(reference, prediction):
    return MultilabelTally.of(np.array(reference, float), np.array(prediction, bool))


def test_the_majority_answer_of_the_oracle():
    assert scores.majority_labels(RATES).all()
    assert np.mean(np.maximum(RATES, 1 - np.array(RATES))) == pytest.approx(0.6792)
    assert scores.exact_match_by_chance(RATES) == pytest.approx(0.1409257, abs=5e-8)


def test_the_constant_rate_cross_entropy_of_the_oracle():
    terms = scores.constant_rate_cross_entropy(RATES)
    expected = (0.521798471, 0.6749869805, 0.6545602495, 0.6498876923, 0.5802520877)
    assert terms == pytest.approx(expected, abs=5e-10)
    assert sum(terms) == pytest.approx(3.0814854810, abs=5e-10)
    assert np.mean(terms) == pytest.approx(0.6162970962, abs=5e-10)
    assert scores.constant_rate_cross_entropy([0, 1]) == (0, 0)
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        scores.constant_rate_cross_entropy([1.2])


bits = arrays(np.int64, (12, 3), elements=st.integers(0, 1))


@settings(max_examples=25)
@given(bits, bits)
def test_scores_equal_scikit_learn(reference, prediction):
    tally = of(reference, prediction)
    matrices = oracle.multilabel_confusion_matrix(reference, prediction)
    assert np.array_equal([item.matrix for item in tally.labels], matrices)
    accuracy = [oracle.accuracy_score(reference[:, k], prediction[:, k]) for k in range(3)]
    assert scores.label_accuracy(tally) == pytest.approx(accuracy)
    metrics = scores.multilabel_metrics(tally, "abc", [None] * 3)
    assert metrics["mean_label_accuracy"] == pytest.approx(
        1 - oracle.hamming_loss(reference, prediction)
    )
    assert scores.exact_match(tally) == oracle.accuracy_score(reference, prediction)
    expected = oracle.precision_recall_fscore_support(reference, prediction, zero_division=np.nan)
    own = (scores.label_precision, scores.label_recall, scores.label_f1)
    for score, values in zip(own, expected, strict=False):
        assert [NAN if v is None else v for v in score(tally)] == pytest.approx(values, nan_ok=True)


@given(bits, bits, st.integers(0, 12))
def test_tallies_add_up_in_any_order(reference, prediction, cut):
    parts = of(reference[cut:], prediction[cut:]) + of(reference[:cut], prediction[:cut])
    assert parts == of(reference, prediction)
    assert MultilabelTally.zero(3) + parts == parts


def test_unknown_labels_are_left_out_and_their_pictures_are_no_exact_match():
    tally = of([[1, NAN], [0, 1], [NAN, NAN]], [[1, 0], [0, 1], [1, 1]])
    assert [item.total for item in tally.labels] == [2, 1]
    assert (tally.exact, tally.complete) == (1, 1)
    assert scores.multilabel_metrics(tally, "ab", [None] * 2)["mean_label_accuracy"] == 1


def test_metrics_hold_the_baseline_and_are_json():
    reference = np.array([[1, 0], [1, 1], [0, 0], [1, 0]])
    found = scores.multilabel_metrics(of(reference, 1 - reference), ["a", "b"], [0.9, 0.2])
    assert found["mean_label_accuracy"] == 0
    assert found["majority_mean_label_accuracy"] == 0.75
    assert found["per_label"]["a"]["majority_accuracy"] == 0.75
    assert found["per_label"]["b"]["confusion_matrix"] == [[0, 3], [1, 0]]
    assert found["exact_match"] == 0
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    nothing = scores.multilabel_metrics(MultilabelTally.zero(2), ["a", "b"], [None, None])
    assert nothing["mean_label_accuracy"] is None
    assert nothing["exact_match"] is None


@pytest.mark.parametrize(
    ("reference", "prediction", "told"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2), bool), "should be"),
        (np.zeros((2, 3)), np.zeros((2, 3)), "should be bool"),
        (np.full((2, 3), 0.5), np.zeros((2, 3), bool), "something else than 0, 1"),
    ],
)
def test_what_is_no_set_of_labels_is_refused(reference, prediction, told):
    with pytest.raises(ValueError, match=told):
        MultilabelTally.of(reference, prediction)
