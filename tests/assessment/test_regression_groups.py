"""Intervals of predicted numbers: every resample is what scoring the drawn groups gives."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from covermap.assessment.intervals import drawn_times, interval_of
from covermap.assessment.joint import order_of, spearman
from covermap.assessment.regression import RegressionTally, r_squared, regression_metrics
from covermap.assessment.regression_groups import GroupedNumbers

GROUPS, CELLS = 6, 40


def drawn(seed=0, high=1.0):
    random = np.random.default_rng(seed)
    level = random.random((GROUPS, 1))
    truth = np.where(random.random((GROUPS, CELLS)) < 0.3, 0, level * random.random((1, CELLS)))
    answer = np.clip(truth + random.normal(0.05, 0.2, truth.shape), -0.1, 1.1)
    return high * truth, high * answer


def numbers(truth, answer):
    found = GroupedNumbers(0.5)
    group = np.broadcast_to(np.arange(GROUPS)[:, None], truth.shape)
    # In two windows, so that groups are met again.
    for columns in (slice(0, 11), slice(11, None)):
        part = truth[:, columns], answer[:, columns]
        found.add(*part, np.ones(part[0].shape, bool), group[:, columns])
    return found


def test_pooled_sums_are_those_of_all_cells():
    truth, answer = drawn()
    found = numbers(truth, answer)
    whole = RegressionTally.of(truth, answer, np.ones(truth.shape, bool))
    one, other = (regression_metrics(tally) for tally in (found.pooled, whole))
    assert one == pytest.approx(other)
    levels = np.rint(np.clip([truth, answer], 0, 1) * 255)
    expected = spearmanr(levels[0].ravel(), levels[1].ravel()).statistic
    assert spearman(found.joint) == pytest.approx(expected)


def test_intervals_are_of_scores_of_the_drawn_groups():
    truth, answer = drawn()
    resamples = 150
    (times,) = drawn_times(GROUPS, seed=4, resamples=resamples)
    rows = [np.repeat(np.arange(GROUPS), row.astype(int)) for row in times]
    scored = []
    for row in rows:
        t, p = truth[row], answer[row]
        levels = np.rint(np.clip([t, p], 0, 1) * 255)
        scored.append(
            {
                "mean_absolute_error": np.abs(p - t).mean(),
                "root_mean_squared_error": np.sqrt(np.square(p - t).mean()),
                "bias": (p - t).mean(),
                "r_squared": 1 - np.square(p - t).sum() / np.square(t - t.mean()).sum(),
                "nonzero_iou": ((t > 0) & (p > 0.5)).sum() / ((t > 0) | (p > 0.5)).sum(),
                "ruzicka": np.minimum(t, p).clip(0).sum() / np.maximum(t, p).clip(0).sum(),
                "spearman": spearmanr(levels[0].ravel(), levels[1].ravel()).statistic,
            }
        )
    found = numbers(truth, answer).intervals(seed=4, resamples=resamples)
    assert set(found) == set(scored[0])
    for name, interval in found.items():
        expected = interval_of(np.array([own[name] for own in scored]), GROUPS)
        assert interval.low == pytest.approx(expected.low), name
        assert interval.high == pytest.approx(expected.high), name


def test_large_numbers_keep_their_digits():
    truth, answer = drawn()
    far = numbers(truth + 1e6, answer + 1e6).intervals(0, 100)
    near = numbers(truth, answer).intervals(0, 100)
    assert far["r_squared"].low == pytest.approx(near["r_squared"].low, rel=1e-5)


def test_ranks_of_numbers_of_many_sizes_are_kept():
    random = np.random.default_rng(1)
    truth = np.exp(random.normal(0, 3, (4, 60)))
    answer = truth * np.exp(random.normal(0, 1.5, truth.shape))
    answer[0, :7] = answer[0, 0]
    found, every = GroupedNumbers(0.5), np.ones(truth.shape, dtype=bool)
    group = np.broadcast_to(np.arange(4)[:, None], truth.shape)
    found.add(truth, answer, every, group, (order_of(truth), order_of(answer)))
    expected = spearmanr(truth.ravel(), answer.ravel()).statistic
    assert spearman(found.joint) == pytest.approx(expected)
    interval = found.intervals(seed=0, resamples=200)["spearman"]
    assert interval.low < expected < interval.high


def test_one_group_has_no_interval_and_strangers_no_place():
    found = GroupedNumbers(0.5)
    ones = np.ones((2, 2))
    found.add(ones, ones, ones > 0, np.zeros((2, 2), int))
    assert found.intervals(0) == {}
    with pytest.raises(ValueError, match="belongs to no group"):
        found.add(ones, ones, ones > 0, np.full((2, 2), -1))


def test_what_does_not_vary_has_no_rank_and_no_share_of_spread():
    found = GroupedNumbers(0.5)
    ones = np.ones((4, 4))
    found.add(ones, 0.5 * ones, ones > 0, np.arange(16).reshape(4, 4))
    intervals = found.intervals(0, 50)
    assert intervals["spearman"] is None
    assert intervals["r_squared"] is None
    assert intervals["mean_absolute_error"].low == 0.5


def test_a_truth_whose_mean_is_rounded_does_not_vary_either():
    found = GroupedNumbers(0.5)
    truth = np.full(10, 0.1)
    found.add(truth, truth + 0.2, truth > 0, np.repeat([0, 1], [3, 7]))
    assert r_squared(found.pooled) is None
    assert found.intervals(0, 50)["r_squared"] is None
