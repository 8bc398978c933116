import itertools
import json

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from covermap.assessment import regression as scores
from covermap.assessment.joint import JointCounts, spearman
from covermap.assessment.regression import RegressionTally

values = arrays(np.float32, 30, elements=st.floats(-100, 1000, width=32))
levels = arrays(np.int64, 40, elements=st.integers(0, 6))


def of(truth, prediction, threshold=0.5):
    truth, prediction = np.array(truth, float), np.array(prediction, float)
    return RegressionTally.of(truth, prediction, np.ones(truth.shape, bool), threshold)


def test_ruzicka_of_the_oracle():
    # seeds.md, section 2
    a, b = [0, 0.2, 0.6, 1], [0, 0.4, 0.3, 1]
    assert scores.ruzicka(of(a, b)) == pytest.approx(0.75)
    assert scores.ruzicka(of(b, b)) == 1


@given(values, values)
def test_scores_equal_scikit_learn(truth, prediction):
    tally = of(truth, prediction)
    t, p = truth.astype(float), prediction.astype(float)
    assert scores.mean_absolute_error(tally) == pytest.approx(oracle.mean_absolute_error(t, p))
    assert scores.root_mean_squared_error(tally) == pytest.approx(
        oracle.root_mean_squared_error(t, p)
    )
    assert scores.bias(tally) == pytest.approx((p - t).mean(), abs=1e-9)
    if tally.spread_truth > 1e-6:
        assert scores.r_squared(tally) == pytest.approx(oracle.r2_score(t, p), rel=1e-6)
    there, said = t > 0, p > 0.5
    if there.any() or said.any():
        assert scores.nonzero_iou(tally) == pytest.approx(oracle.jaccard_score(there, said))


@given(values, values, st.integers(0, 30), st.integers(0, 30))
def test_tallies_add_up_in_any_order_and_parts(truth, prediction, first, second):
    edges = sorted((0, first, second, 30))
    parts = [of(truth[a:b], prediction[a:b]) for a, b in itertools.pairwise(edges)]
    forward, back = parts[0] + parts[1] + parts[2], parts[2] + (parts[1] + parts[0])
    full = of(truth, prediction)
    for name in RegressionTally.__dataclass_fields__:
        expected = getattr(full, name)
        near = pytest.approx(expected, rel=1e-9, abs=1e-6)
        assert getattr(forward, name) == near
        assert getattr(back, name) == near
    assert full + RegressionTally() == full


def test_values_far_from_0_keep_their_spread():
    truth = 1e8 + np.array([0.0, 1, 2, 3])
    tally = of(truth[:2], truth[:2] + 1) + of(truth[2:], truth[2:] + 1)
    assert scores.r_squared(tally) == pytest.approx(1 - 4 / 5)


def test_cells_that_are_not_counted_may_hold_anything():
    truth, prediction = np.array([1, np.nan]), np.array([2, np.inf])
    tally = RegressionTally.of(truth, prediction, np.array([True, False]))
    assert (tally.count, scores.bias(tally)) == (1, 1)
    with pytest.raises(ValueError, match="not finite"):
        RegressionTally.of(truth, prediction, np.array([True, True]))


def test_undefined_scores_are_none_and_json():
    found = scores.regression_metrics(RegressionTally(), JointCounts.zero())
    assert set(found.values()) == {None, 0}
    flat = scores.regression_metrics(of([0, 0], [0, 0]))
    assert (flat["r_squared"], flat["ruzicka"], flat["nonzero_iou"]) == (None, None, None)
    assert flat["mean_absolute_error"] == 0
    assert json.loads(json.dumps(flat, allow_nan=False)) == flat


@given(levels, levels, st.integers(0, 40))
def test_the_rank_correlation_of_whole_numbers_equals_scipy_in_any_parts(truth, prediction, cut):
    zero = JointCounts.zero(0, 6, 7)
    one = zero.with_cells(truth[:cut], prediction[:cut])
    joint = zero.with_cells(truth[cut:], prediction[cut:]) + one
    assert joint.total == 40
    found = spearman(joint)
    if len(set(truth)) == 1 or len(set(prediction)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(truth, prediction).statistic, abs=1e-9)


def test_rounding_to_levels_hardly_moves_the_rank_correlation_of_densities():
    random = np.random.default_rng(0)
    truth = random.random(20_000)
    prediction = np.clip(truth + random.normal(0, 0.2, 20_000), 0, 1)
    joint = JointCounts.zero().with_cells(truth, prediction)
    assert spearman(joint) == pytest.approx(spearmanr(truth, prediction).statistic, abs=1e-3)


def test_values_beyond_the_ends_take_the_last_level_and_other_levels_do_not_add_up():
    joint = JointCounts.zero(0, 1, 3).with_cells(np.array([-5.0, 0.4]), np.array([9.0, 0.6]))
    assert joint.counts.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match="do not add up"):
        joint + JointCounts.zero(0, 2, 3)
    with pytest.raises(ValueError, match="low < high"):
        JointCounts.zero(1, 1)
