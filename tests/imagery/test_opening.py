import datetime
import re
import shutil

import numpy as np
import pytest
import rasterio
import shapely

from covermap.core.errors import ImageryError
from covermap.core.grid import Window, whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import shared_data, tiny_geobox, write_scene


def names(scene):
    return [band.name for band in scene.bands]


def test_descriptions_name_the_bands_of_one_file(tmp_path):
    scene = open_scene(write_scene(tmp_path / "scene_20200716.tif"))
    assert names(scene) == ["B02", "B03", "B04", "B08"]
    assert scene.bands[3].wavelength_nm == 833
    assert scene.date == datetime.date(2020, 7, 16)
    assert {band.unit for band in scene.bands} == {"dn"}


def test_scale_lists_must_fit_the_bands(tmp_path):
    path = write_scene(tmp_path / "a.tif")
    with pytest.raises(ImageryError, match="scale: has 2 values for 4 bands"):
        open_scene(path, ImagerySettings(path="a.tif", scale=[1e-4, 1e-4]))


def test_scale_tags_of_the_file_mean_reflectance(tmp_path):
    scene = open_scene(write_scene(tmp_path / "a.tif", scale=1e-4, offset=-0.1))
    raster = scene.read(["B02"], Window(0, 0, 4, 4))
    assert scene.bands[0].unit == "reflectance"
    with rasterio.open(tmp_path / "a.tif") as dataset:
        raw = dataset.read(1)[:4, :4]
    np.testing.assert_allclose(raster.values[0], raw * 1e-4 - 0.1, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"scale": 2e-4}, (2e-4, -0.1)),
        ({"offset": 0.0}, (1e-4, 0.0)),
        ({"scale": 2e-4, "offset": 0.5}, (2e-4, 0.5)),
        ({"unit": "reflectance"}, (1e-4, -0.1)),
    ],
)
def test_what_a_project_does_not_give_stays_as_the_file_declares_it(tmp_path, given, expected):
    path = write_scene(tmp_path / "a.tif", scale=1e-4, offset=-0.1)
    scene = open_scene(path, ImagerySettings(path="a.tif", **given))
    with rasterio.open(path) as dataset:
        raw = dataset.read(1)
    values = scene.read(["B02"], whole(scene.geobox)).values[0]
    np.testing.assert_allclose(values, raw * expected[0] + expected[1], atol=1e-6)


def test_a_band_named_as_an_index_is_an_index(tmp_path):
    scene = open_scene(write_scene(tmp_path / "a.tif", bands=["NDVI"], dtype="float32"))
    assert scene.bands[0].unit == "index"


@pytest.mark.parametrize(
    "pathology",
    [{"south_up": True}, {"rotated": True}, {"crs": 4326}, {"crs": None}, {"dtype": "int16"}],
)
def test_unusual_grids_open_and_read(tmp_path, pathology):
    scene = open_scene(write_scene(tmp_path / "a.tif", **pathology))
    raster = scene.read(["B04"], Window(2, 3, 20, 30))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(raster.values[0], dataset.read(3)[2:22, 3:33])
    assert raster.valid.all()


def test_alpha_is_validity_and_never_data(tmp_path):
    rgb = ("red", "green", "blue")
    scene = open_scene(write_scene(tmp_path / "a.tif", bands=rgb, dtype="uint8", alpha=True))
    assert names(scene) == list(rgb)
    valid = scene.read(["red"], whole(scene.geobox)).valid[0]
    assert not valid[:8, :10].any()
    assert valid.sum() == valid.size - 80
    assert any("alpha" in note for note in scene.notes)


def test_a_fourth_8_bit_band_with_many_values_is_data_although_gdal_calls_it_alpha(tmp_path):
    path = tmp_path / "a.tif"
    data = np.random.default_rng(0).integers(1, 200, (4, 30, 30)).astype("uint8")
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=4, height=30, width=30
    ) as out:
        out.write(data)
        out.colorinterp = [rasterio.enums.ColorInterp(v) for v in (3, 4, 5, 6)]
    scene = open_scene(path)
    assert len(scene.bands) == 4
    assert scene.read(["band_4"], whole(scene.geobox)).valid.all()


def test_naming_four_bands_overrides_the_alpha(tmp_path):
    rgb = ("red", "green", "blue")
    write_scene(tmp_path / "a.tif", bands=rgb, dtype="uint8", alpha=True, descriptions=False)
    settings = ImagerySettings(path="a.tif", bands=["red", "green", "blue", "nir"])
    scene = open_scenes(settings, tmp_path)[0]
    assert names(scene) == ["red", "green", "blue", "nir"]
    assert scene.read(["red"], whole(scene.geobox)).valid.all()


def world(tmp_path):
    fine, coarse = tiny_geobox(40, 60), tiny_geobox(20, 30, resolution=20)
    for band in ("B02", "B04", "B08"):
        write_scene(
            tmp_path / f"{band}.tif", bands=[band], geobox=fine, scale=1e-4, height=40, width=60
        )
    write_scene(tmp_path / "B11.tif", bands=["B11"], geobox=coarse, scale=1e-4, height=20, width=30)
    scl = np.full((1, 20, 30), 4)
    scl[0, :5, :5], scl[0, 5:7, 5:7], scl[0, 10, 10] = 9, 3, 0
    write_scene(tmp_path / "SCL.tif", bands=["SCL"], geobox=coarse, values=scl, dtype="uint8")
    write_scene(tmp_path / "truth.tif", bands=["truth"], geobox=fine, height=40, width=60)
    (tmp_path / "labels.gpkg").write_bytes(b"")
    return np.kron(scl[0], np.ones((2, 2), int))


def test_a_world_folder_opens_as_one_scene_with_its_scl(tmp_path):
    scl = world(tmp_path)
    scene = open_scene(tmp_path)
    assert names(scene) == ["B02", "B04", "B08", "B11"]
    assert scene.geobox.shape == (40, 60)
    raster = scene.read(["B02", "B11", "ndvi"], whole(scene.geobox))
    assert np.array_equal(raster.valid[0], scl == 4)
    assert np.array_equal(raster.valid[1], scl == 4)
    assert np.array_equal(scene.cloud(whole(scene.geobox)), (scl == 9) | (scl == 3))
    notes = " ".join(scene.notes)
    assert "labels.gpkg" in notes
    assert "truth.tif" in notes
    assert "0, 1, 3, 8, 9, 10" in notes
    assert {path.name for path in scene.files} == {
        "B02.tif", "B04.tif", "B08.tif", "B11.tif", "SCL.tif"
    }  # fmt: skip


@pytest.mark.parametrize("path", [["coastal_2020.tif", "inland_2020.tif"], "*.tif", "."])
def test_a_word_in_the_name_of_a_file_with_several_bands_is_no_band(tmp_path, path):
    for place, name in enumerate(("coastal_2020", "inland_2020")):
        write_scene(
            tmp_path / f"{name}.tif",
            bands=["red", "green", "blue"],
            geobox=tiny_geobox(40, 40).translate_pix(0, place * 1000),
        )
    scenes = open_scenes(ImagerySettings(path=path), tmp_path)
    assert [scene.name for scene in scenes] == ["coastal_2020", "inland_2020"]
    assert {tuple(names(scene)) for scene in scenes} == {("red", "green", "blue")}


def test_numbers_of_plots_that_lie_apart_are_no_bands(tmp_path):
    for place, name in enumerate(("A1", "B1", "B2")):
        box = tiny_geobox(40, 40).translate_pix(0, place * 1000)
        write_scene(tmp_path / f"plot_{name}.tif", bands=["height"], geobox=box)
    scenes = open_scenes(ImagerySettings(path="."), tmp_path)
    assert [scene.name for scene in scenes] == ["plot_A1", "plot_B1", "plot_B2"]


def test_harmonized_landsat_has_landsats_bands_and_no_kelvin(tmp_path):
    for kind in ("L30", "S30"):
        for band in ("B04", "B05", "B10"):
            path = tmp_path / kind / f"HLS.{kind}.T33TWM.2020123T095411.v2.0.{band}.tif"
            write_scene(path, bands=["band"], scale=1e-4)
    one, other = open_scenes(ImagerySettings(path="."), tmp_path)
    assert [band.wavelength_nm for band in one.bands] == [655, 865]
    assert [band.wavelength_nm for band in other.bands] == [665, 704, 1375]
    assert one.date == other.date == datetime.date(2020, 5, 2)
    assert one.describe(["ndvi"])[0].unit == "index"
    assert "B10" in " ".join(one.notes)


def test_what_is_named_one_by_one_is_a_scene_also_beside_bands(tmp_path):
    world(tmp_path)
    bands, truth = ["B02.tif", "B04.tif", "SCL.tif"], "truth.tif"
    one, other = open_scenes(ImagerySettings(path=[*bands, truth]), tmp_path)
    assert (names(one), other.name) == (["B02", "B04"], "truth")
    assert one.notes[0].startswith("quality")
    (one,) = open_scenes(ImagerySettings(path=[*bands, "tru*.tif"]), tmp_path)
    assert "truth.tif" in one.notes[0]


@pytest.mark.parametrize("path", ["SCL.tif", "S*.tif", ["B02.tif", "other_SCL.tif"]])
def test_a_quality_layer_without_its_bands_is_refused(tmp_path, path):
    world(tmp_path)
    shutil.copy(tmp_path / "SCL.tif", tmp_path / "other_SCL.tif")
    with pytest.raises(ImageryError, match=r"SCL.tif: is a quality layer by its name.*path: "):
        open_scenes(ImagerySettings(path=path), tmp_path)


def test_quality_settings_replace_the_default_classes(tmp_path):
    scl = world(tmp_path)
    settings = ImagerySettings(path=".", quality={"path": "SCL.tif", "invalid": [0, 9]})
    scene = open_scenes(settings, tmp_path)[0]
    assert np.array_equal(scene.read(["B02"], whole(scene.geobox)).valid[0], ~np.isin(scl, [0, 9]))
    assert np.array_equal(scene.cloud(whole(scene.geobox)), scl == 9)


@pytest.mark.parametrize("crs", [None, 32633])
def test_files_without_a_place_lie_pixel_on_pixel_or_are_refused(tmp_path, crs):
    write_scene(tmp_path / "B02.tif", bands=["B02"], crs=crs)
    write_scene(tmp_path / "B04.tif", bands=["B04"], crs=None, seed=1)
    mask = np.arange(64 * 80).reshape(1, 64, 80) % 2
    png = {"dtype": "uint8", "crs": None, "driver": "PNG", "descriptions": False}
    write_scene(tmp_path / "mask.png", values=mask, **png)
    quality = {"path": "mask.png", "invalid": [1]}
    (scene,) = open_scenes(ImagerySettings(path="B*.tif", quality=quality), tmp_path)
    assert scene.geobox == tiny_geobox(64, 80, crs=crs)
    raster = scene.read(["B02", "B04"], whole(scene.geobox))
    for row, name in enumerate(("B02", "B04")):
        with rasterio.open(tmp_path / f"{name}.tif") as dataset:
            clear = mask[0] == 0
            assert np.array_equal(raster.valid[row], clear)
            np.testing.assert_array_equal(raster.values[row][clear], dataset.read(1)[clear])
    write_scene(tmp_path / "B11.tif", bands=["B11"], height=32, width=40, crs=None)
    with pytest.raises(ImageryError, match=r"B11.tif: is 40 x 32 pixels.*80 x 64.*gdal_translate"):
        open_scenes(ImagerySettings(path="B*.tif"), tmp_path)
    small = {"path": "B11.tif", "invalid": [1]}
    with pytest.raises(ImageryError, match=r"B11.tif: is 40 x 32 .* nearest"):
        open_scenes(ImagerySettings(path="B0*.tif", quality=small), tmp_path)


def test_a_band_of_the_image_can_be_its_quality(tmp_path):
    data = np.random.default_rng(0).integers(1, 9, (3, 12, 12))
    data[2] = 0
    data[2, :3] = 4
    write_scene(tmp_path / "a.tif", bands=["red", "nir", "fmask"], values=data)
    settings = ImagerySettings(path="a.tif", quality={"band": "fmask", "invalid": [4]})
    scene = open_scenes(settings, tmp_path)[0]
    assert names(scene) == ["red", "nir"]
    assert np.array_equal(scene.read(["red"], whole(scene.geobox)).valid[0], data[2] == 0)


@pytest.mark.parametrize(
    ("band", "wanted"),
    [
        ("SCL", None),
        ("scl", ["B08", "B04"]),
        (3, None),
        (3, ["B08", "B04"]),
        ("SCL", ["B08", "B04", "SCL"]),
    ],
)
def test_the_quality_layer_of_a_file_may_be_named(tmp_path, band, wanted):
    data = np.full((3, 12, 12), 400)
    data[2] = 4
    data[2, :3], data[2, 3] = 9, 3
    write_scene(tmp_path / "a.tif", bands=["B04", "B08", "SCL"], values=data)
    settings = ImagerySettings(path="a.tif", bands=wanted, quality={"band": band, "invalid": [9]})
    (scene,) = open_scenes(settings, tmp_path)
    assert sorted(names(scene)) == ["B04", "B08"]
    assert np.array_equal(scene.read(["B04"], whole(scene.geobox)).valid[0], data[2] != 9)
    assert not scene.cloud(Window(3, 0, 9, 12)).any()


def test_the_quality_band_may_have_the_name_that_the_project_gives(tmp_path):
    data = np.full((3, 12, 12), 400)
    data[1] = 0
    data[1, :3] = 4
    write_scene(tmp_path / "a.tif", values=data, bands=["x"] * 3, descriptions=False)
    settings = ImagerySettings(path="a.tif", bands=["red", "mask", "nir"], quality={"band": "mask"})
    (scene,) = open_scenes(settings, tmp_path)
    assert [band.wavelength_nm for band in scene.bands] == [665, 833]
    assert np.array_equal(scene.read(["nir"], whole(scene.geobox)).valid[0], data[1] == 0)


def test_a_number_names_no_band_of_files(tmp_path):
    world(tmp_path)
    with pytest.raises(ImageryError, match=r"band: 1 is no number of a band.*B02, B04"):
        open_scenes(ImagerySettings(path=".", quality={"band": 1}), tmp_path)
    (scene,) = open_scenes(ImagerySettings(path=".", quality={"band": "SCL"}), tmp_path)
    assert not scene.read(["B02"], Window(0, 0, 8, 8)).valid.any()


def test_a_glob_opens_images_in_a_project_folder_of_any_name(tmp_path):
    write_scene(tmp_path / "proj [v2]" / "sc" / "a.tif")
    (scene,) = open_scenes(ImagerySettings(path="sc/*.tif"), tmp_path / "proj [v2]")
    assert scene.name == "a"


def test_several_scenes_are_refused_where_one_is_asked_for(tmp_path):
    for name in ("one.tif", "two.tif"):
        write_scene(tmp_path / name)
    assert len(open_scenes(ImagerySettings(path="*.tif"), tmp_path)) == 2
    with pytest.raises(ImageryError, match=r"2 scenes .*expected one"):
        open_scene(tmp_path)


def test_pieces_in_degrees_join_although_their_pixels_differ_in_metres(tmp_path):
    whole_box = tiny_geobox(20_000, 40, crs=4326)
    for row in (0, 10_000):
        piece = whole_box[row : row + 8, :] if row else whole_box[:10_000, :]
        values = np.full((1, *piece.shape), 500)
        write_scene(tmp_path / f"piece-{row}.tif", bands=["B02"], geobox=piece, values=values)
    (scene,) = open_scenes(ImagerySettings(path="*.tif"), tmp_path)
    assert scene.geobox.shape == (10_008, 40)


def test_adjoining_tiles_open_as_one_scene(tmp_path):
    data = np.random.default_rng(1).integers(200, 3000, (1, 40, 60))
    box = tiny_geobox(40, 60)
    parts = {"a": np.s_[0:40, 0:32], "b": np.s_[0:40, 28:60]}
    for name, part in parts.items():
        write_scene(
            tmp_path / f"{name}.tif",
            bands=["B02"],
            geobox=box[part],
            values=data[(slice(None), *part)],
        )
    scene = open_scene(tmp_path)
    assert scene.geobox.shape == (40, 60)
    np.testing.assert_array_equal(scene.read(["B02"], whole(scene.geobox)).values, data)
    np.testing.assert_array_equal(
        scene.read(["B02"], Window(5, 25, 9, 12)).values[0], data[0, 5:14, 25:37]
    )


def test_pictures_of_the_same_ground_stay_apart(tmp_path):
    for name in ("a", "b"):
        write_scene(tmp_path / f"{name}.tif", bands=["B02"])
    assert len(open_scenes(ImagerySettings(path="."), tmp_path)) == 2


def test_the_day_of_a_scene_is_known_or_not(tmp_path):
    dated = open_scene(write_scene(tmp_path / "S2_20200716.tif"))
    assert [day.isoformat() for day in dated.days] == ["2020-07-16"] * 2
    assert dated.clipped(shapely.box(0, 0, 1, 1)).days == dated.days
    assert open_scene(write_scene(tmp_path / "scene.tif")).days is None


def test_clipping_invalidates_outside_by_pixel_centre(tmp_path):
    from shapely.geometry import box

    scene = open_scene(write_scene(tmp_path / "a.tif"))
    left, top = 500_000, 5_000_000
    clipped = scene.clipped(box(left + 14, top - 96, left + 56, top - 24))
    valid = clipped.read(["B02", "B03"], whole(scene.geobox)).valid
    expected = np.zeros((64, 80), bool)
    expected[2:10, 1:6] = True
    assert np.array_equal(valid[0], valid[1])
    assert np.array_equal(valid[0], expected)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), (b"", "empty"), (b"junk", "cannot be opened")]
)
def test_unusable_files_are_named_in_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "scene.tif").write_bytes(content)
    with pytest.raises(ImageryError, match=message) as caught:
        open_scenes(ImagerySettings(path="scene.tif"), tmp_path)
    assert "scene.tif" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["S2A_MSIL2A_20181229T095411.SAFE.zip", "LC08_02_T1.tar", "a.tif.gz"]
)
def test_an_archive_is_told_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"packed")
    for path, told in ((tmp_path / name, f"{name}: is an"), (tmp_path, f"; {name} is an")):
        with pytest.raises(ImageryError, match=f"{re.escape(told)} archive; unpack it and give"):
            open_scene(path)


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(ImageryError, match="no image in this folder"):
        open_scene(tmp_path)


def test_a_folder_of_drawings_says_what_lies_in_it(tmp_path):
    for suffix in (".shp", ".dbf", ".shx"):
        (tmp_path / f"plots{suffix}").write_bytes(b"")
    with pytest.raises(ImageryError, match=r"; plots\.shp holds drawings: give that file itself"):
        open_scene(tmp_path)


def test_real_earth_search_folders_keep_dark_bands_positive():
    scene = open_scene(shared_data("sentinel2_cog") / "S2A_33TWL_20230815_0_L2A")
    raster = scene.read(["B02"], Window(100, 100, 200, 200))
    assert 0.01 < np.median(raster.values[raster.valid]) < 0.06


def test_real_mixed_resolutions_open_on_the_finest_grid():
    scene = open_scene(shared_data("sentinel2_cog") / "S2A_29RKH_20200219_0_L2A")
    assert scene.geobox.shape == (600, 600)
    assert len(scene.bands) == 12
    assert {round(band.resolution_m) for band in scene.bands} == {100, 200, 600}


def test_real_landsat_7_stacks_are_two_scenes_with_sensor_names():
    folder = shared_data("landsat7_training_polygons")
    scenes = open_scenes(ImagerySettings(path="LE7*_stack.gtif"), folder)
    assert len(scenes) == 2
    assert names(scenes[0]) == [
        "SR_B1", "SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B7", "ST_B6", "band_8"
    ]  # fmt: skip
    assert scenes[0].bands[3].wavelength_nm == 835


def test_real_single_files_with_blanks_and_commas_are_one_scene():
    scene = open_scene(shared_data("rachel_carson_s2") / "sentinel-2")
    assert names(scene) == [f"B0{number}" for number in range(1, 9)]
    assert scene.date == datetime.date(2018, 10, 13)


def test_real_files_named_in_words_are_sentinel_2_bands():
    scene = open_scene(shared_data("landcovernet") / "source" / "turkey_chip_unnamed")
    assert names(scene) == [
        "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"
    ]  # fmt: skip
    assert any("Cloud Mask.tif" in note for note in scene.notes)


def test_a_glob_that_writes_out_another_ending_means_it(tmp_path):
    for name in ("a", "b"):
        write_scene(tmp_path / f"{name}.dat", bands=("B02",), driver="ENVI", dtype="int16")
    scenes = open_scenes(ImagerySettings(path="*.dat", join=False), tmp_path)
    assert [scene.name for scene in scenes] == ["a", "b"]
    # Neither headers nor files without an ending are meant by a star.
    (tmp_path / "README").write_text("x")
    with pytest.raises(ImageryError, match="no image matches"):
        open_scenes(ImagerySettings(path="*"), tmp_path)
