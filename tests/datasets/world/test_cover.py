import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from covermap.core.grid import Window
from covermap.datasets.world import labels
from covermap.datasets.world.cover import BUILT_UP, FIELD, NAMES, WATER, cover
from covermap.datasets.world.parcels import frame, parcels

OUTER = Window(300, 420, 160, 180)


@pytest.fixture(scope="module")
def outer():
    return cover(OUTER, seed=5)


@pytest.fixture(scope="module")
def wide():
    return cover(Window(0, 0, 500, 500), seed=1)


def test_ids_follow_the_order_of_names():
    assert list(NAMES.values()) == sorted(NAMES.values())
    assert list(NAMES) == [1, 2, 3, 4, 5]


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 120), st.integers(0, 140), st.integers(1, 40), st.integers(1, 40))
def test_windows_commute(outer, row, col, height, width):
    inner = Window(OUTER.row_off + row, OUTER.col_off + col, height, width)
    direct, cut = cover(inner, seed=5), outer.cut(inner)
    for name in ("ids", "patch", "across", "edge", "depth"):
        np.testing.assert_array_equal(getattr(direct, name), getattr(cut, name), err_msg=name)


def test_far_corner_of_a_tile_is_land_like_any_other():
    far = cover(Window(10_700, 10_700, 280, 280), seed=5)
    assert len(np.unique(far.ids)) >= 3
    assert len(np.unique(far.patch)) > 100


def test_each_class_has_its_share(wide):
    shares = np.bincount(wide.ids.ravel(), minlength=6)[1:] / wide.ids.size
    assert shares.sum() == pytest.approx(1)
    assert np.all(shares > 0.03)
    assert shares[FIELD - 1] == shares.max()


def test_other_seeds_give_other_worlds(outer):
    assert np.mean(cover(OUTER, seed=6).ids != outer.ids) > 0.2


def test_a_patch_has_one_class(wide):
    keys, inverse = np.unique(wide.patch, return_inverse=True)
    inverse = inverse.ravel()
    lowest = np.full(len(keys), 9)
    np.minimum.at(lowest, inverse, wide.ids.ravel())
    assert np.array_equal(lowest[inverse], wide.ids.ravel())


def test_patches_are_mostly_of_parcel_size(wide):
    sizes = np.unique(wide.patch, return_counts=True)[1]
    hectares = np.repeat(sizes, sizes) / 100
    # Weighted by area: nearly all ground lies in patches that a person would outline at once.
    assert np.mean((hectares > 0.3) & (hectares < 10)) > 0.95


def test_no_patch_is_longer_than_the_reach_of_labels(wide):
    keys, inverse = np.unique(wide.patch, return_inverse=True)
    found = ndimage.find_objects(inverse.reshape(wide.ids.shape) + 1)
    for number, place in enumerate(found):
        if max(part.stop - part.start for part in place) < labels.REACH_PX:
            continue
        pieces = ndimage.label(wide.patch[place] == keys[number])[0]
        for rows, cols in ndimage.find_objects(pieces):
            assert max(rows.stop - rows.start, cols.stop - cols.start) < labels.REACH_PX


def test_depth_is_positive_just_where_water_is(wide):
    np.testing.assert_array_equal(wide.depth > 0, wide.ids == WATER)


def test_villages_are_whole_blocks(wide):
    built = wide.ids == BUILT_UP
    assert np.median(np.unique(wide.patch[built], return_counts=True)[1]) > 40


def test_parcels_are_rectangles_of_the_asked_size():
    y, x = np.mgrid[0:300.0, 0:300.0] + 0.5
    place = frame(x, y, 2)
    found = parcels(place, 12.0, 24.0, 77)
    keys, counts = np.unique(found.key, return_counts=True)
    assert len(keys) > 200
    assert np.quantile(counts, 0.99) < 2 * 12 * 24 * 1.3
    assert found.edge.min() >= 0
    assert found.edge.max() <= 0.8 * 12


def test_middle_of_a_parcel_is_the_same_at_all_its_pixels():
    y, x = np.mgrid[0:120.0, 0:120.0] + 0.5
    found = parcels(frame(x, y, 2), 12.0, 24.0, 77)
    one = found.key == found.key[60, 60]
    assert np.ptp(found.x[one]) < 1e-9
    assert np.ptp(found.y[one]) < 1e-9
