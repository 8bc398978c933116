"""Windows of one size around polygons."""

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from covermap.core.errors import LabelError
from covermap.core.grid import Window
from covermap.labels.regions import (
    bounding_boxes,
    chip_shape,
    planned_regions,
    regions_by_window,
)
from covermap.labels.settings import RegionSettings
from tiny import tiny_geobox

BOX = tiny_geobox(60, 80)


def at(left, top, right, bottom):
    return box(500_000 + left * 10, 5_000_000 - bottom * 10, 500_000 + right * 10,
               5_000_000 - top * 10)  # fmt: skip


def boxes_of(*shapes, geobox=BOX):
    return bounding_boxes(gpd.GeoSeries(list(shapes), crs=32633), geobox)


def test_a_box_covers_each_pixel_that_the_bounds_touch():
    found = boxes_of(at(2, 3, 10, 5), at(2.1, 3.9, 9.5, 4.1), at(5, 5, 5, 5))
    assert found[0] == found[1] == Window(3, 2, 2, 8)
    assert found[2] == Window(5, 5, 1, 1)


def test_boxes_are_cut_at_the_grid_and_left_out_beside_it():
    assert boxes_of(at(-5, -5, 3, 4), at(90, 0, 95, 5)) == {0: Window(0, 0, 4, 3)}


def test_polygons_in_another_crs_are_laid_over_the_grid():
    shapes = gpd.GeoSeries([at(10.2, 20.2, 29.8, 29.8)], crs=32633).to_crs(4326)
    assert bounding_boxes(shapes, BOX) == {0: Window(20, 10, 10, 20)}


def test_chips_are_as_large_as_the_largest_sides_or_the_next_multiple_of_32():
    boxes = [Window(0, 0, 67, 30), Window(0, 0, 20, 70)]
    assert chip_shape(boxes, RegionSettings()) == (67, 70)
    assert chip_shape(boxes, RegionSettings(size="multiple")) == (96, 96)
    assert chip_shape(boxes, RegionSettings(size=64)) == (64, 64)


@pytest.mark.parametrize(
    ("anchor", "chip", "kept"),
    [("upper-left", Window(10, 20, 32, 32), Window(10, 20, 4, 4)),
     ("centre", Window(-4, 6, 32, 32), Window(10, 20, 4, 4))],
)  # fmt: skip
def test_padding_lies_right_and_below_or_around_and_is_invalid(anchor, chip, kept):
    (region,) = planned_regions({7: Window(10, 20, 4, 4)}, (6, 8), RegionSettings(anchor=anchor))
    assert (region.row, region.chip, region.box) == (7, chip, kept)
    assert region.inside.sum() == 16
    assert region.inside[kept.relative_to(chip).slices].all()


def test_a_box_larger_than_the_chip_is_cropped_to_its_corner_or_middle():
    wide = {0: Window(10, 20, 10, 10)}
    (corner,) = planned_regions(wide, (4, 4), RegionSettings(size=4))
    (middle,) = planned_regions(wide, (4, 4), RegionSettings(size=4, anchor="centre"))
    assert (corner.box, corner.chip) == (Window(10, 20, 4, 4), Window(10, 20, 32, 32))
    assert (middle.box, middle.chip) == (Window(13, 23, 4, 4), Window(-1, 9, 32, 32))
    assert middle.inside.sum() == 16


sides = st.integers(1, 90)


@given(
    st.lists(st.tuples(sides, sides), min_size=1, max_size=5),
    st.sampled_from(["largest", "multiple", 40]),
    st.sampled_from(["upper-left", "centre"]),
)
def test_every_chip_has_one_size_and_holds_what_it_keeps_of_its_box(sizes, size, anchor):
    settings = RegionSettings(size=size, anchor=anchor)
    boxes = {row: Window(3 * row, 5, *sides) for row, sides in enumerate(sizes)}
    shape = chip_shape(list(boxes.values()), settings)
    for region in planned_regions(boxes, shape, settings):
        box_ = boxes[region.row]
        assert region.chip.shape == region.inside.shape == ((-(-max(shape) // 32) * 32),) * 2
        assert region.box.shape == tuple(np.minimum(shape, box_.shape))
        assert region.box.intersection(box_) == region.box
        assert region.inside.sum() == region.box.height * region.box.width


def test_chips_of_all_scenes_are_square_and_hold_the_largest_box():
    shapes = gpd.GeoSeries([at(2, 3, 10, 5), None, at(20, 20, 26, 40)], crs=32633)
    grids = {"a": BOX, "b": tiny_geobox(30, 80)}
    found = regions_by_window(shapes, grids, RegionSettings())
    assert {window.shape for _, window in found} == {(32, 32)}
    rows = [(scene, region.row) for (scene, _), region in found.items()]
    assert rows == [("a", 0), ("a", 2), ("b", 0), ("b", 2)]
    assert found["a", Window(3, 2, 32, 32)].inside.sum() == 2 * 8


def test_two_regions_that_would_be_one_chip_are_named():
    shapes = gpd.GeoSeries([at(2, 3, 10, 5), at(2, 3, 30, 9)], crs=32633)
    with pytest.raises(LabelError, match=r"rows 1 and 2 would be the same chip of a \(row 3, col"):
        regions_by_window(shapes, {"a": BOX}, RegionSettings())
    centred = regions_by_window(shapes, {"a": BOX}, RegionSettings(anchor="centre"))
    assert len(centred) == 2


def test_no_polygon_on_any_grid_makes_no_chip():
    shapes = gpd.GeoSeries([at(900, 900, 910, 910)], crs=32633)
    assert regions_by_window(shapes, {"a": BOX}, RegionSettings()) == {}
