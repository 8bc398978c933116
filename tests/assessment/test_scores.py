import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.assessment import scores
from covermap.assessment.tally import Tally

# seeds.md 4.4: values of scikit-learn and by hand.
C = Tally(np.array([[50, 3, 2], [5, 30, 5], [0, 2, 3]]))
ABSENT = Tally(np.array([[5, 1, 0], [0, 4, 0], [0, 0, 0]]))


def test_scores_of_a_known_matrix():
    assert scores.overall_accuracy(C) == pytest.approx(0.83)
    assert scores.class_iou(C) == pytest.approx((0.8333333333, 0.6666666667, 0.25))
    assert scores.class_mean_iou(C) == pytest.approx(0.5833333333)
    assert scores.micro_iou(C) == pytest.approx(0.7094017094)
    assert scores.frequency_weighted_iou(C) == pytest.approx(0.7375)
    assert scores.producers_accuracy(C) == pytest.approx((0.9090909091, 0.75, 0.6))
    assert scores.users_accuracy(C) == pytest.approx((0.9090909091, 0.8571428571, 0.3))
    assert scores.f1(C) == pytest.approx((0.9090909091, 0.8, 0.4))
    assert scores.kappa(C) == pytest.approx(0.6923076923)
    assert scores.matthews_correlation(C) == pytest.approx(0.6957133299)
    assert scores.quantity_disagreement(C) == pytest.approx(0.05)
    assert scores.allocation_disagreement(C) == pytest.approx(0.12)


def test_micro_iou_is_a_function_of_overall_accuracy():
    accuracy = scores.overall_accuracy(C)
    assert scores.micro_iou(C) == pytest.approx(accuracy / (2 - accuracy))


def test_a_class_without_reference_and_prediction_is_skipped():
    assert scores.class_iou(ABSENT) == (pytest.approx(0.8333333333), pytest.approx(0.8), None)
    assert scores.class_mean_iou(ABSENT) == pytest.approx(0.8166666667)
    assert scores.f1(ABSENT)[2] is None
    assert scores.users_accuracy(ABSENT)[2] is None
    assert scores.producers_accuracy(ABSENT)[2] is None


def test_a_class_that_is_predicted_without_reference_scores_zero():
    tally = Tally(np.array([[5, 1], [0, 0]]))
    assert scores.class_iou(tally)[1] == 0.0
    assert scores.users_accuracy(tally)[1] == 0.0
    assert scores.producers_accuracy(tally)[1] is None


def test_counts_are_pooled_before_scores_are_taken():
    a, b = Tally(np.array([[9, 1], [0, 0]])), Tally(np.array([[1, 0], [4, 5]]))
    assert scores.class_mean_iou(a) == pytest.approx(0.45)
    assert scores.class_mean_iou(b) == pytest.approx(0.3777777778)
    assert scores.class_mean_iou(a + b) == pytest.approx(0.5833333333)


def test_an_all_background_map_of_landcover_ai_scores_as_published_areas_say():
    areas = np.zeros((5, 5), int)
    areas[:, 0] = [12575, 185, 7202, 1315, 350]
    tally = Tally(areas)
    assert scores.overall_accuracy(tally) == pytest.approx(0.5814, abs=5e-5)
    assert scores.class_mean_iou(tally) == pytest.approx(0.1163, abs=5e-5)
    assert scores.micro_iou(tally) == pytest.approx(0.4099, abs=5e-5)


@pytest.mark.parametrize(
    ("matrix", "accuracy"),
    [
        ([[70, 14], [14, 156]], 0.8898),
        ([[71, 13], [20, 138]], 0.8636),
        ([[140, 16], [3, 213]], 0.9489),
        ([[116, 13], [6, 204]], 0.9440),
    ],
)
def test_accuracies_of_published_two_class_matrices(matrix, accuracy):
    assert scores.overall_accuracy(Tally(np.array(matrix))) == pytest.approx(accuracy, abs=5e-5)


def test_an_empty_tally_has_no_scores():
    empty = Tally.zero(3)
    for score in (
        scores.overall_accuracy, scores.class_mean_iou, scores.micro_iou, scores.kappa,
        scores.frequency_weighted_iou, scores.matthews_correlation,
        scores.quantity_disagreement, scores.allocation_disagreement,
    ):  # fmt: skip
        assert score(empty) is None
    assert scores.class_iou(empty) == (None, None, None)


def test_agreement_beyond_chance_is_undefined_for_a_single_class():
    single = Tally(np.array([[7, 0], [0, 0]]))
    assert scores.kappa(single) is None
    assert scores.matthews_correlation(single) is None


def test_counts_of_a_continent_do_not_overflow():
    huge = Tally(np.array([[50, 3, 2], [5, 30, 5], [0, 2, 3]]) * 10**15)
    assert scores.kappa(huge) == pytest.approx(0.6923076923)
    assert scores.matthews_correlation(huge) == pytest.approx(0.6957133299)
    assert scores.allocation_disagreement(huge) == pytest.approx(0.12)


@pytest.mark.filterwarnings("ignore:A single label:UserWarning")
@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_scores_equal_scikit_learn(classes, pixels, seed):
    generator = np.random.default_rng(seed)
    reference = generator.integers(classes, size=pixels)
    prediction = generator.integers(classes, size=pixels)
    tally = Tally.of(reference, prediction, np.ones(pixels, bool), classes)
    assert np.array_equal(
        tally.matrix, oracle.confusion_matrix(reference, prediction, labels=range(classes))
    )
    assert scores.overall_accuracy(tally) == pytest.approx(
        oracle.accuracy_score(reference, prediction)
    )
    pairs = (
        (scores.class_iou, oracle.jaccard_score),
        (scores.users_accuracy, oracle.precision_score),
        (scores.producers_accuracy, oracle.recall_score),
        (scores.f1, oracle.f1_score),
    )
    for ours, theirs in pairs:
        expected = theirs(
            reference, prediction, labels=range(classes), average=None, zero_division=0
        )
        assert [score or 0.0 for score in ours(tally)] == pytest.approx(list(expected))
    if scores.kappa(tally) is not None:
        assert scores.kappa(tally) == pytest.approx(
            oracle.cohen_kappa_score(reference, prediction, labels=range(classes))
        )
    # scikit-learn gives 0 where the correlation is undefined.
    assert (scores.matthews_correlation(tally) or 0.0) == pytest.approx(
        oracle.matthews_corrcoef(reference, prediction), abs=1e-9
    )
    assert scores.quantity_disagreement(tally) + scores.allocation_disagreement(
        tally
    ) == pytest.approx(1 - scores.overall_accuracy(tally))
