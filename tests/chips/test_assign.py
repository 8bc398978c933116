"""Groups dealt out to parts."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.chips.assign import assign, deal_folds

HOLDOUT = (0.7, 0.15, 0.15)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    groups=st.integers(1, 60),
    classes=st.integers(1, 6),
    parts=st.sampled_from([HOLDOUT, (0.8, 0.0, 0.2), (0.5, 0.5), (0.2,) * 5]),
    seed=st.integers(0, 1000),
)
def test_each_group_goes_to_one_part_and_the_same_seed_gives_the_same(groups, classes, parts, seed):
    counts = np.random.default_rng(seed).integers(0, 50, (groups, classes))
    codes = assign(counts, parts, seed)
    assert codes.shape == (groups,)
    assert codes.dtype == np.int16
    assert set(codes.tolist()) <= {number for number, share in enumerate(parts) if share > 0}
    assert np.array_equal(codes, assign(counts, parts, seed))


def test_a_class_of_three_groups_is_met_in_all_three_parts():
    counts = np.zeros((40, 3), int)
    counts[:, 0] = 100
    counts[[3, 17, 31], 1] = 5
    counts[[4, 18, 33, 39], 2] = 50
    for seed in range(5):
        codes = assign(counts, HOLDOUT, seed)
        for place in range(3):
            assert set(codes[counts[:, place] > 0]) == {0, 1, 2}


def test_every_fold_meets_every_class_that_has_enough_groups():
    counts = np.eye(4, dtype=int)[np.arange(40) % 4] * 30
    codes = assign(counts, (0.2,) * 5, seed=1)
    for place in range(4):
        assert np.bincount(codes[counts[:, place] > 0], minlength=5).tolist() == [2] * 5


def test_the_fractions_are_met_closely_where_groups_are_many():
    counts = np.random.default_rng(0).integers(1, 100, (200, 4))
    codes = assign(counts, HOLDOUT, seed=0)
    for code, wanted in enumerate(HOLDOUT):
        shares = counts[codes == code].sum(axis=0) / counts.sum(axis=0)
        np.testing.assert_allclose(shares, wanted, atol=0.03)


def test_a_class_to_be_kept_stays_in_the_first_part():
    counts = np.full((20, 2), 10)
    counts[:, 1] = 0
    counts[[2, 9], 1] = 40
    codes = assign(counts, HOLDOUT, seed=0, keep_first=np.array([False, True]))
    assert codes[[2, 9]].tolist() == [0, 0]
    assert set(codes.tolist()) == {0, 1, 2}


def test_a_class_without_a_pixel_disturbs_nothing():
    counts = np.random.default_rng(1).integers(1, 9, (12, 2))
    wider = np.column_stack([counts, np.zeros(12, int)])
    assert np.array_equal(assign(counts, HOLDOUT, 0), assign(wider, HOLDOUT, 0))


@pytest.mark.parametrize("groups", [1, 2])
def test_fewer_groups_than_parts_leave_parts_empty(groups):
    assert len(assign(np.ones((groups, 1), int), HOLDOUT, 0)) == groups


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    groups=st.integers(3, 6),
    classes=st.integers(1, 3),
    parts=st.sampled_from([HOLDOUT, (0.5, 0.5), (1 / 3,) * 3]),
    seed=st.integers(0, 1000),
)
def test_as_many_classes_are_met_in_as_many_parts_as_any_deal_could(groups, classes, parts, seed):
    random = np.random.default_rng(seed)
    counts = random.integers(1, 90, (groups, classes)) * (random.random((groups, classes)) < 0.6)
    every = itertools.product(range(len(parts)), repeat=groups)
    fewest = min(missing(counts, np.array(codes), len(parts)) for codes in every)
    assert missing(counts, assign(counts, parts, seed), len(parts)) == fewest


def missing(counts, codes, parts):
    """Pairs of a class and a part that has no pixel of it, and parts without any group."""
    present = counts[:, counts.sum(axis=0) > 0] > 0
    return sum(
        int((~present[codes == part].any(axis=0)).sum()) + (not (codes == part).any())
        for part in range(parts)
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(groups=st.integers(20, 80), classes=st.integers(1, 5), seed=st.integers(0, 1000))
def test_with_many_groups_every_class_is_everywhere_and_the_fractions_are_near(
    groups, classes, seed
):
    random = np.random.default_rng(seed)
    counts = random.integers(1, 60, (groups, classes)) * (random.random((groups, classes)) < 0.7)
    counts[: 4 * classes] += np.tile(np.eye(classes, dtype=int) * 20, (4, 1))[:groups]
    codes = assign(counts, HOLDOUT, seed)
    assert missing(counts, codes, 3) == 0
    for code, wanted in enumerate(HOLDOUT):
        assert abs((codes == code).mean() - wanted) <= 0.08


@settings(max_examples=25, deadline=None, derandomize=True)
@given(groups=st.integers(1, 40), seed=st.integers(0, 1000), parts=st.sampled_from([2, 3, 5]))
def test_given_parts_stay_and_new_groups_fill_what_is_wanting(groups, seed, parts):
    random = np.random.default_rng(seed)
    counts = random.integers(0, 50, (groups, 3))
    given_parts = random.integers(-1, parts, groups)
    codes = assign(counts, (1 / parts,) * parts, seed, given=given_parts)
    fixed = given_parts >= 0
    assert np.array_equal(codes[fixed], given_parts[fixed])
    assert codes.min() >= 0
    counts = np.full((20, 1), 10)
    codes = assign(counts, (0.5, 0.5), seed, given=np.array([0] * 10 + [-1] * 10))
    assert codes[10:].tolist() == [1] * 10


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    groups=st.integers(4, 14),
    classes=st.integers(1, 8),
    folds=st.integers(2, 4),
    spare=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_fold_is_left_empty_by_what_always_teaches(groups, classes, folds, spare, seed):
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 50, (groups, classes)) * (
        generator.random((groups, classes)) < 0.25
    )
    counts[:, 0] = 5
    dealt = folds + spare
    codes = deal_folds(counts, (1 / dealt,) * dealt, folds, seed)
    if groups >= dealt:
        assert set(range(folds)) <= set(codes.tolist())
    lonely = (counts[:, (counts > 0).sum(axis=0) == 1] > 0).any(axis=1)
    if groups - lonely.sum() >= dealt:
        assert (codes[lonely] == folds).all()
