"""A lead over another model, and when it is more than luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from covermap.assessment.lead import explained_lead, lead
from covermap.assessment.regression import RegressionTally
from covermap.assessment.scores import class_mean_iou
from covermap.assessment.tally import GroupedTally, Tally


def _grouped(matrices: np.ndarray) -> GroupedTally:
    return GroupedTally({str(place): Tally(matrix) for place, matrix in enumerate(matrices)})


def _moved(matrices: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The same reference, predicted otherwise."""
    moved = np.zeros_like(matrices)
    for place in np.ndindex(matrices.shape[:2]):
        total = matrices[place].sum()
        moved[place] = generator.multinomial(total, np.ones(matrices.shape[2]) / matrices.shape[2])
    return moved


def test_the_error_equals_a_bootstrap_written_out():
    generator = np.random.default_rng(3)
    first = generator.integers(0, 40, size=(9, 3, 3))
    second = _moved(first, generator)
    found = lead(_grouped(first), _grouped(second), seed=1)
    differences = []
    for _ in range(4000):
        drawn = generator.integers(9, size=9)
        ious = [class_mean_iou(Tally(m[drawn].sum(axis=0))) for m in (first, second)]
        differences.append(ious[0] - ious[1])
    assert found.difference == pytest.approx(
        class_mean_iou(Tally(first.sum(axis=0))) - class_mean_iou(Tally(second.sum(axis=0)))
    )
    assert found.standard_error == pytest.approx(np.std(differences), rel=0.1)


@given(seed=st.integers(0, 1000), groups=st.integers(2, 12), classes=st.integers(1, 5))
def test_at_most_one_of_two_models_is_clearly_ahead(seed, groups, classes):
    generator = np.random.default_rng(seed)
    first = generator.integers(1, 30, size=(groups, classes, classes))
    second = _moved(first, generator)
    one, other = _grouped(first), _grouped(second)
    there, back = lead(one, other, 0), lead(other, one, 0)
    assert there.difference == pytest.approx(-back.difference)
    assert there.standard_error == pytest.approx(back.standard_error)
    assert not (there.is_clear and back.is_clear)


def test_classes_that_lie_nowhere_do_not_count():
    """Adding a class without a pixel changes nothing, whatever is mapped as it."""
    generator = np.random.default_rng(4)
    first = generator.integers(0, 40, size=(6, 3, 3))
    first[:, 2] = 0
    second = _moved(first, generator)
    found = lead(_grouped(first), _grouped(second), seed=1)
    present = [0, 1]
    ious = [class_mean_iou(Tally(m.sum(axis=0)), present) for m in (first, second)]
    assert found.difference == pytest.approx(ious[0] - ious[1])
    mirrored = lead(_grouped(second), _grouped(first), seed=1)
    assert found.standard_error == pytest.approx(mirrored.standard_error)


def test_a_model_is_never_ahead_of_itself():
    same = _grouped(np.random.default_rng(0).integers(0, 9, size=(4, 2, 2)))
    assert not lead(same, same, 0).is_clear
    assert lead(same, same, 0).standard_error == 0


def test_one_group_has_no_error_and_the_difference_decides():
    better, worse = np.array([[[9, 1], [1, 9]]]), np.array([[[5, 5], [5, 5]]])
    found = lead(_grouped(better), _grouped(worse), 0)
    assert found.standard_error is None
    assert found.is_clear


def test_other_groups_are_refused():
    one = _grouped(np.ones((2, 2, 2), int))
    with pytest.raises(ValueError, match="same groups"):
        lead(one, GroupedTally({"0": one.groups["0"]}), 0)


def _numbers(truth, said, groups):
    return {
        group: RegressionTally.of(truth, said, groups == group)
        for group in np.unique(groups).tolist()
    }


def test_a_lead_by_explained_variance_equals_a_bootstrap_written_out():
    generator = np.random.default_rng(5)
    groups = np.repeat(np.arange(8), 40)
    truth = generator.random(320)
    ways = [truth + generator.normal(0, s * (1 + groups / 8), 320) for s in (0.1, 0.2)]
    found = explained_lead(*(_numbers(truth, said, groups) for said in ways), seed=1)
    explained = [r2_score(truth, said) for said in ways]
    assert found.difference == pytest.approx(explained[0] - explained[1])
    differences = []
    for _ in range(4000):
        drawn = generator.integers(8, size=8)
        cells = np.concatenate([np.flatnonzero(groups == group) for group in drawn])
        errors = [np.square(said - truth)[cells].mean() for said in ways]
        differences.append((errors[1] - errors[0]) / truth.var())
    assert found.standard_error == pytest.approx(np.std(differences), rel=0.1)


def test_explained_variance_needs_a_truth_that_varies_and_the_same_groups():
    groups = np.array([0, 0, 1, 1])
    even = _numbers(np.full(4, 0.3), np.arange(4.0), groups)
    assert explained_lead(even, even, 0) is None
    with pytest.raises(ValueError, match="same groups"):
        explained_lead(even, {0: even[0]}, 0)
    alone = _numbers(np.arange(4.0), np.arange(4.0), np.zeros(4, int))
    assert explained_lead(alone, alone, 0).standard_error is None
