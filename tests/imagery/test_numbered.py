"""Bands in files of their own that a number at the end of the name tells apart."""

import datetime

import numpy as np
import pytest

from covermap.core.errors import ImageryError
from covermap.core.grid import whole
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import shared_data, write_scene


def band_files(folder, images=("lc8_2015245_10_12", "lc8_2015245_10_13"), bands=7, crs=None):
    for place, image in enumerate(images):
        for band in range(1, bands + 1):
            write_scene(
                folder / f"{image}_{band}.tif",
                values=np.full((1, 8, 8), 100 * place + band),
                bands=("dn",),
                dtype="int32",
                descriptions=False,
                crs=crs,
            )
    return folder


def opened(folder, **settings):
    return open_scenes(ImagerySettings(path=str(folder), **settings), folder)


def names(scene):
    return [band.name for band in scene.bands]


def test_files_of_one_landsat_image_open_as_one_scene_in_the_order_of_their_numbers(tmp_path):
    scenes = opened(band_files(tmp_path))
    assert [scene.name for scene in scenes] == ["lc8_2015245_10_12", "lc8_2015245_10_13"]
    for place, scene in enumerate(scenes):
        assert names(scene) == [f"SR_B{number}" for number in range(1, 8)]
        assert scene.date == datetime.date(2015, 9, 2)
        values = scene.read(names(scene), whole(scene.geobox)).values[:, 0, 0]
        np.testing.assert_array_equal(values, 100 * place + np.arange(1, 8))


def test_the_guess_and_the_order_are_said(tmp_path):
    notes = " ".join(opened(band_files(tmp_path))[0].notes)
    assert "bands of one image: 1 coastal, 2 blue, 3 green," in notes
    assert "as landsat-oli counts, guessed from the file names: check" in notes


def test_bands_beyond_nine_stand_after_it(tmp_path):
    scenes = opened(band_files(tmp_path, ("a_x", "b_x"), bands=11))
    assert names(scenes[0]) == [f"band_{number}" for number in range(1, 12)]


def test_without_a_sensor_the_project_names_the_bands(tmp_path):
    scene = opened(
        band_files(tmp_path, ("north", "south"), bands=3), bands=["red", "green", "nir"]
    )[1]
    assert names(scene) == ["red", "green", "nir"]
    assert scene.read(["nir"], whole(scene.geobox)).values[0, 0, 0] == 103


@pytest.mark.parametrize(
    ("images", "bands", "crs"),
    [
        (("picture",), 5, None),  # numbered pictures of one folder
        (("before", "after"), 2, None),  # two of each: as well a before and an after
        (("north", "south"), 21, None),  # more than any sensor's bands
    ],
)
def test_numbers_that_may_count_pictures_stay_pictures(tmp_path, images, bands, crs):
    assert len(opened(band_files(tmp_path, images, bands, crs))) == len(images) * bands


def test_images_that_have_different_numbers_stay_pictures(tmp_path):
    band_files(tmp_path, ("north", "south"), 3)
    (tmp_path / "south_2.tif").unlink()
    assert len(opened(tmp_path)) == 5


def test_one_numbered_image_with_a_crs_is_one_scene(tmp_path):
    scenes = opened(band_files(tmp_path, ("mosaic",), 4, crs=32633))
    assert [names(scene) for scene in scenes] == [["band_1", "band_2", "band_3", "band_4"]]


def test_numbered_tiles_on_grids_of_their_own_stay_scenes(tmp_path):
    band_files(tmp_path, ("tile",), 3, crs=32633)
    write_scene(tmp_path / "tile_2.tif", bands=("dn",), height=9, width=8, crs=32633)
    assert len(opened(tmp_path, join=False)) == 3


def test_days_of_a_month_are_dates_and_no_bands(tmp_path):
    for day in (1, 2, 3):
        write_scene(tmp_path / f"ndvi_2020-06-0{day}.tif", bands=["NDVI"], height=9, width=8)
    assert len(opened(tmp_path)) == 3
    (stack,) = opened(tmp_path, stack="dates")
    assert names(stack) == ["NDVI@01", "NDVI@02", "NDVI@03"]


def test_a_missing_band_file_is_named(tmp_path):
    band_files(tmp_path, ("lc8_2015245_1_1", "lc8_2015245_1_2", "lc8_2015245_1_3"))
    (tmp_path / "lc8_2015245_1_2_4.tif").unlink()
    with pytest.raises(ImageryError, match=r"lc8_2015245_1_2 has the band files.*differ in 4\."):
        opened(tmp_path)


def test_real_patches_open_as_one_scene_each():
    folder = shared_data("landsat8_cdl_patches") / "input_32bit"
    scenes = opened(folder, join=False)
    assert len(scenes) == 34
    assert {tuple(names(scene)) for scene in scenes} == {tuple(f"SR_B{n}" for n in range(1, 8))}
    # Vegetation in September: near infrared stands out.
    values = scenes[0].read(["SR_B4", "SR_B5"], whole(scenes[0].geobox)).values
    assert np.median(values[1]) > 3 * np.median(values[0])
