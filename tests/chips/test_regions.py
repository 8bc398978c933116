"""Which region each pixel lies in, whatever the CRS of a grid."""

import numpy as np
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from covermap.chips.regions import Regions

SIDE = 40


def grid(crs, lon, lat, pixel_m=30.0):
    """A grid whose middle lies at a place; in its zone of UTM without a CRS."""
    epsg = crs or 32601 + int((lon + 180) // 6)
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    unit = 111_320.0 if CRS.from_epsg(epsg).is_geographic else 1.0
    step = pixel_m / unit
    affine = Affine.translation(x - SIDE / 2 * step, y + SIDE / 2 * step) @ Affine.scale(
        step, -step
    )
    return GeoBox((SIDE, SIDE), affine, f"EPSG:{epsg}")


@given(
    lon=st.floats(-179, 179),
    lat=st.floats(-70, 70),
    wide=st.sampled_from([0.5, 4.0, 11.0]),
    crs=st.sampled_from([None, 3857, 4326]),
)
def test_sides_of_regions_are_as_straight_as_they_were_drawn(lon, lat, wide, crs):
    west = np.clip(lon - wide / 3, -180, 180 - wide)
    boxes = [shapely.box(west, lat + n * 2, west + wide, lat + n * 2 + 2) for n in (-1, 0)]
    regions = Regions(
        np.array(boxes), CRS.from_epsg(4326).to_wkt(), np.arange(2), np.zeros(2, np.int16)
    )
    box = grid(crs, lon, lat)
    cols, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    x, y = box.affine @ (cols, rows)
    _, north = Transformer.from_crs(box.crs.proj, 4326, always_xy=True).transform(x, y)
    # A metre of doubt on both sides.
    sure = np.abs(north - lat) > 1e-5
    assert np.array_equal(regions.numbers(box)[sure], (north > lat)[sure])
