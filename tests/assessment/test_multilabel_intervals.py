"""Intervals of labels: groups of pictures are drawn, not pictures."""

import numpy as np
import pytest

from covermap.assessment.intervals import drawn_times
from covermap.assessment.multilabel import (
    GroupedLabels,
    MultilabelTally,
    exact_match,
    label_accuracy,
    label_f1,
)
from covermap.assessment.multilabel_intervals import multilabel_intervals


def grouped(count, seed=0, pictures=6, accuracy=0.8):
    random = np.random.default_rng(seed)
    found = GroupedLabels(3)
    for group in range(count):
        truth = (random.random((pictures, 3)) < 0.4).astype(float)
        said = np.where(random.random(truth.shape) < accuracy, truth, 1 - truth) == 1
        truth[random.random(truth.shape) < 0.1] = np.nan
        found.add(group, MultilabelTally.of(truth, said))
    return found


def test_fewer_than_two_groups_have_no_interval():
    assert multilabel_intervals({}, 0) == {}
    assert multilabel_intervals(grouped(1).groups, 0) == {}


def test_each_resample_equals_scoring_the_drawn_groups():
    groups = grouped(7).groups
    tallies = [groups[name] for name in sorted(groups)]
    (times,) = drawn_times(7, seed=5, resamples=200)
    drawn = [
        sum(
            (tally for tally, often in zip(tallies, row, strict=True) for _ in range(int(often))),
            MultilabelTally.zero(3),
        )
        for row in times
    ]
    found = multilabel_intervals(groups, seed=5, resamples=200)
    scored = {
        "mean_accuracy": [
            np.mean([a for a in label_accuracy(tally) if a is not None]) for tally in drawn
        ],
        "exact_match": [exact_match(tally) for tally in drawn],
        "mean_f1": [np.mean([f for f in label_f1(tally) if f is not None]) for tally in drawn],
    }
    from covermap.assessment.intervals import interval_of

    for name, values in scored.items():
        expected = interval_of(np.array(values, float), 7)
        assert found[name].low == pytest.approx(expected.low), name
        assert found[name].high == pytest.approx(expected.high), name


def test_alike_pictures_of_a_group_do_not_make_an_interval_narrow():
    random = np.random.default_rng(1)
    right = random.random(12) < 0.7
    few, many = GroupedLabels(1), GroupedLabels(1)
    for found, pictures in ((few, 1), (many, 50)):
        for group, good in enumerate(right):
            truth = np.ones((pictures, 1))
            found.add(group, MultilabelTally.of(truth, np.full((pictures, 1), bool(good))))
    assert multilabel_intervals(few.groups, 0) == multilabel_intervals(many.groups, 0)


def test_means_of_some_labels_are_drawn_from_these_alone():
    groups = grouped(7).groups
    alone = {
        name: MultilabelTally(tally.labels[:1], tally.exact, tally.complete)
        for name, tally in groups.items()
    }
    assert multilabel_intervals(groups, 0, labels=[0]) == multilabel_intervals(alone, 0)
    assert multilabel_intervals(groups, 0) != multilabel_intervals(alone, 0)
