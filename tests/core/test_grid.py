"""Windows and the sizes of pixels."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from covermap.core.grid import (
    Window,
    WindowIndex,
    pixel_size_m,
    resolution_m,
    same_lattice,
    shortest_side_m,
    tiles,
    whole,
    window_geobox,
)
from covermap.core.ground_area import row_areas_m2
from tiny import tiny_geobox

windows = st.builds(
    Window, st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 30), st.integers(1, 30)
)


def pixels(window):
    rows, cols = window.slices
    return {
        (row, col) for row in range(rows.start, rows.stop) for col in range(cols.start, cols.stop)
    }


@given(windows, windows)
def test_an_intersection_holds_the_common_pixels(one, other):
    common = one.intersection(other)
    assert (set() if common is None else pixels(common)) == pixels(one) & pixels(other)


@given(windows, st.integers(1, 40))
def test_tiles_hold_each_pixel_once_in_order(window, size):
    found = list(tiles(window, size))
    held = [pixel for tile in found for pixel in pixels(tile)]
    assert len(held) == len(set(held))
    assert set(held) == pixels(window)
    assert found == sorted(found)
    assert all(max(tile.shape) <= size for tile in found)


@given(windows, windows, st.integers(0, 5))
def test_a_window_grown_and_counted_from_another_stays_in_place(window, outer, margin):
    grown = window.expanded(margin)
    assert grown.shape == (window.height + 2 * margin, window.width + 2 * margin)
    assert grown.intersection(window) == window
    inner = window.relative_to(outer)
    assert (inner.row_off + outer.row_off, inner.col_off + outer.col_off) == (
        window.row_off,
        window.col_off,
    )


@pytest.mark.parametrize("pathology", [{}, {"south_up": True}, {"rotated": True}, {"crs": 4326}])
@pytest.mark.parametrize("window", [Window(3, 5, 4, 6), Window(-2, -3, 10, 30)])
def test_the_grid_of_a_window_keeps_every_pixel_in_its_place(pathology, window):
    box = tiny_geobox(10, 12, **pathology)
    cut = window_geobox(box, window)
    assert tuple(cut.shape) == window.shape
    for row, col in ((0, 0), window.shape):
        here = cut.affine @ (col, row)
        there = box.affine @ (col + window.col_off, row + window.row_off)
        np.testing.assert_allclose(here, there, rtol=1e-12)
    assert same_lattice(box, cut) == (window.row_off, window.col_off)
    assert whole(box) == Window(0, 0, 10, 12)


def test_the_size_of_a_pixel_is_in_metres():
    assert resolution_m(tiny_geobox(4, 4, resolution=20)) == pytest.approx((20, 20))
    assert resolution_m(tiny_geobox(4, 4, rotated=True)) == pytest.approx((10, 10))
    assert resolution_m(tiny_geobox(4, 4, crs=None)) == (1.0, 1.0)
    feet = GeoBox((4, 4), Affine(10, 0, 2e6, 0, -10, 7e5), "EPSG:2263")
    assert resolution_m(feet) == pytest.approx((10 * 1200 / 3937,) * 2)


def test_a_pixel_in_degrees_is_measured_on_the_ellipsoid():
    box = GeoBox((2, 2), Affine(0.001, 0, 15, 0, -0.001, 45.001), "EPSG:4326")
    width, height = resolution_m(box)
    # Degrees of longitude and latitude at 45 degrees north on WGS 84: 78,846.8 m and 111,131.7 m.
    assert width == pytest.approx(78.8468, abs=2e-3)
    assert height == pytest.approx(111.1317, abs=2e-3)
    assert pixel_size_m(box) == pytest.approx(np.sqrt(width * height))


@pytest.mark.parametrize(("latitude", "crs"), [(60, 3857), (20, 3857), (60, 3395)])
def test_a_projection_that_is_not_true_to_scale_is_measured_on_the_ground(latitude, crs):
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(15, latitude)
    box = GeoBox((40, 30), Affine(10, 0, x, 0, -10, y), f"EPSG:{crs}")
    geod = Geod(ellps="WGS84")
    corners = [box.affine @ place for place in ((0, 0), (30, 0), (30, 40), (0, 40))]
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(*np.transpose(corners))
    true = abs(geod.polygon_area_perimeter(lon, lat)[0])
    assert row_areas_m2(box).sum() * 30 == pytest.approx(true, rel=1e-4)
    width, height = resolution_m(box)
    assert width * height * 1200 == pytest.approx(true, rel=1e-3)
    assert width < 9.5


def test_pixels_of_projections_that_are_nearly_true_keep_their_nominal_size():
    for crs in (32633, 2154, 3035):
        x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(12, 48)
        box = GeoBox((40, 30), Affine(10, 0, x, 0, -10, y), f"EPSG:{crs}")
        assert resolution_m(box) == (10, 10)
        assert set(row_areas_m2(box)) == {100}


def test_rows_of_a_geographic_grid_have_areas_of_their_own():
    box = GeoBox((600, 1), Affine(0.1, 0, 0, 0, -0.1, 70), "EPSG:4326")
    areas = row_areas_m2(box)
    geod = Geod(ellps="WGS84")
    for row in (0, 300, 599):
        top, bottom = 70 - 0.1 * row, 70 - 0.1 * (row + 1)
        true = abs(geod.polygon_area_perimeter([0, 0.1, 0.1, 0], [top, top, bottom, bottom])[0])
        assert areas[row] == pytest.approx(true, rel=1e-4)
    assert row_areas_m2(tiny_geobox(3, 5, resolution=30)).tolist() == pytest.approx([900.0] * 3)


@given(st.lists(windows, max_size=30), windows)
def test_an_index_finds_the_windows_that_a_search_finds(many, window):
    searched = [place for place, other in enumerate(many) if other.intersection(window)]
    assert WindowIndex(many).met_by(window) == searched


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Affine(10, 0, 500_050, 0, -10, 4_999_970), (3, 5)),
        (Affine(10, 0, 499_990, 0, -10, 5_000_020), (-2, -1)),
        (Affine(10, 0, 500_005, 0, -10, 5_000_000), None),
        (Affine(20, 0, 500_000, 0, -20, 5_000_000), None),
        (Affine(10, 0, 500_000, 0, 10, 5_000_000), None),
    ],
)
def test_grids_share_a_lattice_when_their_pixels_coincide(other, expected):
    box = tiny_geobox(50, 50)
    assert same_lattice(box, GeoBox((50, 50), other, "EPSG:32633")) == expected
    assert same_lattice(box, GeoBox((50, 50), other, "EPSG:32632")) is None


def test_pixels_that_drift_apart_across_a_scene_share_no_lattice():
    box = tiny_geobox(10_000, 10_000)
    step = 10 * (1 + 5e-6)  # half a per mille of a pixel after 100 pixels, a twentieth at the end
    drifting = GeoBox((10_000, 10_000), Affine(step, 0, 500_000, 0, -step, 5_000_000), box.crs)
    assert same_lattice(box, drifting) is None


def test_the_shortest_side_in_degrees_is_that_nearest_to_a_pole():
    degree = 0.01
    north = GeoBox((1000, 10), Affine(degree, 0, 20, 0, -degree, 65), "EPSG:4326")
    south = GeoBox((1000, 10), Affine(degree, 0, 20, 0, -degree, -55), "EPSG:4326")
    for box, middle in ((north, 65 - degree / 2), (south, -65 + degree / 2)):
        width = Geod(ellps="WGS84").inv(20, middle, 20 + degree, middle)[2]
        assert shortest_side_m(box) == pytest.approx(width, rel=1e-9)
    assert shortest_side_m(tiny_geobox(4, 4, resolution=20, rotated=True)) == pytest.approx(20)
