"""Which epoch is kept, and the score that decides it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from covermap.training.history import (
    EpochRow,
    candidate_epochs,
    class_mean_iou,
    confusion,
    kept_epoch,
    smoothed_scores,
    standstills,
    stops_early,
)


def row(epoch, iou, loss):
    return EpochRow(epoch, 1.0, loss, iou, 0.1)


def rows_of(*scores):
    return [row(number, score, 1.0) for number, score in enumerate(scores, start=1)]


def test_the_highest_score_among_its_neighbours_is_kept():
    assert kept_epoch(rows_of(0.2, 0.5, 0.7, 0.6, 0.2)) == 3


def test_a_lucky_epoch_between_bad_ones_is_not_kept():
    assert kept_epoch(rows_of(0.2, 0.2, 0.8, 0.2, 0.5, 0.6, 0.5, 0.2)) == 6


def test_scores_are_means_of_three_and_of_two_at_the_ends():
    assert smoothed_scores(rows_of(0.3, 0.6, 0.9, 0.0)) == pytest.approx([0.45, 0.6, 0.5, 0.45])
    assert smoothed_scores(rows_of(0.3)) == [0.3]


def test_among_equals_the_lower_loss_and_then_the_first():
    rows = [row(1, 0.5, 0.3), row(2, 0.5, 0.2), row(3, 0.5, 0.2), row(4, 0.5, 0.4)]
    assert kept_epoch(rows) == 2


@given(
    # Validation chips are the same in every epoch: all are scored, or none is.
    scores=st.one_of(
        st.lists(st.none(), min_size=1, max_size=12),
        st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.6]), min_size=1, max_size=12),
    )
)
def test_the_kept_epoch_was_a_candidate_ever_since(scores):
    rows = [row(number, score, 0.1) for number, score in enumerate(scores, start=1)]
    kept = kept_epoch(rows)
    for count in range(kept, len(rows) + 1):
        assert kept in candidate_epochs(rows[:count])
    assert len(candidate_epochs(rows)) <= 2


@pytest.mark.parametrize(
    ("scores", "count"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0),
        ([0.6, 0.5, 0.4, 0.3], 0),
        ([0.6, 0.5, 0.4, 0.3, 0.2], 1),
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0], 2),
        ([None] * 9, 0),
        ([], 0),
    ],
)
def test_a_standstill_is_three_epochs_without_a_better_score(scores, count):
    assert standstills(rows_of(*scores), 3) == count
    assert stops_early(rows_of(*scores), 3) == (count > 0)
    assert not stops_early(rows_of(*scores), None)


def test_without_validation_the_last_is_kept():
    assert kept_epoch([row(1, None, None), row(2, None, None)]) == 2


def test_counts_and_score_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 3, 8, 8))
    counted = rng.random((3, 8, 8)) < 0.6
    found = confusion(
        torch.from_numpy(predicted), torch.from_numpy(truth), torch.from_numpy(counted), 4
    )
    expected = confusion_matrix(truth[counted], predicted[counted], labels=range(4))
    np.testing.assert_array_equal(found.numpy(), expected)
    score = jaccard_score(truth[counted], predicted[counted], average="macro")
    assert class_mean_iou(found) == pytest.approx(score)


def test_a_class_without_truth_is_not_in_the_mean():
    counts = torch.tensor([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert class_mean_iou(counts) == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_without_counted_pixels_there_is_no_score():
    assert class_mean_iou(torch.zeros(2, 2, dtype=torch.int64)) is None
