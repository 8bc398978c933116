"""Bands that a project chooses or names, in whatever spelling."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from covermap.core.errors import ImageryError
from covermap.core.grid import whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import write_scene


def names(scene):
    return [band.name for band in scene.bands]


def test_bands_without_names_are_numbered_until_the_project_names_them(tmp_path):
    path = write_scene(tmp_path / "a.tif", descriptions=False)
    assert names(open_scene(path)) == ["band_1", "band_2", "band_3", "band_4"]
    settings = ImagerySettings(path="a.tif", bands=["blue", "green", "red", "nir"], scale=1e-4)
    scene = open_scenes(settings, tmp_path)[0]
    assert names(scene) == ["blue", "green", "red", "nir"]
    assert {band.unit for band in scene.bands} == {"reflectance"}


def test_bands_of_the_project_choose_among_named_bands(tmp_path):
    path = write_scene(tmp_path / "a.tif")
    scene = open_scene(path, ImagerySettings(path="a.tif", bands=["B08", "B04"]))
    with rasterio.open(path) as dataset:
        raw = dataset.read([4, 3])
    np.testing.assert_array_equal(scene.read(["B08", "B04"], whole(scene.geobox)).values, raw)


@pytest.mark.parametrize(
    ("own", "wanted", "order"),
    [
        (["B02", "B03", "B04", "B08"], ["B8", "B4", "B3", "B2"], [3, 2, 1, 0]),
        (["B2", "B3", "B4", "B8"], ["B8", "B4", "B3", "B2"], [3, 2, 1, 0]),
        (["B02", "B03", "B04", "B08"], ["nir", "red", "green", "blue"], [3, 2, 1, 0]),
        (["red", "green", "blue"], ["Blue", "Green", "Red"], [2, 1, 0]),
        (["B02", "B03", "B04", "B08"], ["B8", "B4"], [3, 2]),
        (["height", "slope"], ["Slope", "Height"], [1, 0]),
    ],
)
def test_bands_in_another_spelling_are_chosen_and_not_renamed_in_their_order(
    tmp_path, own, wanted, order
):
    path = write_scene(tmp_path / "a.tif", bands=own)
    scene = open_scene(path, ImagerySettings(path="a.tif", bands=wanted))
    assert names(scene) == wanted
    with rasterio.open(path) as dataset:
        raw = dataset.read([place + 1 for place in order])
    np.testing.assert_array_equal(scene.read(wanted, whole(scene.geobox)).values, raw)
    assert not any("renames" in note for note in scene.notes)


SPELLINGS = {
    "B01": ("b1", "coastal", "Coastal Aerosol"),
    "B02": ("B2", "b02", "blue", "BLUE"),
    "B04": ("B4", "Red", "red"),
    "B05": ("B5", "rededge1", "Vegetation Red Edge"),
    "B08": ("B8", "nir", "NIR", "b08"),
    "B8A": ("b8a", "Narrow NIR", "nir08"),
    "B11": ("b11", "swir1", "swir16"),
    "B12": ("b12", "SWIR2", "swir22"),
}


@given(data=st.data())
def test_bands_in_any_spelling_and_order_are_those_of_the_file(tmp_path_factory, data):
    own = data.draw(st.permutations(list(SPELLINGS)))
    chosen = data.draw(st.permutations(own))[: data.draw(st.integers(1, len(own)))]
    words = [data.draw(st.sampled_from([name, *SPELLINGS[name]])) for name in chosen]
    values = np.arange(1, 9)[:, None, None] * np.ones((8, 2, 3), int)
    path = write_scene(tmp_path_factory.mktemp("a") / "a.tif", bands=own, values=values)
    scene = open_scene(path, ImagerySettings(path="a.tif", bands=words))
    read = scene.read([band.name for band in scene.bands], whole(scene.geobox)).values
    assert read[:, 0, 0].tolist() == [own.index(name) + 1 for name in chosen]


def test_names_that_mean_nothing_in_a_file_rename_it_whole_and_that_is_told(tmp_path):
    path = write_scene(tmp_path / "a.tif", bands=["one", "two"])
    scene = open_scene(path, ImagerySettings(path="a.tif", bands=["red", "nir"]))
    assert [band.wavelength_nm for band in scene.bands] == [665, 833]
    assert "one is red, two is nir" in " ".join(scene.notes)
    # Landsat's numbers, in a file that does not tell its sensor.
    path = write_scene(tmp_path / "d.tif", bands=["B4", "B5", "B6"])
    scene = open_scene(path, ImagerySettings(path="d.tif", bands=["red", "nir", "swir1"]))
    assert [band.wavelength_nm for band in scene.bands] == [665, 833, 1612]
    assert "B05 is nir" in " ".join(scene.notes)
    with pytest.raises(ImageryError, match="'red' is not among its bands"):
        open_scene(path, ImagerySettings(path="d.tif", bands=["red"]))
    path = write_scene(tmp_path / "c.tif", bands=["B02", "B03", ""])
    scene = open_scene(path, ImagerySettings(path="c.tif", bands=["blue", "green", "mask"]))
    assert names(scene) == ["blue", "green", "mask"]
    path = write_scene(tmp_path / "b.tif", bands=["B02", "B03"])
    with pytest.raises(ImageryError, match="'infrared' is not among"):
        open_scene(path, ImagerySettings(path="b.tif", bands=["blue", "infrared"]))


def test_a_band_that_is_not_there_is_told_with_the_nearest(tmp_path):
    path = write_scene(tmp_path / "a.tif")
    with pytest.raises(ImageryError, match=r"'B05' is not among.*B02, B03"):
        open_scene(path, ImagerySettings(path="a.tif", bands=["B04", "B05"]))
