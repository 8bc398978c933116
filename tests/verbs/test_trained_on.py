"""What a bundle says of the ground that taught it."""

import geopandas as gpd
import pytest
import shapely

from covermap.chips.parts import Training
from covermap.verbs.train import _trained_on

EAST, WEST = shapely.box(179.98, -17.1, 180, -17), shapely.box(-180, -17.1, -179.99, -17)


@pytest.mark.parametrize(
    ("shapes", "bounds"),
    [
        ([EAST, WEST], [179.98, -17.1, -179.99, -17.0]),
        ([shapely.MultiPolygon([EAST, WEST])], [179.98, -17.1, -179.99, -17.0]),
        ([shapely.box(15, 45, 15.5, 45.5), shapely.box(16, 44, 16.5, 45)], [15, 44, 16.5, 45.5]),
        ([None], None),
    ],
)
def test_bounds_of_the_training_chips_go_across_the_antimeridian(shapes, bounds):
    columns = {"split": ["train"] * len(shapes), "scene": ["a"] * len(shapes)}
    chips = gpd.GeoDataFrame(columns, geometry=shapes, crs="OGC:CRS84")
    told = _trained_on((), chips, Training("final", ("train",), (), ()))
    assert told["bounds_crs84"] == bounds
    assert told["chips"] == len(shapes)
