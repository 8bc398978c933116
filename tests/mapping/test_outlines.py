"""Outlines traced by strips, against GDAL's polygons of the whole raster."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import shapes
from shapely.geometry import shape

from class_maps import NODATA, class_maps, cut, regions_of
from covermap.core.ground_area import GroundArea
from covermap.mapping.outlines import Tracer
from covermap.mapping.regions import end_of, find_regions, region_strips
from covermap.mapping.runs import NOTHING
from tiny import tiny_geobox


def traced(folder, ids, rows=100):
    """Region to its polygon in pixels, outline first vertex and all."""
    ids = np.asarray(ids)
    geobox = tiny_geobox(*ids.shape, crs=None)
    strips = cut(folder, ids, geobox, rows)
    find_regions(strips, GroundArea(geobox))
    tracer = Tracer(strips.width)
    told = [(strip, tracer.rings(strip)) for strip in region_strips(strips)]
    end = end_of(told[-1][0])
    rings = [rings for _, rings in told] + [tracer.rings(end)]
    outlines, holes = {}, {}
    for found in rings:
        for number, region in enumerate(found.regions.tolist()):
            points = found.points_of(number).tolist()
            if found.outer[number]:
                assert region not in outlines
                outlines[region] = points
            else:
                holes.setdefault(region, []).append(points)
    return {
        region: shapely.Polygon(points, sorted(holes.get(region, [])))
        for region, points in outlines.items()
    }


@settings(max_examples=60, deadline=None, derandomize=True)
@given(class_maps(), st.integers(1, 14))
def test_polygons_are_those_of_gdal_on_the_whole_raster(tmp_path_factory, ids, rows):
    regions = regions_of(ids)
    mask = regions != NOTHING
    expected = {
        int(value): shape(geometry)
        for geometry, value in shapes(regions.astype("int32"), mask=mask, connectivity=4)
    }
    found = traced(tmp_path_factory.mktemp("strips"), ids, rows)
    assert set(found) == set(expected)
    for region, polygon in found.items():
        assert polygon.is_valid
        assert polygon.equals(expected[region])
    assert sum(polygon.area for polygon in found.values()) == mask.sum()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(class_maps(), st.integers(1, 14))
def test_neighbours_share_every_vertex_and_strips_leave_none(tmp_path_factory, ids, rows):
    found = traced(tmp_path_factory.mktemp("strips"), ids, rows)
    whole = traced(tmp_path_factory.mktemp("whole"), ids)
    assert {k: v.wkt for k, v in found.items()} == {k: v.wkt for k, v in whole.items()}
    assert shapely.coverage_is_valid(list(found.values()))


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_a_spiral_over_all_strips_is_one_ring(tmp_path, rows):
    ids = np.full((9, 9), NODATA)
    ids[0, :] = ids[:, 8] = ids[8, :] = ids[2:, 0] = ids[2, :7] = ids[2:7, 6] = ids[6, 2:7] = 1
    ids[4, 2:5] = ids[4:7, 2] = 1
    (polygon,) = traced(tmp_path, ids, rows).values()
    assert polygon.area == (ids == 1).sum()
    assert not polygon.interiors


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_hole_may_touch_the_outline_in_a_corner(tmp_path, rows):
    ids = [[1, 1, 1, 2], [1, 2, 1, 2], [1, 1, 2, 2], [2, 2, 2, 2]]
    found = traced(tmp_path, ids, rows)
    assert found[0].is_valid
    assert found[0].area == 7
    assert len(found[0].interiors) == 1


def test_straight_borders_have_vertices_only_where_three_regions_meet(tmp_path):
    ids = np.repeat([[1] * 8, [2] * 4 + [3] * 4], 3, axis=0)
    found = traced(tmp_path, ids, rows=2)
    assert set(found[0].exterior.coords) == {(0, 0), (8, 0), (8, 3), (4, 3), (0, 3)}
    assert set(found[24].exterior.coords) == {(0, 3), (4, 3), (4, 6), (0, 6)}
