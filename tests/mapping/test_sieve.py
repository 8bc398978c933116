"""Small regions merged into neighbours, against brute force on the whole raster."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from class_maps import NODATA, class_maps, codes_of, cut, regions_of
from covermap.core.ground_area import GroundArea
from covermap.mapping.runs import NOTHING
from covermap.mapping.sieve import sieve
from tiny import tiny_geobox


def sieved(folder, ids, unit, rows=100, **grid):
    ids = np.asarray(ids)
    geobox = tiny_geobox(*ids.shape, **{"crs": None, **grid})
    strips = cut(folder, ids, geobox, rows)
    told = sieve(strips, geobox, GroundArea(geobox), unit, "map")
    return codes_of(strips), told


def by_brute_force(ids, unit):
    """The rule of `sieve` in plain loops, on a picture."""
    while True:
        regions = regions_of(ids)
        names = np.unique(regions[regions != NOTHING]).tolist()
        area = {name: int((regions == name).sum()) for name in names}
        border = {}
        for one, other in ((regions[:, :-1], regions[:, 1:]), (regions[:-1], regions[1:])):
            for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True):
                if a != b and NOTHING not in (a, b):
                    border[a, b] = border[b, a] = border.get((a, b), 0) + 1
        pick = {}
        for name in names:
            around = [
                (-border[pair], -area[pair[1]], pair[1]) for pair in border if pair[0] == name
            ]
            if area[name] < unit and around:
                pick[name] = min(around)[2]
        if not pick:
            return ids
        group = {name: {name, target} for name, target in pick.items()}
        for _ in pick:
            for name, target in pick.items():
                if target in pick:
                    group[name] = group[target] = group[name] | group[target]
        after = ids.copy()
        for name in pick:
            winner = min(group[name], key=lambda member: (-area[member], member))
            after[regions == name] = ids.ravel()[winner]
        ids = after


@settings(max_examples=60, deadline=None, derandomize=True)
@given(class_maps(), st.integers(1, 14), st.integers(1, 14))
def test_however_it_is_cut_the_result_is_that_of_the_whole_raster(
    tmp_path_factory, ids, unit, rows
):
    found, _ = sieved(tmp_path_factory.mktemp("strips"), ids, unit, rows)
    np.testing.assert_array_equal(found, by_brute_force(ids, unit))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(class_maps(), st.integers(1, 14), st.integers(1, 14))
def test_what_is_left_is_large_or_alone_in_nodata(tmp_path_factory, ids, unit, rows):
    found, told = sieved(tmp_path_factory.mktemp("strips"), ids, unit, rows)
    np.testing.assert_array_equal(found == NODATA, ids == NODATA)
    assert set(np.unique(found)) <= set(np.unique(ids))
    assert told.rounds <= np.log2(unit) + 1
    regions = regions_of(found)
    for name in np.unique(regions[regions != NOTHING]):
        mine = np.pad(regions == name, 1)
        beside = np.zeros_like(mine)
        for axis in (0, 1):
            for step in (-1, 1):
                beside |= np.roll(mine, step, axis)
        around = found[(beside & ~mine)[1:-1, 1:-1]]
        assert mine.sum() >= unit or (around == NODATA).all()


def test_a_small_region_goes_to_the_longest_border_not_to_the_largest_neighbour(tmp_path):
    ids = np.ones((6, 8), int)
    ids[:, :3] = 2
    ids[2:4, 3:4] = 3
    ids[1, 3] = ids[4, 3] = 2
    found, told = sieved(tmp_path, ids, 4)
    assert (ids == 1).sum() > (ids == 2).sum()
    assert (found[2:4, 3] == 2).all()
    assert (told.merged, told.rounds) == (1, 1)


def test_of_equal_borders_the_larger_neighbour_wins(tmp_path):
    found, _ = sieved(tmp_path, [[1, 1, 3, 2, 2, 2], [1, 1, 3, 2, 2, 2]], 4)
    assert (found[:, 2] == 2).all()


def test_of_equal_neighbours_the_first_wins(tmp_path):
    found, _ = sieved(tmp_path, [[2, 2, 3, 1, 1], [2, 2, 3, 1, 1]], 4)
    assert (found[:, 2] == 2).all()


def test_a_chain_of_picks_ends_in_one_round(tmp_path):
    found, told = sieved(tmp_path, [[1, 2, 2, 5, 5, 5, 5]], 3)
    assert (found == 5).all()
    assert (told.merged, told.rounds) == (2, 1)


def test_what_is_still_small_after_a_round_is_merged_in_the_next(tmp_path):
    # 0 and 1 pick each other and become 0; the two of them are still too few.
    found, told = sieved(tmp_path, [[0, 1, 2, 5, 5, 5, 5, 5]], 3)
    assert (found == 5).all()
    assert (told.merged, told.rounds) == (4, 2)


def test_small_regions_may_become_large_enough_together(tmp_path):
    ids = np.full((4, 4), 9)
    ids[:2, :2] = [[1, 1], [2, 1]]
    ids[2:] = NODATA
    ids[:, 2:] = NODATA
    found, _ = sieved(tmp_path, ids, 4)
    assert (found[:2, :2] == 1).all()


def test_nodata_is_neither_filled_nor_a_neighbour(tmp_path):
    ids = np.full((5, 5), NODATA)
    ids[2, 2] = 1
    ids[0, 0], ids[0, 1] = 1, 2
    found, told = sieved(tmp_path, ids, 10)
    assert found[2, 2] == 1
    assert found[0, 0] == found[0, 1] == 1
    assert (found == NODATA).sum() == 22
    assert told.merged == 2


def test_a_unit_of_a_whole_number_of_pixels_keeps_regions_of_just_so_many(tmp_path):
    # On the ground a pixel of this grid is 100.04 or 99.9 square metres, by its place in the zone.
    ids = np.ones((6, 12), int)
    ids[2, 2:7] = 2
    ids[4, 2:6] = 3
    found, _ = sieved(tmp_path, ids, 500, crs=32633)
    assert (found == 2).sum() == 5
    assert (found == 3).sum() == 0


def test_borders_of_pixels_that_are_not_square_count_by_their_length(tmp_path):
    # At 45 degrees north a pixel of equal degrees is 0.7 times as wide as high.
    ids = np.full((7, 5), 2)
    ids[:, 4] = 1
    ids[:2, :3] = NODATA
    ids[2, :4] = ids[:2, 3] = 3
    square, _ = sieved(tmp_path, ids, 7)
    assert (square[ids == 3] == 2).all()
    geographic, _ = sieved(tmp_path, ids, 500, crs=4326)
    assert (geographic[ids == 3] == 1).all()


@pytest.mark.parametrize("unit", [0.0, 1.0])
def test_a_unit_of_a_pixel_merges_nothing(tmp_path, unit):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, (9, 9))
    found, told = sieved(tmp_path, ids, unit)
    np.testing.assert_array_equal(found, ids)
    assert told.merged == 0
