"""What validations are judged by, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, mean_squared_error

from covermap.training.batch import Batch
from covermap.training.measures import measure_of


def batch(target, counted):
    count = len(target)
    valid = torch.ones(count, 4, 4, dtype=torch.bool)
    return Batch(torch.zeros(count, 1, 4, 4), valid, torch.tensor(target), torch.tensor(counted))


def test_chips_that_do_not_count_leave_the_mean_f1_of_classes_alone():
    random = np.random.default_rng(0)
    target, outputs = random.integers(0, 3, 40), random.normal(size=(40, 3))
    counted = np.arange(40) < 30
    measure = measure_of("classification", 3)
    for part in (slice(0, 13), slice(13, 40)):
        measure.add(torch.tensor(outputs[part]), batch(target[part], counted[part]))
    expected = f1_score(target[:30], outputs[:30].argmax(1), average="macro")
    assert measure.score == pytest.approx(expected)


def test_the_mean_f1_of_tags_is_that_of_known_tags():
    random = np.random.default_rng(1)
    target = random.integers(0, 2, (30, 4)).astype(np.float32)
    outputs, known = random.normal(size=(30, 4)), random.random((30, 4)) < 0.7
    measure = measure_of("multilabel", 4)
    measure.add(torch.tensor(outputs), batch(target, known))
    each = [f1_score(target[known[:, k], k], outputs[known[:, k], k] >= 0) for k in range(4)]
    assert measure.score == pytest.approx(np.mean(each))


def test_a_regression_is_judged_by_minus_the_root_mean_squared_error():
    random = np.random.default_rng(2)
    target, outputs = (random.random((5, 4, 4)).astype(np.float32) for _ in range(2))
    counted = random.random((5, 4, 4)) < 0.5
    measure = measure_of("regression", 1)
    measure.add(torch.tensor(outputs)[:, None], batch(target, counted))
    expected = -(mean_squared_error(target[counted], outputs[counted]) ** 0.5)
    assert measure.score == pytest.approx(expected, rel=1e-5)


def test_nothing_counted_is_no_score():
    for task, shape in (
        ("classification", (2,)),
        ("multilabel", (2, 3)),
        ("regression", (2, 4, 4)),
    ):
        kind = np.int64 if task == "classification" else np.float32
        measure = measure_of(task, 3)
        outputs = torch.zeros(2, 1, 4, 4) if task == "regression" else torch.zeros(2, 3)
        measure.add(outputs, batch(np.zeros(shape, kind), np.zeros(shape, bool)))
        assert measure.score is None
