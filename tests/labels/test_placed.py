"""Drawings around the Earth and across the antimeridian."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, window_geobox
from covermap.labels.density import read_density
from covermap.labels.kind_settings import DensitySettings
from covermap.labels.placed import placed_on
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from drawings import saved
from tiny import tiny_geobox

# One on each side of the antimeridian, one across it.
WEST, EAST = shapely.box(179.5, -16.5, 179.7, -16.3), shapely.box(-179.7, -17, -179.5, -16.8)
ACROSS = shapely.MultiPolygon(
    [shapely.box(179.9, -17.5, 180, -17.4), shapely.box(-180, -17.5, -179.9, -17.4)]
)
DRAWN = gpd.GeoDataFrame({"cover": ["a", "b", "c"]}, geometry=[WEST, EAST, ACROSS], crs=4326)


def read(path):
    return read_polygons(LabelSettings(path=str(path), attribute="cover"), Path())


def beyond(left):
    """200 x 200 pixels of 0.01 degrees around the antimeridian."""
    return GeoBox((200, 200), Affine(0.01, 0, left, 0, -0.01, -16), "EPSG:4326")


@pytest.mark.parametrize("zone", [33, 1, 60])
@pytest.mark.parametrize("turn", [0, 360])
def test_an_ocean_around_the_earth_lies_on_its_own_side_of_the_shore(tmp_path, zone, turn):
    grid = tiny_geobox(40, 50, crs=32600 + zone)
    middle = grid.extent.to_crs("EPSG:4326").centroid.coords[0]
    lon, lat = middle[0] + (turn if middle[0] < 0 else 0), middle[1]
    earth = shapely.box(-180 + turn / 2, -90, 180 + turn / 2, 90)
    land = shapely.box(lon, lat - 2, min(lon + 4, earth.bounds[2]), lat + 2)
    table = gpd.GeoDataFrame(
        {"cover": ["sea", "land"]}, geometry=[earth - land, land], crs="EPSG:4326"
    )
    target = read(saved(tmp_path / "a.gpkg", table)).burn(grid)
    assert target.labelled.all()
    # Half of the grid on either side, but for pixels that the meridian cuts.
    names = read(tmp_path / "a.gpkg").legend.names
    sea = target.index == names.index("sea")
    assert sea[:, :24].all()
    assert not sea[:, 26:].any()


@pytest.mark.parametrize("left", [179, -181])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32701", "EPSG:3832"])
def test_drawings_lie_on_both_sides_of_the_antimeridian(tmp_path, left, crs):
    grid = beyond(left)
    labels = read(saved(tmp_path / "a.gpkg", DRAWN.to_crs(crs)))
    target = labels.burn(grid)
    # Sides of a projected CRS bend a little between their corners.
    assert np.bincount(target.source[target.labelled]).tolist() == pytest.approx(
        [400, 400, 200], abs=12
    )
    assert (target.source[30:50, 50:70] == 0).mean() > 0.95
    assert (target.source[80:100, 130:150] == 1).mean() > 0.95
    assert (target.source[140:150, 90:110] == 2).mean() > 0.95
    window = Window(60, 95, 90, 105)
    part = labels.burn(window_geobox(grid, window))
    assert np.array_equal(part.source, target.source[window.slices])


def test_a_grid_that_stays_within_180_degrees_has_its_side_alone(tmp_path):
    grid = GeoBox((200, 100), Affine(0.01, 0, -180, 0, -0.01, -16), "EPSG:4326")
    target = read(saved(tmp_path / "a.gpkg", DRAWN.to_crs("EPSG:32701"))).burn(grid)
    assert np.unique(target.source).tolist() == [-1, 1, 2]
    assert (target.source == 2).sum() == pytest.approx(100, abs=8)


def test_a_shape_as_wide_as_a_map_of_the_earth_stays_so():
    earth = gpd.GeoDataFrame(geometry=[shapely.box(-180, -80, 180, 80)], crs=4326).to_crs(3857)
    (shape,) = placed_on(earth, tiny_geobox(8, 8, crs=4326)).geometry
    assert shape.bounds == pytest.approx((-180, -80, 180, 80))


@pytest.mark.parametrize("left", [179, -181])
def test_points_are_counted_on_both_sides_of_the_antimeridian(tmp_path, left):
    points = gpd.GeoDataFrame(geometry=[WEST.centroid, EAST.centroid], crs=4326)
    areas = saved(tmp_path / "areas.gpkg", DRAWN)
    settings = DensitySettings(points="p.gpkg", areas=areas.name)
    saved(tmp_path / "p.gpkg", points)
    counts = read_density(settings, tmp_path).counts(beyond(left))
    assert np.argwhere(counts.number).tolist() == [[40, 60], [90, 140]]
    assert counts.labelled.sum() == 1000
