"""Outlines of grids on the Earth."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from covermap.core.ground_area import row_areas_m2
from covermap.core.place import joined_bounds, place_of
from tiny import tiny_geobox


def grid(crs: str, left: float, top: float, pixel: float, shape=(100, 100)) -> GeoBox:
    return GeoBox(shape, Affine(pixel, 0, left, 0, -pixel, top), crs)


@pytest.mark.parametrize(
    "form", [{}, {"south_up": True}, {"rotated": True}, {"crs": 4326}, {"crs": 3035}]
)
def test_an_outline_holds_the_centres_of_all_pixels_and_none_outside(form):
    geobox = tiny_geobox(40, 60, 1000, **form)
    place = place_of(geobox)
    cols, rows = np.meshgrid(np.arange(-2, 62) + 0.5, np.arange(-2, 42) + 0.5)
    xs, ys = geobox.affine @ (cols.ravel(), rows.ravel())
    lon, lat = Transformer.from_crs(str(geobox.crs), "OGC:CRS84", always_xy=True).transform(xs, ys)
    inside = (cols.ravel() > 0) & (cols.ravel() < 60) & (rows.ravel() > 0) & (rows.ravel() < 40)
    assert (shapely.contains_xy(place.outline, lon, lat) == inside).all()
    west, south, east, north = place.bounds
    assert west <= lon[inside].min() <= lon[inside].max() <= east
    assert south <= lat[inside].min() <= lat[inside].max() <= north


def test_a_side_that_bends_gets_points_between_its_corners():
    wide = place_of(grid("EPSG:3035", 2_000_000, 5_000_000, 10_000, (200, 300)))
    assert len(wide.outline.exterior.coords) > 20
    small = place_of(tiny_geobox(60, 60))
    assert len(small.outline.exterior.coords) == 5
    assert small.outline.exterior.is_ccw


def test_without_a_place_there_is_none():
    assert place_of(tiny_geobox(10, 10, crs=None)) is None
    # The Earth seen from a satellite: corners of the picture look past it.
    disc = "+proj=geos +h=35785831 +lon_0=0 +sweep=y +type=crs"
    assert place_of(grid(disc, -5_500_000, 5_500_000, 110_000)) is None


def test_the_antimeridian_cuts_an_outline_in_two():
    # UTM zone 60 reaches to 180 degrees; the grid goes on for 40 km.
    geobox = grid("EPSG:32660", 700_000, 2_000_000, 1000, (50, 160))
    place = place_of(geobox)
    west, _, east, _ = place.bounds
    assert 178 < west <= 180
    assert -180 <= east < -179
    assert place.outline.geom_type == "MultiPolygon"
    lon = shapely.get_coordinates(place.outline)[:, 0]
    assert lon.min() == -180
    assert lon.max() == 180
    area = sum(part.area for part in place.outline.geoms)
    degrees = row_areas_m2(geobox).sum() * 160 / 111_320**2 / np.cos(np.radians(17.9))
    assert area == pytest.approx(degrees, rel=0.01)


def test_a_grid_around_a_pole_gets_its_cap():
    north = place_of(grid("EPSG:3413", -1_000_000, 1_000_000, 20_000))
    assert north.bounds[0] == -180
    assert north.bounds[2:] == (180, 90)
    assert 70 < north.bounds[1] < 80


def test_the_whole_earth_is_whole():
    assert place_of(grid("EPSG:4326", -180, 90, 1, (180, 360))).bounds == (-180, -90, 180, 90)
    from_greenwich = place_of(grid("EPSG:4326", 0, 90, 1, (180, 360)))
    assert from_greenwich.bounds == (-180, -90, 180, 90)
    assert from_greenwich.outline.area == pytest.approx(360 * 180)


@pytest.mark.parametrize(
    ("bounds", "joined"),
    [
        ([(1, 2, 3, 4)], (1, 2, 3, 4)),
        ([(1, 2, 3, 4), (-5, 0, 2, 3)], (-5, 0, 3, 4)),
        ([(179, 0, -179, 1), (177, 0, 178, 2)], (177, 0, -179, 2)),
        ([(170, 0, 175, 1), (-175, 0, -170, 1)], (170, 0, -170, 1)),
        ([(-10, 0, 10, 1), (179, 0, -179, 1)], (-180, 0, 180, 1)),
        ([(-180, -90, 180, 90), (1, 2, 3, 4)], (-180, -90, 180, 90)),
        ([(5, 2, 5, 4)], (5, 2, 5, 4)),
        ([(-54.2055288, 2, -54.1962028, 4)], (-54.2055288, 2, -54.1962028, 4)),
        ([(-170, 0, -160, 1), (-120, 0, -110, 1)], (-170, 0, -110, 1)),
    ],
)
def test_bounds_join_the_short_way_round(bounds, joined):
    assert joined_bounds(bounds) == joined
