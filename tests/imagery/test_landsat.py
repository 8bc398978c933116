import datetime

import numpy as np
import pytest
import rasterio

from covermap.core.grid import whole
from covermap.imagery.opening import open_scene
from tiny import shared_data, write_scene

NAME = "LC08_L2SP_008059_20191201_20200825_02_T1"


def landsat(tmp_path, name=NAME, bands=("SR_B4", "ST_B10")):
    for band in bands:
        values = np.full((1, 6, 8), 20000)
        values[0, 0, 0] = 0
        write_scene(
            tmp_path / f"{name}_{band}.TIF", bands=[band], values=values, descriptions=False
        )
    flags = np.full((1, 6, 8), 0b1000000)  # clear
    for col, bit in enumerate(range(6)):
        flags[0, 3, col] |= 1 << bit
    write_scene(tmp_path / f"{name}_QA_PIXEL.TIF", bands=["qa"], values=flags, descriptions=False)
    return tmp_path


def test_flags_of_fill_cloud_cirrus_and_shadow_forbid_but_snow_does_not(tmp_path):
    scene = open_scene(landsat(tmp_path))
    raster = scene.read(["SR_B4"], whole(scene.geobox))
    assert list(raster.valid[0, 3]) == [False] * 5 + [True] * 3
    assert list(scene.cloud(whole(scene.geobox))[3]) == [False] + [True] * 4 + [False] * 3
    assert not raster.valid[0, 0, 0]


def test_reflectance_and_kelvin_come_from_the_guide_without_an_mtl(tmp_path):
    scene = open_scene(landsat(tmp_path))
    raster = scene.read(["SR_B4", "ST_B10"], whole(scene.geobox))
    assert raster.values[0, 5, 5] == pytest.approx(20000 * 2.75e-5 - 0.2)
    assert raster.values[1, 5, 5] == pytest.approx(20000 * 0.00341802 + 149)
    assert [band.unit for band in scene.bands] == ["reflectance", "kelvin"]
    assert any("no MTL" in note for note in scene.notes)


def test_the_level_2_group_is_used_where_level_1_repeats_its_keys(tmp_path):
    landsat(tmp_path)
    (tmp_path / f"{NAME}_MTL.txt").write_text(
        "GROUP = LANDSAT_METADATA_FILE\n GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS\n"
        "  REFLECTANCE_MULT_BAND_4 = 3.0e-05\n  REFLECTANCE_ADD_BAND_4 = -0.3\n"
        " END_GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS\n"
        " GROUP = LEVEL1_RADIOMETRIC_RESCALING\n  REFLECTANCE_MULT_BAND_4 = 2.0E-05\n"
        "  REFLECTANCE_ADD_BAND_4 = -0.1\n END_GROUP = LEVEL1_RADIOMETRIC_RESCALING\n"
        "END_GROUP = LANDSAT_METADATA_FILE\n"
    )
    raster = open_scene(tmp_path).read(["SR_B4"], whole(open_scene(tmp_path).geobox))
    assert raster.values[0, 5, 5] == pytest.approx(0.3)


def test_band_4_of_landsat_5_is_near_infrared(tmp_path):
    scene = open_scene(landsat(tmp_path, NAME.replace("LC08", "LT05"), ("SR_B3", "SR_B4")))
    assert [band.wavelength_nm for band in scene.bands] == [660, 835]
    assert scene.describe(["ndvi"])[0].unit == "index"


def test_real_product_agrees_with_its_guide():
    folder = shared_data("landsat_c2") / NAME
    scene = open_scene(folder)
    assert scene.date == datetime.date(2019, 12, 1)
    assert len(scene.bands) == 8
    raster = scene.read(["SR_B4", "ST_B10"], whole(scene.geobox))
    with rasterio.open(folder / f"{NAME}_SR_B4.TIF") as dataset:
        raw = dataset.read(1)
    with rasterio.open(folder / f"{NAME}_QA_PIXEL.TIF") as dataset:
        flags = dataset.read(1)
    assert np.array_equal(raster.valid[0], (raw != 0) & ((flags & 0b11111) == 0))
    good = raster.valid[0]
    np.testing.assert_allclose(raster.values[0][good], raw[good] * 2.75e-5 - 0.2, atol=1e-6)
    assert 280 < np.median(raster.values[1][raster.valid[1]]) < 320
