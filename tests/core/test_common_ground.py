"""Whether grids show common ground."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.ndimage import binary_dilation

from covermap.core.common_ground import (
    Outlines,
    common_share,
    covered_by,
    outline_on,
    shape_on,
    share_ground,
)
from covermap.core.place import place_of
from tiny import tiny_geobox

BOX = tiny_geobox(64, 80)


def degrees(west, north=-17.0, side=100, pixel=1e-4):
    return GeoBox((side, side), Affine(pixel, 0, west, 0, -pixel, north), "EPSG:4326")


def utm(zone, lon, lat=-17.0, side=512):
    """A grid of 10 m whose upper left corner is near a place in the south."""
    crs = f"EPSG:{32700 + zone}"
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return GeoBox((side, side), Affine(10, 0, round(x, -1), 0, -10, round(y, -1)), crs)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    east=st.floats(-110, 110),
    south=st.floats(-90, 90),
    scale=st.sampled_from([0.5, 1.0, 2.5]),
    turn=st.sampled_from([0, 0, 30, 90]),
)
def test_grids_of_one_crs_share_what_their_outlines_share(east, south, scale, turn):
    affine = BOX.affine @ Affine.translation(east, south) @ Affine.rotation(turn)
    other = GeoBox((40, 30), affine @ Affine.scale(scale), BOX.crs)
    common = shapely.area(BOX.extent.geom & other.extent.geom) / 100
    smaller = min(64 * 80, 40 * 30 * scale**2)
    assert common_share(BOX, other) == pytest.approx(common / smaller, abs=1e-6)
    if common > 3:
        assert share_ground(BOX, other, 0.02)
        assert share_ground(other, BOX)
    if not BOX.extent.geom.buffer(0.5).intersects(other.extent.geom):
        assert not share_ground(BOX, other)
    assert share_ground(BOX, other) <= (Outlines([other]).near(BOX) == [0])


@settings(max_examples=40, derandomize=True, deadline=None)
@given(
    east=st.integers(-60, 90),
    south=st.integers(-60, 70),
    scale=st.sampled_from([0.5, 1.0, 2.0]),
    part=st.sampled_from([0.0, 0.37]),
)
def test_a_grid_covers_the_pixels_that_it_touches(east, south, scale, part):
    affine = BOX.affine @ Affine.translation(east + part, south) @ Affine.scale(scale)
    other = GeoBox((30, 40), affine, BOX.crs)
    rows, cols = np.indices(BOX.shape)
    left, top = east + part, south
    wide, high = 40 * scale, 30 * scale
    common = (np.minimum(cols + 1, left + wide) - np.maximum(cols, left)).clip(0)
    common = common * (np.minimum(rows + 1, top + high) - np.maximum(rows, top)).clip(0)
    covered = covered_by(BOX, other)
    assert covered[common > 0].all()
    if scale == 1 and not part:
        assert np.array_equal(covered, common > 0)
    # Pixels that only share an edge may be taken for covered.
    assert not (covered & ~binary_dilation(common > 0, np.ones((3, 3)))).any()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    pixel=st.sampled_from([3.3, 5.0, 10.0, 14.0, 20.0]),
    angle=st.sampled_from([0, 3, 20, 45, 90, 200]),
    aside=st.tuples(st.sampled_from([0, 2.5, 5, 7.3]), st.sampled_from([0, 2.5, 5, 7.3])),
    south_up=st.booleans(),
    dense=st.sampled_from([0.02, 0.5]),
    seed=st.integers(0, 99),
)
def test_what_some_pixels_cover_is_found_to_the_sliver(pixel, angle, aside, south_up, dense, seed):
    left, top = BOX.affine @ (30 + aside[0] / 10, 20 + aside[1] / 10)
    affine = Affine.translation(left, top) @ Affine.rotation(angle)
    affine *= Affine.scale(pixel, pixel if south_up else -pixel)
    other = GeoBox((17, 23), affine, BOX.crs)
    shown = np.random.default_rng(seed).random((17, 23)) < dense
    rows, cols = np.nonzero(shown)
    x = cols[:, None] + np.array([0, 1, 1, 0])
    y = rows[:, None] + np.array([0, 0, 1, 1])
    x, y = ~BOX.affine @ (other.affine @ (x, y))
    outlines = shapely.polygons(np.stack([x, y], axis=-1))
    row, col = np.indices(BOX.shape).reshape(2, -1)
    cells = shapely.box(col, row, col + 1, row + 1)
    cell, outline = shapely.STRtree(outlines).query(cells, predicate="intersects")
    common = shapely.area(shapely.intersection(cells[cell], outlines[outline]))
    most = np.zeros(len(cells))
    np.maximum.at(most, cell, common)
    covered = covered_by(BOX, other, shown).ravel()
    # Narrower than a hundredth of a pixel may be rounding, or ground.
    assert covered[most > 1e-2].all()
    assert not covered[most < 1e-9].any()


@pytest.mark.parametrize("grid", [BOX, utm(32, 15.0)])
def test_pixels_that_are_not_shown_cover_nothing(grid):
    assert not covered_by(grid, BOX, np.zeros(BOX.shape, bool)).any()
    assert covered_by(BOX, BOX, np.eye(64, 80, dtype=bool)).sum() == 64


@pytest.mark.parametrize("aside", [(80, 0), (-80, 0), (0, 64), (80, 64)])
def test_neighbours_on_a_lattice_share_nothing(aside):
    assert not share_ground(BOX, BOX.translate_pix(*aside))
    inward = [step - (step > 0) + (step < 0) for step in aside]
    assert share_ground(BOX, BOX.translate_pix(*inward))


def test_common_ground_is_as_wide_as_is_asked():
    other = BOX.translate_pix(79.6, 10)
    assert share_ground(BOX, other)
    assert share_ground(BOX, other, 0.3)
    assert not share_ground(BOX, other, 0.5)
    assert not share_ground(BOX, BOX.translate_pix(80.5, 10))
    assert share_ground(BOX, BOX.translate_pix(80.5, 10), -1)


def test_a_picture_shares_ground_with_no_place():
    picture = tiny_geobox(64, 80, crs=None)
    assert not share_ground(picture, BOX)
    assert not share_ground(BOX, picture)
    assert share_ground(picture, picture.translate_pix(5, 5))
    assert not share_ground(picture, picture.translate_pix(80, 0))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (degrees(180.0), degrees(-180.0), True),
        (degrees(180.0), degrees(-180.00003), True),
        (degrees(179.995), degrees(-180.0), True),
        (degrees(179.98), degrees(-180.0), False),
        (degrees(180.0), utm(60, 179.99), True),
        (degrees(-180.0), utm(60, 179.99), True),
        (degrees(-180.0), utm(1, -179.995), True),
        (degrees(180.0), utm(1, -179.995), True),
        (degrees(-0.02, pixel=4e-4), utm(60, 179.98), False),
        (utm(60, 179.98), utm(1, -179.99), True),
        (utm(60, 179.98), utm(60, 178.5), False),
        (utm(60, 178.5), utm(1, -179.99), False),
    ],
)
def test_ground_is_common_across_the_antimeridian(one, other, same):
    assert share_ground(one, other) is same
    assert share_ground(other, one) is same
    for box, seen in ((one, other), (other, one)):
        assert (Outlines([degrees(40.0), seen]).near(box) == [1]) is same


def test_a_footprint_that_was_cut_is_whole_again_in_pixels():
    for grid in (utm(60, 179.98), degrees(179.98, side=400)):
        outline = place_of(grid).outline
        assert outline.geom_type == "MultiPolygon"
        found = shape_on(grid, outline)
        height, width = grid.shape
        whole = shapely.box(0, 0, width, height)
        assert found.symmetric_difference(whole).area < 2 * height
        assert outline_on(grid, grid).symmetric_difference(whole).area < 1e-3
