"""Law 2, the imagery side: values are in the unit that the band says, by the product's metadata."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.grid import whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import shared_data, write_scene


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    scale=st.sampled_from([1e-4, 2.75e-5, 1 / 255, 0.5]),
    offset=st.sampled_from([0.0, -0.1, -0.2, 149.0]),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "int32", "float32"]),
    tagged=st.booleans(),
)
def test_value_is_dn_times_scale_plus_offset(tmp_path_factory, scale, offset, dtype, tagged):
    folder = tmp_path_factory.mktemp("a")
    values = np.random.default_rng(0).integers(0, 120, (1, 9, 11))
    tags = {"scale": scale, "offset": offset} if tagged else {}
    write_scene(folder / "a.tif", bands=["B04"], values=values, dtype=dtype, **tags)
    said = {} if tagged else {"scale": scale, "offset": offset}
    scene = open_scenes(ImagerySettings(path="a.tif", **said), folder)[0]
    raster = scene.read(["B04"], whole(scene.geobox))
    assert scene.bands[0].unit == "reflectance"
    assert raster.values.dtype == np.float32
    np.testing.assert_array_equal(raster.values, (values * scale + offset).astype(np.float32))


def test_the_project_overrules_the_tags_of_the_file(tmp_path):
    write_scene(
        tmp_path / "a.tif", bands=["B04"], values=np.full((1, 3, 3), 2000), scale=0.5, offset=9
    )
    for said, expected in (({"scale": 1e-4, "offset": 0}, 0.2), ({"scale": 1e-4}, 9.2)):
        scene = open_scenes(ImagerySettings(path="a.tif", **said), tmp_path)[0]
        raster = scene.read(["B04"], whole(scene.geobox))
        np.testing.assert_allclose(raster.values, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("said", "unit"), [({}, "dn"), ({"scale": 1e-4}, "reflectance"), ({"unit": "kelvin"}, "kelvin")]
)
def test_a_file_that_says_nothing_is_plain_numbers_until_the_project_speaks(tmp_path, said, unit):
    write_scene(tmp_path / "a.tif", bands=["B04"])
    scene = open_scenes(ImagerySettings(path="a.tif", **said), tmp_path)[0]
    assert scene.bands[0].unit == unit


@pytest.mark.parametrize(
    "name",
    [
        "sentinel2_safe/S2A_MSIL2A_20221005T115411_N0400_R023_T29UNU_20221005T164454.SAFE",
        "sentinel2_safe/S2A_MSIL2A_20181229T095411_N0211_R079_T33SVB_20181229T112231.SAFE",
        "sentinel2_cog/S2A_33TWL_20230815_0_L2A",
        "sentinel2_cog/S2B_33TWL_20230820_0_L2A",
        "sentinel2_cog/S2A_29RKH_20200219_0_L2A",
        "landsat_c2/LC08_L2SP_008059_20191201_20200825_02_T1",
    ],
)
def test_real_products_of_every_baseline_are_reflectance(name):
    scene = open_scene(shared_data(name))
    optical = [band.name for band in scene.bands if band.unit == "reflectance"]
    raster = scene.read(optical, whole(scene.geobox))
    for values, valid in zip(raster.values, raster.valid, strict=True):
        low, high = np.percentile(values[valid], [1, 99])
        assert -0.05 < low < high < 1.0
        assert (values[valid] < 0).mean() < 0.02
