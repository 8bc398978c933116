"""Connected regions that cross strips, against scipy on the whole raster."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from class_maps import class_maps, cut, regions_of
from covermap.core.ground_area import GroundArea
from covermap.mapping.regions import find_regions, region_strips
from covermap.mapping.runs import NOTHING
from tiny import tiny_geobox


@settings(max_examples=40, deadline=None, derandomize=True)
@given(class_maps(), st.integers(1, 14))
def test_regions_and_areas_are_those_of_the_whole_raster(tmp_path_factory, ids, rows):
    geobox = tiny_geobox(*ids.shape, crs=None)
    ground = GroundArea(geobox)
    strips = cut(tmp_path_factory.mktemp("strips"), ids, geobox, rows)
    find_regions(strips, ground)
    expected = regions_of(ids)
    for strip in region_strips(strips):
        runs = strip.runs
        inside = runs.starts >= 0
        first = expected.ravel()[np.maximum(runs.starts, 0)]
        np.testing.assert_array_equal(strip.regions[inside], first[inside])
        for region, area in zip(strip.regions, strip.areas, strict=True):
            pixels = 0 if region == NOTHING else (expected == region).sum()
            assert area * ground.unit == pixels


def test_the_last_strip_leaves_nothing_open(tmp_path):
    geobox = tiny_geobox(4, 3)
    ground = GroundArea(geobox)
    strips = cut(tmp_path, np.zeros((4, 3), int), geobox, 2)
    find_regions(strips, ground)
    assert [strip.open.tolist() for strip in region_strips(strips)] == [[0], []]
