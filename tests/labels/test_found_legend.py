"""Legends found in masks."""

import numpy as np
import pytest
import rasterio

from covermap.core.errors import LabelError
from covermap.labels.coding import coding_of, legend_settings
from covermap.labels.found_legend import found_legend
from covermap.labels.mask_file import open_mask
from covermap.labels.settings import LegendSettings
from pictures import PALETTE, quarters, write_colors, write_ids, write_picture
from tiny import shared_data

INDEX = quarters()


def test_codes_are_kept_as_ids_and_counted(tmp_path):
    codes = np.array([10, 30, 50])[INDEX]
    found = found_legend(
        [write_ids(tmp_path / "a.tif", codes), write_ids(tmp_path / "b.tif", codes)]
    )
    assert found.values == "ids"
    assert found.pixels == {code: 2 * int((codes == code).sum()) for code in (10, 30, 50)}
    # Three codes agree with WorldCover by chance: its names would be wrong ones.
    assert found.shipped is None


def test_a_class_of_one_pixel_in_one_mask_is_found(tmp_path):
    codes = np.zeros((1500, 1100), int)
    codes[1333, 1077] = 77
    assert found_legend([write_ids(tmp_path / "a.tif", codes)]).pixels[77] == 1


def test_colours_are_numbered_in_their_order(tmp_path):
    found = found_legend([write_colors(tmp_path / "a.png", INDEX)])
    classes = found.settings.classes
    assert [classes[number].color for number in (1, 2, 3)] == ["#0000ff", "#00ff00", "#ff0000"]
    assert sum(found.pixels.values()) == INDEX.size


def test_noise_and_strays_are_no_classes(tmp_path):
    index = quarters(256, 256)
    index[0, :2] = 3
    found = found_legend([write_colors(tmp_path / "a.png", index, (*PALETTE, (9, 200, 90)))])
    assert len(found.pixels) == 3
    assert found.ignored == {"#09c85a": 2}


@pytest.mark.parametrize(("nodata", "classes"), [(None, 3), (0, 2), (255, 3)])
def test_a_colour_that_is_declared_no_data_is_no_class(tmp_path, nodata, classes):
    palette = ((0, 0, 0), (255, 0, 0), (0, 0, 255))
    path = write_colors(tmp_path / "a.tif", INDEX, palette, nodata)
    found = found_legend([path])
    # Red and blue hold the level that is no data, too, but not in all bands.
    assert len(found.settings.classes) == classes
    labelled = np.ones_like(INDEX, bool) if classes == 3 else INDEX > 0
    assert sum(found.pixels.values()) == labelled.sum()
    mask = open_mask(path, "auto", 1, palette=True)
    coding = coding_of(legend_settings(found.settings, tmp_path))
    assert np.array_equal(mask.positions(mask.geobox, coding, 0.0) >= 0, labelled)
    # A legend that names it makes it a class.
    named = LegendSettings(classes={1: {"name": "dark", "color": "#000000"}})
    dark = mask.positions(mask.geobox, coding_of(named), 0.0)
    assert np.array_equal(dark == 0, INDEX == 0)


def test_photographs_are_no_masks(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 128, 128))
    palette = noise.reshape(3, -1).T
    path = write_colors(tmp_path / "a.png", np.arange(128 * 128).reshape(128, 128), palette)
    with pytest.raises(LabelError, match=r"colours, which are no palette"):
        found_legend([path])


def test_masks_of_both_kinds_are_refused(tmp_path):
    paths = [write_ids(tmp_path / "a.tif", INDEX), write_picture(tmp_path / "b.png", INDEX)]
    with pytest.raises(LabelError, match=r"a\.tif: holds class codes, but b\.png holds colours"):
        found_legend(paths)


@pytest.mark.parametrize(
    ("folder", "pattern", "shipped", "pixels"),
    [
        ("deepglobe/small256/masks", "*.png", "deepglobe", {2: 2_342_706, 5: 91_981}),
        ("dubai", "*/masks/*.png", "dubai", {1: 454_171, 5: 6_268_477}),
        ("korea_s2_lc/labels", "*.tif", None, {10: 15_482, 100: 596_038}),
        ("zurich_summer", "*_gt.tif", "zurich", {1: 86_744}),
    ],
)
def test_real_masks_agree_with_their_own_legend(folder, pattern, shipped, pixels):
    found = found_legend(sorted(shared_data(folder).glob(pattern)))
    assert found.shipped == shipped
    assert {number: found.pixels[number] for number in pixels} == pixels


def test_few_codes_take_the_names_of_a_published_set_whose_files_are_called_so(tmp_path):
    clouds = np.array([0, 255, 255])[INDEX]
    name = "gt_patch_7_1_by_7_LC08_L1TP_002053_20160520_20170324_01_T1.TIF"
    found = found_legend([write_ids(tmp_path / name, clouds)])
    assert found.shipped == "38-cloud"
    assert [item.name for item in found.settings.classes.values()] == ["clear", "cloud"]
    # Buildings in other people's masks are 0 and 255 as well.
    assert found_legend([write_ids(tmp_path / "gt_7.tif", clouds)]).shipped is None


def test_real_codes_take_the_names_of_their_published_set():
    sheet = shared_data("landcoverai/masks_only") / "N-33-60-D-c-4-2.tif"
    assert found_legend([sheet]).shipped == "landcover-ai"
    labels = sorted(shared_data("landcovernet/labels").glob("*/labels.tif"))
    found = found_legend(labels)
    assert found.shipped == "landcovernet"
    # 0 is no data by the file and in the legend: never a class.
    assert found.nodata == (0.0,)
    assert 0 not in found.settings.classes


def test_codes_in_all_of_red_green_and_blue_are_codes_however_rare(tmp_path):
    index = quarters(256, 256)
    index[0, :9] = 3
    greys = tuple((level, level, level) for level in range(4))
    found = found_legend([write_colors(tmp_path / "a.png", index, greys)])
    assert found.values == "ids"
    assert found.as_ids
    assert found.pixels == {code: int((index == code).sum()) for code in range(4)}
    light = found_legend(
        [write_colors(tmp_path / "b.png", INDEX, ((0,) * 3, (9,) * 3, (255,) * 3))]
    )
    assert light.values == "colors"


def test_dark_numbers_in_three_bands_are_codes_of_the_first(tmp_path):
    # As MODIS classes of several schemes lie in one file.
    codes = ((10, 31, 30), (12, 31, 36), (7, 43, 40), (10, 33, 30))
    index = quarters(classes=4)
    found = found_legend([write_colors(tmp_path / "a.tif", index, codes)])
    wanted = np.asarray(codes)[index][..., 0]
    assert found.values == "ids"
    assert found.pixels == {code: int((wanted == code).sum()) for code in (7, 10, 12)}
    assert found.bands == 3
    assert "above 43" in found.as_ids
    # A band for each class is read from all bands.
    parted = found_legend([write_colors(tmp_path / "b.png", INDEX, np.eye(3, dtype=int))])
    assert len(parted.pixels) == 3


def test_the_few_colours_of_a_plain_jpeg_are_noise(tmp_path):
    # An edge between blocks of 8 pixels: so few colours that a palette might have them.
    index = np.zeros((256, 256), int)
    index[:, 100:] = 1
    found = found_legend([write_colors(tmp_path / "a.jpg", index)])
    assert found.noisy
    near = [color for color in found.ignored if int(str(color)[1:3], 16) > 240]
    assert near
    assert len(found.pixels) < len(found.ignored)


def test_real_classes_of_several_schemes_in_one_file_are_codes():
    found = found_legend([shared_data("sen12ms") / "ROIs2017_winter_lc_27_p36.tif"])
    assert (found.values, found.bands) == ("ids", 4)
    assert set(found.pixels) == {7, 10, 12}


def test_a_rare_colour_near_a_common_one_is_a_class_where_there_is_no_noise(tmp_path):
    index = quarters(256, 256)
    index[:8, :64] = 3
    near = (*PALETTE, (250, 20, 20))
    found = found_legend([write_colors(tmp_path / "a.png", index, near)])
    assert sorted(found.pixels.values()) == sorted(np.bincount(index.ravel()).tolist())
    assert not found.noisy


@pytest.mark.parametrize("code", [-1, -9999, 65535])
def test_one_code_that_no_map_can_hold_is_unlabelled(tmp_path, code):
    path = write_ids(tmp_path / "a.tif", np.where(INDEX == 0, code, INDEX), dtype="int32")
    found = found_legend([path])
    assert found.pixels == {1: int((INDEX == 1).sum()), 2: int((INDEX == 2).sum())}
    assert found.ignored == {code: int((INDEX == 0).sum())}
    mask = open_mask(path, "auto", 1, palette=False)
    positions = mask.positions(mask.geobox, coding_of(found.settings), None)
    assert np.array_equal(positions == -1, INDEX == 0)


def test_codes_that_jpeg_changed_are_no_classes(tmp_path):
    path = tmp_path / "a.jpg"
    with rasterio.open(path, "w", driver="JPEG", width=96, height=64, count=1, dtype="uint8") as f:
        f.write(np.where(np.roll(INDEX, (3, 5), (0, 1)) == 1, 255, 0).astype("uint8")[None])
    with pytest.raises(LabelError, match=r"a\.jpg: the masks hold .* JPEG changes codes"):
        found_legend([path])
