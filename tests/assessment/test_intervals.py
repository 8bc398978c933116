import numpy as np
import pytest

from covermap.assessment import scores
from covermap.assessment.intervals import bootstrap_intervals
from covermap.assessment.tally import GroupedTally, Tally


def drawn_groups(generator, count, pixels=200, accuracy=0.8, spread=0.1):
    """Polygons whose own accuracies scatter round a known one."""
    groups = {}
    for number in range(count):
        own = np.clip(generator.normal(accuracy, spread), 0, 1)
        right = generator.binomial(pixels, own)
        matrix = np.zeros((2, 2), np.int64)
        matrix[number % 2, number % 2] = right
        matrix[number % 2, 1 - number % 2] = pixels - right
        groups[f"polygon {number:03d}"] = Tally(matrix)
    return GroupedTally(groups)


def test_fewer_than_two_groups_have_no_interval():
    tally = Tally(np.array([[5, 1], [2, 4]]))
    assert bootstrap_intervals(GroupedTally({}), seed=0) is None
    assert bootstrap_intervals(GroupedTally({"a": tally}), seed=0) is None
    assert bootstrap_intervals(GroupedTally({"a": tally, "b": Tally.zero(2)}), seed=0) is None


def test_identical_groups_leave_no_doubt():
    tally = Tally(np.array([[5, 1], [2, 4]]))
    intervals = bootstrap_intervals(GroupedTally({str(i): tally for i in range(5)}), seed=0)
    assert intervals.overall_accuracy.low == pytest.approx(scores.overall_accuracy(tally))
    assert intervals.overall_accuracy.high == pytest.approx(scores.overall_accuracy(tally))
    assert intervals.class_mean_iou.low == pytest.approx(scores.class_mean_iou(tally))
    assert intervals.micro_iou.high == pytest.approx(scores.micro_iou(tally))


def test_seed_decides_and_order_of_groups_does_not():
    grouped = drawn_groups(np.random.default_rng(0), 12)
    turned = GroupedTally(dict(reversed(grouped.groups.items())))
    assert bootstrap_intervals(grouped, seed=3) == bootstrap_intervals(turned, seed=3)
    assert bootstrap_intervals(grouped, seed=3) != bootstrap_intervals(grouped, seed=4)


def test_two_opposite_groups_span_both():
    right, wrong = Tally(np.array([[9, 0], [0, 0]])), Tally(np.array([[0, 9], [0, 0]]))
    interval = bootstrap_intervals(GroupedTally({"a": right, "b": wrong}), seed=0).overall_accuracy
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_a_resample_equals_scoring_the_drawn_groups():
    grouped = drawn_groups(np.random.default_rng(1), 7)
    tallies = [grouped.groups[name] for name in sorted(grouped.groups)]
    generator = np.random.Generator(np.random.PCG64(5))
    resampled = [
        Tally(sum(tallies[i].matrix for i in row))
        for row in generator.integers(7, size=(50, 7)).tolist()
    ]
    interval = bootstrap_intervals(grouped, seed=5, resamples=50)
    for name in ("overall_accuracy", "class_mean_iou", "micro_iou"):
        values = [getattr(scores, name)(tally) for tally in resampled]
        assert min(values) <= getattr(interval, name).low <= getattr(interval, name).high
        assert getattr(interval, name).high <= max(values)
        assert getattr(interval, name).low < np.median(values) < getattr(interval, name).high


def test_memory_bounded_batches_do_not_change_the_interval(monkeypatch):
    grouped = drawn_groups(np.random.default_rng(2), 9)
    whole = bootstrap_intervals(grouped, seed=1)
    monkeypatch.setattr("covermap.assessment.intervals.CELLS_AT_ONCE", 50)
    assert bootstrap_intervals(grouped, seed=1) == whole


# The plain percentile interval covers about 0.80 with 5 groups; the widened levels mend most of it.
@pytest.mark.parametrize(("count", "least"), [(5, 0.86), (25, 0.91)])
def test_intervals_cover_the_true_accuracy_about_as_often_as_they_say(count, least):
    generator = np.random.default_rng(20)
    covered = 0
    for trial in range(300):
        grouped = drawn_groups(generator, count)
        interval = bootstrap_intervals(grouped, seed=trial, resamples=400).overall_accuracy
        covered += interval.low <= 0.8 <= interval.high
    assert least <= covered / 300 <= 0.99


def test_only_the_chosen_classes_enter_the_mean():
    matrix = np.array([[8, 1, 1], [1, 8, 1], [0, 0, 0]])
    grouped = GroupedTally({str(i): Tally(matrix) for i in range(3)})
    chosen = bootstrap_intervals(grouped, 0, classes=[0, 1]).class_mean_iou
    assert chosen.low == pytest.approx(8 / 11)
    assert bootstrap_intervals(grouped, 0, classes=[]).class_mean_iou is None


def rare_classes(seed, classes=10, blocks=40, each=3, pixels=100, accuracy=0.8):
    """Blocks of one class each, every class in few of them, errors spread over all classes."""
    generator = np.random.default_rng(seed)
    truth = np.resize(np.repeat(np.arange(classes), each), blocks)
    groups = {}
    for number, own in enumerate(truth):
        matrix = np.zeros((classes, classes), np.int64)
        right = generator.binomial(pixels, np.clip(generator.normal(accuracy, 0.1), 0, 1))
        matrix[own] = generator.multinomial(pixels - right, np.full(classes, 1 / classes))
        matrix[own, own] += right
        groups[f"block {number:02d}"] = Tally(matrix)
    return GroupedTally(groups)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_surrounds_a_score_of_classes_that_lie_in_few_groups(seed):
    grouped = rare_classes(seed)
    interval = bootstrap_intervals(grouped, seed=seed).class_mean_iou
    score = scores.class_mean_iou(grouped.pooled)
    assert interval.low < score < interval.high
    # Neither end is a tenth of the interval from the score.
    assert 0.2 < (score - interval.low) / (interval.high - interval.low) < 0.8
