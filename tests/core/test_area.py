"""The pixels of an area, window by window."""

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from covermap.core.area import Ground
from covermap.core.grid import Window, whole
from tiny import tiny_geobox

SIDE = 40
PIXELS = GeoBox((SIDE, SIDE), Affine.identity(), None)
# Corners on the borders and centres of pixels, within the grid and far beyond it.
halves = st.integers(-SIDE, 3 * SIDE).map(lambda number: number / 2)
rings = st.lists(st.tuples(halves, halves), min_size=3, max_size=12)
windows = st.builds(
    Window, st.integers(0, 30), st.integers(0, 30), st.integers(1, 10), st.integers(1, 10)
)
HOLED = shapely.Point(20, 20).buffer(15.3) - shapely.Point(22, 18).buffer(6.1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(rings, min_size=1, max_size=3), windows)
@example([[(-5, -5), (45, -5), (45, 45), (-5, 45)]], Window(10, 10, 5, 5))
@example([[(57.5, 0), (60, -11.5), (-3, 24.5), (0, 0.5)]], Window(0, 26, 3, 10))
def test_windows_of_an_area_are_cut_from_the_whole(corners, window):
    drawn = shapely.make_valid([shapely.Polygon(ring) for ring in corners])
    area = shapely.union_all(drawn)
    polygons = [p for p in shapely.get_parts(shapely.get_parts(area)) if p.geom_type == "Polygon"]
    expected = np.zeros((SIDE, SIDE), np.uint8)
    if polygons:
        rasterio.features.rasterize(polygons, out=expected)
    other = Ground(PIXELS, area).mask(window) != (expected[window.slices] == 1)
    # A centre on an outline, to the last bits, is inside or outside as its numbers are rounded.
    rows, cols = np.nonzero(other)
    centres = shapely.points(cols + window.col_off + 0.5, rows + window.row_off + 0.5)
    assert (shapely.distance(centres, area.boundary) < 1e-12).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(windows)
def test_holes_stay_holes_in_every_window(window):
    expected = rasterio.features.rasterize([HOLED], out_shape=(SIDE, SIDE)) == 1
    assert np.array_equal(Ground(PIXELS, HOLED).mask(window), expected[window.slices])


@pytest.mark.parametrize("form", [{}, {"south_up": True}, {"rotated": True}])
def test_an_area_lies_on_any_grid(form):
    box = tiny_geobox(SIDE, SIDE, **form)
    area = shapely.transform(HOLED, lambda xy: np.array([box.affine @ tuple(p) for p in xy]))
    expected = rasterio.features.rasterize([HOLED], out_shape=(SIDE, SIDE)) == 1
    assert np.array_equal(Ground(box, area).mask(whole(box)), expected)


def test_a_window_takes_the_corners_around_it_alone(monkeypatch):
    turn = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    far = 300 + 10 * np.sin(400 * turn)
    star = shapely.Polygon(np.column_stack([far * np.cos(turn), far * np.sin(turn)]))
    box, window = GeoBox((700, 700), Affine.translation(-350, -350), None), Window(300, 630, 64, 40)
    expected = rasterio.features.rasterize([star], out_shape=(700, 700), transform=box.affine) == 1
    taken, burn = [], rasterio.features.rasterize
    monkeypatch.setattr(
        rasterio.features, "rasterize", lambda s, **more: (taken.extend(s), burn(s, **more))[1]
    )
    assert np.array_equal(Ground(box, star).mask(window), expected[window.slices])
    assert sum(len(ring) for shape in taken for ring in shape["coordinates"]) < 500


def test_without_an_area_all_is_wanted_and_without_ground_nothing():
    assert Ground(PIXELS, None).mask(Window(-3, 0, 5, 5)).all()
    for nothing in (shapely.Polygon(), shapely.LineString([(0, 0), (9, 9)])):
        assert not Ground(PIXELS, nothing).mask(Window(0, 0, 9, 9)).any()
