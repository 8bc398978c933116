"""Ground areas against geodesic polygons (GeographicLib through pyproj)."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from covermap.core.ground_area import GroundArea
from tiny import tiny_geobox

GRIDS = {
    "utm": tiny_geobox(2000, 3000),
    "south_up": tiny_geobox(2000, 3000, south_up=True),
    "rotated": tiny_geobox(2000, 3000, rotated=True),
    "geographic": tiny_geobox(2000, 3000, crs=4326),
    "web_mercator": GeoBox((2000, 3000), Affine(30, 0, 1.6e6, 0, -30, 6.2e6), "EPSG:3857"),
    "equal_area": GeoBox((2000, 3000), Affine(30, 0, 4.0e6, 0, -30, 3.2e6), "EPSG:3035"),
    "feet": GeoBox((2000, 3000), Affine(30, 0, 9e5, 0, -30, 2e5), "EPSG:2263"),
    "antimeridian": GeoBox((50, 400), Affine(0.001, 0, 179.8, 0, -0.001, -17), "EPSG:4326"),
}


def geodesic_area(geobox, row, col, length):
    """Area of a run of pixels whose outline is followed pixel by pixel."""
    crs = CRS.from_user_input(str(geobox.crs))
    edge = [(col + step, row) for step in range(length + 1)]
    edge += [(col + length - step, row + 1) for step in range(length + 1)]
    x, y = np.array([geobox.affine @ corner for corner in edge]).T
    lon, lat = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    return abs(crs.get_geod().polygon_area_perimeter(lon, lat)[0])


@pytest.mark.parametrize("name", GRIDS)
def test_a_run_covers_the_ground_of_its_outline(name):
    geobox = GRIDS[name]
    ground = GroundArea(geobox)
    for row, col, length in ((3, 7, 40), (45, 300, 5), (int(geobox.shape[0]) - 1, 0, 1)):
        units = ground.units(np.array([row]), np.array([col]), np.array([length]))
        expected = geodesic_area(geobox, row, col, length)
        assert float(units[0]) * ground.unit == pytest.approx(expected, rel=3e-6)


def test_the_whole_earth_has_its_area():
    ground = GroundArea(GeoBox((1800, 3600), Affine(0.1, 0, -180, 0, -0.1, 90), "EPSG:4326"))
    rows = np.arange(1800)
    units = ground.units(rows, np.zeros(1800, int), np.full(1800, 3600))
    # Moritz 2000, Geodetic Reference System 1980: the surface of the ellipsoid.
    assert units.sum() * ground.unit == pytest.approx(5.10065622e14, rel=1e-4)


def test_a_pixel_of_a_picture_is_one():
    ground = GroundArea(tiny_geobox(7, 9, crs=None))
    units = ground.units(np.array([0, 6]), np.array([0, 2]), np.array([9, 3]))
    assert (units * ground.unit).tolist() == [9, 3]
    assert ground.pixel == 1


def test_a_grid_of_one_pixel_has_an_area():
    ground = GroundArea(tiny_geobox(1, 1))
    assert ground.units(np.array([0]), np.array([0]), np.array([1]))[0] * ground.unit > 99
