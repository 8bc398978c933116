"""Whose ground each pixel is."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from covermap.chips.ground import ANY_PART, NO_PART, Ground, blocks_of_pixels, lattice_of
from covermap.core.grid import Window, window_geobox
from drawings import polygons
from tiny import tiny_geobox

BOX = tiny_geobox(96, 96)
PARTS = ("train", "val", "test")


def ground(part_of_source=(ANY_PART, 0, ANY_PART), blocks=None):
    return Ground(
        kind="blocks",
        parts=PARTS,
        buffer_px=4,
        blocks=blocks or {(0, 0): (0, 10), (0, 1): (1, 11), (1, 1): (2, 12), (-1, 0): (2, 13)},
        origin=BOX,
        block_px=32,
        part_of_source=np.array(part_of_source, np.int16),
        group_of_source=np.full(3, -1, np.int32),
    )


@pytest.fixture
def labels(tmp_path):
    # The second polygon lies across the border of two blocks.
    return polygons(tmp_path / "a.gpkg", [(2, 2, 20, 20), (10, 28, 6, 10)], ["a", "b"], geobox=BOX)


def by_hand(box, blocks, which, none=-1):
    to_origin = ~BOX.affine
    result = np.full(tuple(box.shape), none)
    for row in range(box.shape[0]):
        for col in range(box.shape[1]):
            x, y = box.affine @ (col + 0.5, row + 0.5)
            if box.crs != BOX.crs:
                x, y = Transformer.from_crs(box.crs.proj, BOX.crs.proj, always_xy=True).transform(
                    x, y
                )
            at_col, at_row = to_origin @ (x, y)
            key = (int(at_row // 32), int(at_col // 32))
            if key in blocks:
                result[row, col] = blocks[key][which]
    return result


@pytest.mark.parametrize(
    "window", [Window(0, 0, 96, 96), Window(20, 25, 17, 13), Window(-20, -10, 60, 50)]
)
def test_a_block_says_whose_ground_a_pixel_is(labels, window):
    box = window_geobox(BOX, window)
    found, target = ground(), labels.burn(box)
    standing = found.standing_on(box, target)
    assert standing.dtype == np.int16
    assert np.array_equal(standing, by_hand(box, found.blocks, 0))
    assert np.array_equal(found.group_numbers(box, target), by_hand(box, found.blocks, 1))


@pytest.mark.parametrize(
    "box",
    [
        GeoBox((40, 40), BOX.affine @ Affine.translation(3.4, -7.7), BOX.crs),
        GeoBox((30, 30), BOX.affine @ Affine.translation(5, 5) @ Affine.scale(2.5), BOX.crs),
        GeoBox((20, 20), Affine(1e-4, 0, 15.002, 0, -1e-4, 45.152), "EPSG:4326"),
    ],
)
def test_other_grids_are_told_by_their_pixels_centres(labels, box):
    found = ground()
    standing = found.standing_on(box, labels.burn(box))
    assert np.array_equal(standing, by_hand(box, found.blocks, 0))
    assert len(np.unique(standing)) > 1


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    form=st.sampled_from(["shifted", "turned", "coarse", "the zone beside", "degrees"]),
    block_px=st.sampled_from([32, 64, 224]),
    west=st.integers(-400, 400),
    north=st.integers(-400, 400),
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
)
def test_blocks_of_other_lattices_are_those_of_their_pixels(form, block_px, west, north, shape):
    origin = tiny_geobox(96, 96)
    grids = {
        "shifted": GeoBox(shape, origin.affine @ Affine.translation(0.3, 0.6), origin.crs),
        "turned": GeoBox(shape, origin.affine @ Affine.rotation(40), origin.crs),
        "coarse": GeoBox(shape, origin.affine @ Affine.scale(7), origin.crs),
        "the zone beside": GeoBox(shape, Affine(10, 0, 972_000, 0, -10, 5_010_000), "EPSG:32632"),
        "degrees": GeoBox(shape, Affine(1e-4, 0, 15, 0, -1e-4, 45.15), "EPSG:4326"),
    }
    box = window_geobox(grids[form], Window(north, west, *shape))
    expected = [axis // block_px for axis in lattice_of(origin, box)]
    found = blocks_of_pixels(origin, {}, block_px, box, "any")
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


def test_a_small_polygon_counts_only_on_the_side_of_its_home(labels):
    found, target = ground(), labels.burn(BOX)
    counting = found.counting_in(BOX, target)
    second = target.source == 1
    cols = np.arange(96)[None, :]
    assert np.all(counting[second & (cols < 32)] == 0)
    assert np.all(counting[second & (cols >= 32)] == NO_PART)
    assert np.all(counting[target.source == 0] == 0)
    assert np.all(counting[~target.labelled] == NO_PART)


def test_a_polygon_larger_than_a_block_is_cut_at_the_border(labels):
    found, target = ground((ANY_PART, ANY_PART, ANY_PART)), labels.burn(BOX)
    counting = found.counting_in(BOX, target)
    assert set(counting[target.source == 1].tolist()) == {0, 1}


def test_a_group_of_polygons_stands_on_its_own_ground_only(labels):
    found = replace(
        ground(),
        kind="polygons",
        origin=None,
        part_of_source=np.array([2, 0, NO_PART], np.int16),
        group_of_source=np.array([5, 6, -1], np.int32),
    )
    target = labels.burn(BOX)
    standing, groups = found.standing_on(BOX, target), found.group_numbers(BOX, target)
    for source, code, group in ((0, 2, 5), (1, 0, 6), (-1, NO_PART, -1)):
        assert np.all(standing[target.source == source] == code)
        assert np.all(groups[target.source == source] == group)
    assert np.array_equal(found.counting_in(BOX, target), standing)


def test_parts_are_coded_by_their_place():
    assert ground().codes(["test", "train"]).tolist() == [2, 0]
    with pytest.raises(ValueError, match="not in tuple"):
        ground().codes(["tset"])


def test_a_shared_lattice_is_followed_exactly_far_from_its_origin():
    far = GeoBox((2, 3), BOX.affine @ Affine.translation(9_000_000, -7_000_000), BOX.crs)
    rows, cols = lattice_of(BOX, far)
    assert rows.tolist() == [[-7_000_000] * 3, [-6_999_999] * 3]
    assert cols[0].tolist() == [9_000_000, 9_000_001, 9_000_002]


def test_ground_is_dealt_as_before_while_what_both_know_stays_where_it_was():
    old = ground()
    assert ground(blocks={**old.blocks, (5, 5): (2, 20)}).deals_as(old)
    assert not ground(blocks={**old.blocks, (0, 1): (2, 11)}).deals_as(old)
    assert not replace(old, block_px=64).deals_as(old)
    assert not replace(old, origin=tiny_geobox(96, 96, crs=32632)).deals_as(old)
    # A block that no part has says nothing.
    assert ground(blocks={**old.blocks, (0, 1): (NO_PART, 11)}).deals_as(old)
    drawn = replace(old, kind="polygons", blocks={})
    assert not drawn.deals_as(old)
    assert drawn.deals_as(replace(drawn, blocks={}))
    assert not replace(drawn, part_of_source=np.array([0, 1, 2], np.int16)).deals_as(drawn)
