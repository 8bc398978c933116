"""Which epoch is kept, and the score that decides it."""

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, jaccard_score

from covermap.training.history import EpochRow, class_mean_iou, confusion, kept_epoch


def row(epoch, iou, loss):
    return EpochRow(epoch, 1.0, loss, iou, 0.1)


def test_the_highest_score_is_kept():
    assert kept_epoch([row(1, 0.5, 0.1), row(2, 0.7, 0.9), row(3, 0.6, 0.2)]) == 2


def test_among_equals_the_lower_loss_and_then_the_first():
    rows = [row(1, 0.5, 0.3), row(2, 0.5, 0.2), row(3, 0.5, 0.2), row(4, 0.4, 0.1)]
    assert kept_epoch(rows) == 2


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
