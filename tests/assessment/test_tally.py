import numpy as np
import pytest

from covermap.assessment.tally import GroupedSum, GroupedTally, Tally


def test_rows_are_reference_and_columns_prediction():
    tally = Tally.of(np.array([0, 0, 2]), np.array([0, 1, 1]), np.ones(3, bool), 3)
    assert tally.matrix.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert tally.matrix.dtype == np.int64


def test_what_stands_in_uncounted_pixels_means_nothing():
    counted = np.array([[True, False], [False, True]])
    reference = np.array([[0, -1], [255, 1]], np.int16)
    prediction = np.array([[1, 99], [-7, 1]], np.int16)
    assert Tally.of(reference, prediction, counted, 2).matrix.tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_counted_value_outside_the_legend_is_an_error(wrong):
    good, bad = np.array([0, 1]), np.array([0, wrong])
    with pytest.raises(ValueError, match="reference holds"):
        Tally.of(bad, good, np.ones(2, bool), 3)
    with pytest.raises(ValueError, match="prediction holds"):
        Tally.of(good, bad, np.ones(2, bool), 3)


def test_small_unsigned_values_do_not_wrap():
    many = np.full(10, 250, np.uint8)
    assert Tally.of(many, many, np.ones(10, bool), 251).matrix[250, 250] == 10


def test_shapes_must_agree_and_counted_must_be_bool():
    with pytest.raises(ValueError, match="one shape"):
        Tally.of(np.zeros(2, int), np.zeros(3, int), np.ones(2, bool), 2)
    with pytest.raises(ValueError, match="bool"):
        Tally.of(np.zeros(2, int), np.zeros(2, int), np.ones(2, int), 2)


def test_a_tally_refuses_shares_negative_counts_and_oblong_matrices():
    for matrix in (np.eye(2) / 2, np.array([[-1, 0], [0, 1]]), np.zeros((2, 3), int)):
        with pytest.raises(ValueError, match="tally"):
            Tally(matrix)


def test_a_tally_cannot_be_changed_afterwards():
    counts = np.eye(2, dtype=np.int64)
    tally = Tally(counts)
    counts[0, 0] = 9
    assert tally.matrix[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        tally.matrix[0, 0] = 5


def test_tallies_of_different_legends_do_not_add_up():
    with pytest.raises(ValueError, match="2 and 3 classes"):
        Tally.zero(2) + Tally.zero(3)


def test_groups_of_one_window_hold_their_own_pixels():
    reference = np.array([0, 0, 1, 1, 1])
    prediction = np.array([0, 1, 1, 1, 0])
    counted = np.array([True, True, True, True, False])
    group = np.array([4, 4, 4, 7, -1])
    grouped = GroupedTally.of(reference, prediction, counted, group, 2)
    assert list(grouped.groups) == ["4", "7"]
    assert grouped.groups["4"].matrix.tolist() == [[1, 1], [0, 1]]
    assert grouped.groups["7"].matrix.tolist() == [[0, 0], [0, 1]]
    assert grouped.pooled == Tally.of(reference, prediction, counted, 2)


@pytest.fixture
def windows():
    generator = np.random.default_rng(0)
    shape, everything = (4, 4), np.ones((4, 4), bool)
    return [
        GroupedTally.of(
            *generator.integers(0, 3, (2, *shape)), everything, np.full(shape, number % 300), 3
        )
        for number in range(400)
    ]


def test_a_sum_of_windows_is_that_of_adding_them_one_by_one(windows):
    before = [dict(window.groups) for window in windows]
    found = GroupedSum()
    for window in windows:
        found.add(window)
    assert found.tally == sum(windows, GroupedTally({}))
    assert [window.groups for window in windows] == before
    half = found.tally
    found.add(windows[0])
    assert half != found.tally


def test_adding_a_window_does_not_look_at_all_groups_again(windows, monkeypatch):
    looked = []
    monkeypatch.setattr(
        Tally, "classes", property(lambda tally: looked.append(1) or tally.matrix.shape[0])
    )
    found = GroupedSum()
    for window in windows:
        found.add(window)
    assert len(looked) < 4 * len(windows)


def test_rows_with_one_name_are_one_group():
    everything = np.ones(4, bool)
    zeros = np.zeros(4, int)
    grouped = GroupedTally.of(
        zeros, zeros, everything, np.arange(4), 2, names=["lake", "wood", "lake", "wood"]
    )
    assert {name: tally.total for name, tally in grouped.groups.items()} == {"lake": 2, "wood": 2}


def test_a_counted_pixel_without_a_group_is_an_error():
    zeros, everything = np.zeros(2, int), np.ones(2, bool)
    with pytest.raises(ValueError, match="group -1"):
        GroupedTally.of(zeros, zeros, everything, np.array([0, -1]), 2)


def test_a_window_without_counted_pixels_has_no_groups():
    zeros = np.zeros((3, 3), int)
    grouped = GroupedTally.of(zeros, zeros, np.zeros((3, 3), bool), zeros - 1, 2)
    assert grouped.groups == {}
    with pytest.raises(ValueError, match="no group"):
        _ = grouped.pooled
