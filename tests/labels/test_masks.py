"""Masks as labels."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.errors import LabelError
from covermap.core.grid import Window, window_geobox
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings
from covermap.labels.masks import read_masks
from covermap.labels.reading import are_masks, label_files, read_labels
from covermap.labels.settings import LabelSettings
from drawings import squares
from pictures import BLACK, PALETTE, quarters, write_colors, write_ids, write_picture, write_table
from tiny import shared_data, tiny_geobox, write_scene

COLORS = {
    1: {"name": "roof", "color": "#ff0000"},
    2: {"name": "field", "color": "#00ff00"},
    3: {"name": "lake", "color": "#0000ff"},
}
INDEX = quarters()


@pytest.fixture
def folder(tmp_path):
    """One picture, of which each test writes a mask."""
    write_picture(tmp_path / "images" / "a.png", INDEX)
    return tmp_path


def masks_of(folder, images="images", masks="masks", **labels):
    scenes = open_scenes(ImagerySettings(path=images, join=False), folder)
    found = read_masks(LabelSettings(path=masks, **labels), folder, scenes)
    return found, scenes


def burnt(folder, **labels):
    found, (scene,) = masks_of(folder, **labels)
    target = found.burn(scene.geobox, scene.name)
    assert (target.source == -1).all()
    return found, np.where(target.labelled, target.index, -1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_codes_of_any_type_and_size_keep_their_ids(folder, dtype):
    codes = np.array([10, 70, 100])
    write_ids(folder / "masks" / "a.tif", codes[INDEX], dtype)
    found, index = burnt(folder)
    assert found.legend.ids == (10, 70, 100)
    assert np.array_equal(index, INDEX)


@pytest.mark.parametrize(("key", "value"), [("tolerance", 9), ("strict", True)])
def test_what_is_for_colours_is_told_to_change_nothing_of_codes(folder, key, value):
    write_ids(folder / "masks" / "a.tif", INDEX)
    found, _ = masks_of(folder, **{key: value})
    assert f"labels: {key} changes nothing: no mask holds colours" in found.notes


def test_zero_is_a_class(folder):
    write_ids(folder / "masks" / "a.tif", INDEX)
    assert burnt(folder)[0].legend.ids == (0, 1, 2)


def test_zero_is_no_class_where_the_file_declares_it_nodata(folder):
    write_ids(folder / "masks" / "a.tif", INDEX, nodata=0)
    found, index = burnt(folder)
    assert found.legend.ids == (1, 2)
    assert ((index == -1) == (INDEX == 0)).all()


def test_no_data_is_that_of_the_band_that_is_read(folder):
    path = folder / "masks" / "a.tif"
    write_scene(
        path, values=np.stack([INDEX, INDEX]), bands=("score", "ids"), dtype="uint8", crs=None,
        descriptions=False,
    )  # fmt: skip
    # GeoTIFF has one value for all bands; a virtual raster has one for each.
    text = (
        f'<VRTDataset rasterXSize="{INDEX.shape[1]}" rasterYSize="{INDEX.shape[0]}">'
        + "".join(
            f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>{nodata}</NoDataValue>'
            f'<SimpleSource><SourceFilename relativeToVRT="1">source.tif</SourceFilename>'
            f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
            for band, nodata in ((1, 0), (2, 2))
        )
        + "</VRTDataset>"
    )
    path.rename(folder / "masks" / "source.tif")
    (folder / "masks" / "a.vrt").write_text(text)
    found, index = burnt(folder, masks="masks/a.vrt", band=2)
    assert found.legend.ids == (0, 1)
    assert np.array_equal(index >= 0, INDEX < 2)


def test_a_declared_nodata_that_the_legend_names_is_a_class(folder):
    write_ids(folder / "masks" / "a.tif", INDEX, nodata=0)
    _, index = burnt(folder, legend={"classes": {0: "farmland", 1: "roof", 2: "lake"}})
    assert np.array_equal(index, INDEX)
    _, index = burnt(folder, legend={"classes": {1: "roof", 2: "lake"}, "ignore": [0]})
    assert ((index == -1) == (INDEX == 0)).all()


def test_nodata_never_becomes_other(folder):
    write_ids(folder / "masks" / "a.tif", INDEX, nodata=0)
    legend = {"classes": {9: {"name": "other", "codes": []}, 2: "lake"}, "other": 9}
    found, index = burnt(folder, legend=legend)
    assert found.legend.names == ("lake", "other")
    assert np.array_equal(index, np.array([-1, 1, 0])[INDEX])


def test_nan_is_unlabelled(folder):
    values = INDEX.astype("float32")
    values[INDEX == 2] = np.nan
    write_ids(folder / "masks" / "a.tif", values, "float32")
    _, index = burnt(folder)
    assert ((index == -1) == (INDEX == 2)).all()


@pytest.mark.parametrize("nodata", [-3.4028234663852886e38, -9999, np.nan, -np.inf, 1e20])
def test_a_declared_nodata_of_floats_is_unlabelled_however_large(folder, nodata):
    values = INDEX.astype("float32")
    values[INDEX == 2] = nodata
    write_ids(folder / "masks" / "a.tif", values, "float32", nodata=nodata)
    for labels in ({}, {"legend": {"classes": {0: "a", 1: "b"}}}):
        found, index = burnt(folder, **labels)
        assert found.legend.ids == (0, 1)
        assert np.array_equal(index, np.where(INDEX == 2, -1, INDEX))
    found, scenes = masks_of(folder, legend={"classes": {0: "a"}})
    number = int((INDEX == 1).sum())
    with pytest.raises(LabelError, match=rf"\(0 a\): 1 \({number:,} pixels\)\. Add"):
        found.checked_on(scenes)


def test_a_large_number_that_is_not_declared_nodata_is_told(folder):
    values = INDEX.astype("float32")
    values[0, 0] = -3.4028234663852886e38
    write_ids(folder / "masks" / "a.tif", values, "float32")
    with pytest.raises(LabelError, match=r"holds -3\.4028235e\+38, .*-a_nodata -3\.4028235e\+38"):
        burnt(folder)


def test_a_number_that_is_not_whole_is_told(folder):
    values = INDEX.astype("float32")
    values[0, 0] = 1.5
    write_ids(folder / "masks" / "a.tif", values, "float32")
    with pytest.raises(LabelError, match=r"a\.tif: holds 1\.5, but class codes are whole numbers"):
        burnt(folder)


def test_a_code_that_the_legend_does_not_know_is_told_with_its_pixels(folder):
    write_ids(folder / "masks" / "a.tif", INDEX)
    found, scenes = masks_of(folder, legend={"classes": {0: "a", 1: "b"}})
    number = int((INDEX == 2).sum())
    told = rf"a\.tif: holds codes .*not in the legend \(0 a, 1 b\): 2 \({number:,} pixels\)"
    with pytest.raises(LabelError, match=told):
        found.checked_on(scenes)
    with pytest.raises(LabelError, match=told):
        found.burn(scenes[0].geobox, scenes[0].name)


def test_colours_are_read_exactly(folder):
    write_colors(folder / "masks" / "a.png", INDEX)
    found, index = burnt(folder, legend={"classes": COLORS}, strict=True)
    assert np.array_equal(index, INDEX)
    assert found.sources == 0
    assert found.drawn == (0, 0, 0)


def test_colours_that_went_through_jpeg_are_read_by_the_nearest_one(folder):
    write_colors(folder / "masks" / "a.jpg", INDEX)
    _, index = burnt(folder, legend={"classes": COLORS}, tolerance=200)
    assert (index == INDEX).mean() > 0.97


def test_stray_colours_are_unlabelled_counted_and_in_strict_mode_an_error(folder):
    index = INDEX.copy()
    index[:2, :5] = 3
    write_colors(folder / "masks" / "a.png", index, (*PALETTE, BLACK))
    found, read = burnt(folder, legend={"classes": COLORS})
    assert ((read == -1) == (index == 3)).all()
    _, scenes = masks_of(folder, legend={"classes": COLORS})
    assert "10 pixels" in found.checked_on(scenes)[0]
    assert "#000000 (10 pixels)" in found.checked_on(scenes)[0]
    strict, scenes = masks_of(folder, legend={"classes": COLORS}, strict=True)
    told = r"a\.png: holds colours.*#000000 \(10 pixels\)"
    with pytest.raises(LabelError, match=told):
        strict.checked_on(scenes)
    with pytest.raises(LabelError, match=told):
        strict.burn(scenes[0].geobox, scenes[0].name)


def test_ignored_colours_are_unlabelled_and_no_strays(folder):
    index = INDEX.copy()
    index[:2, :5] = 3
    write_colors(folder / "masks" / "a.png", index, (*PALETTE, BLACK))
    legend = {"classes": COLORS, "ignore": ["#000000"]}
    found, scenes = masks_of(folder, legend=legend, strict=True)
    assert found.checked_on(scenes) == ()


def test_colours_that_are_written_as_numbers_are_told_with_the_form_that_works(folder):
    write_colors(folder / "masks" / "a.png", INDEX)
    bare = {1: {"name": "dry", "codes": [0xFF0000, 0x00FF00]}, 3: COLORS[3]}
    form = re.escape('{name: dry, codes: ["#ff0000", "#00ff00"]}')
    with pytest.raises(LabelError, match=f"none for dry; write them in quotes: {form}"):
        masks_of(folder, legend={"classes": bare})
    half = {1: {"name": "dry", "color": "#00ff00", "codes": [0xFF0000]}, 3: COLORS[3]}
    found, _ = masks_of(folder, legend={"classes": half})
    assert re.search("none: write {name: dry, .*#00ff00.*#ff0000", " ".join(found.notes))
    whole = {1: {"name": "dry", "codes": ["#ff0000", "#00ff00"]}, 3: COLORS[3]}
    found, index = burnt(folder, legend={"classes": whole})
    assert found.notes == ()
    assert np.array_equal(index, INDEX // 2)


def test_palette_pngs_are_read_through_their_colour_table(folder):
    # The table stands in another order than the legend: indexes would be other classes.
    write_table(folder / "masks" / "a.png", INDEX, (PALETTE[2], PALETTE[0], PALETTE[1]))
    _, index = burnt(folder, legend={"classes": COLORS})
    assert np.array_equal(index, np.array([2, 0, 1])[INDEX])
    _, index = burnt(folder, values="ids", legend={"classes": {0: "a", 1: "b", 2: "c"}})
    assert np.array_equal(index, INDEX)


def test_a_luminance_is_never_taken_for_a_class(folder):
    write_colors(folder / "masks" / "a.png", INDEX)
    with pytest.raises(LabelError, match="holds colours, and labels: has no legend"):
        masks_of(folder)
    with pytest.raises(LabelError, match="the legend has none for a, b"):
        masks_of(folder, legend={"classes": {1: "a", 2: "b"}})


def test_what_a_file_masks_is_unlabelled(folder):
    write_scene(
        folder / "masks" / "a.tif", values=INDEX[None], bands=("ids",), dtype="uint8", crs=None,
        mask=True,
    )  # fmt: skip
    _, index = burnt(folder)
    wanted = INDEX.copy()
    wanted[:8, :10] = -1
    assert np.array_equal(index, wanted)


def test_another_band_than_the_first_holds_codes(folder):
    # GDAL calls three bands of bytes colours.
    values = np.stack([INDEX * 7, INDEX, INDEX * 9])
    write_scene(
        folder / "masks" / "a.tif", values=values, bands=("a", "b", "c"), dtype="uint8", crs=None,
        photometric="RGB",
    )  # fmt: skip
    with pytest.raises(LabelError, match=r"If its bands hold class codes: labels: \{values: ids"):
        masks_of(folder)
    found, index = burnt(folder, band=2)
    assert np.array_equal(index, INDEX)
    assert not any("bands" in note for note in found.notes)
    found, index = burnt(folder, values="ids")
    assert found.legend.ids == (0, 7, 14)
    assert any("a.tif has 3 bands: class codes are read from band 1" in n for n in found.notes)


def test_a_mask_of_another_size_without_a_crs_is_refused(folder):
    write_ids(folder / "masks" / "a.tif", INDEX[:-2])
    with pytest.raises(LabelError, match=r"a\.tif: is 96 x 62 pixels, its image a 96 x 64"):
        masks_of(folder)


def test_images_without_a_mask_are_named_and_masks_without_an_image_passed_over(folder):
    write_ids(folder / "masks" / "a.tif", INDEX)
    write_ids(folder / "masks" / "z.tif", INDEX)
    found, _ = masks_of(folder)
    assert "1 mask without an image passed over: z.tif" in found.notes[0]
    write_picture(folder / "images" / "b.png", INDEX)
    with pytest.raises(LabelError, match=r"1 of 2 images have no mask: b\.png"):
        masks_of(folder)


def test_a_glob_that_matches_nothing_and_names_that_do_not_agree_are_told(folder):
    with pytest.raises(LabelError, match="no mask"):
        masks_of(folder, masks="masks/*.png")
    write_ids(folder / "masks" / "q.tif", INDEX)
    write_ids(folder / "masks" / "r.tif", INDEX)
    with pytest.raises(
        LabelError, match=r"no mask is called like an image: images a\.png; masks q"
    ):
        masks_of(folder)


def test_keys_of_polygons_are_refused(folder):
    write_ids(folder / "masks" / "a.tif", INDEX)
    with pytest.raises(LabelError, match="'attribute' is for polygons"):
        masks_of(folder, attribute="cover")


def test_masks_on_another_grid_are_read_by_the_nearest_pixel(tmp_path):
    box = tiny_geobox(40, 50)
    write_scene(tmp_path / "images" / "a.tif", geobox=box)
    # A mask of half the pixel size that begins 3 pixels further in.
    fine = tiny_geobox(60, 70, resolution=5)
    fine = window_geobox(fine, Window(6, 6, 60, 70))
    codes = np.random.default_rng(0).integers(1, 4, (60, 70))
    write_ids(tmp_path / "masks" / "a.tif", codes, geobox=fine)
    found, (scene,) = masks_of(tmp_path)
    target = found.burn(scene.geobox, scene.name)
    expected = np.full((40, 50), -1)
    # The centre of a coarse pixel lies on the corner of four fine ones; the lower right is taken.
    expected[3:33, 3:38] = codes[1::2, 1::2] - 1
    assert np.array_equal(np.where(target.labelled, target.index, -1), expected)
    assert "another grid" in found.notes[0]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    row=st.integers(-20, 60), col=st.integers(-20, 80), height=st.integers(1, 50),
    width=st.integers(1, 50), crs=st.sampled_from([None, 32633, 4326]),
)  # fmt: skip
def test_burning_by_window_equals_burning_the_whole_and_cutting(
    tmp_path_factory, row, col, height, width, crs
):
    folder = tmp_path_factory.mktemp("burn")
    box = tiny_geobox(64, 96)
    if crs is None:
        write_picture(folder / "images" / "a.png", INDEX)
        write_ids(folder / "masks" / "a.tif", INDEX)
    else:
        write_scene(folder / "images" / "a.tif", geobox=box)
        write_ids(folder / "masks" / "a.tif", INDEX, geobox=tiny_geobox(64, 96, crs=crs)
                  if crs == 32633 else box.to_crs("EPSG:4326").zoom_to((64, 96)))  # fmt: skip
    found, (scene,) = masks_of(folder)
    wide = Window(-30, -30, 124, 156)
    whole = found.burn(window_geobox(scene.geobox, wide), scene.name)
    window = Window(row, col, height, width)
    part = found.burn(window_geobox(scene.geobox, window), scene.name)
    inner = window.relative_to(wide).slices
    assert np.array_equal(part.labelled, whole.labelled[inner])
    assert np.array_equal(part.index, whole.index[inner])


def test_files_say_which_kind_labels_are(folder):
    write_ids(folder / "masks" / "a.tif", INDEX)
    assert are_masks(LabelSettings(path="masks"), folder)
    assert are_masks(LabelSettings(path="masks/*.png"), folder)
    assert not are_masks(LabelSettings(path="labels.gpkg"), folder)
    scenes = open_scenes(ImagerySettings(path="images"), folder)
    mask = folder / "masks" / "a.tif"
    assert label_files(LabelSettings(path="masks"), folder, scenes) == {"mask of a": [mask]}
    side = folder / "masks" / "a.tif.aux.xml"
    side.write_text("<PAMDataset></PAMDataset>")
    found = label_files(LabelSettings(path="masks"), folder, scenes)
    assert found == {"mask of a": [mask, side]}
    assert read_labels(LabelSettings(path="masks"), folder, scenes).dense


def test_lists_and_globs_of_drawings_are_no_masks(tmp_path):
    for name in ("a", "b"):
        squares(tmp_path / "drawn" / f"{name}.gpkg", [(2, 3, 5, 6), (20, 30, 8, 8)], ["x", "y"])
    one = LabelSettings(path="drawn/a*.gpkg")
    assert not are_masks(one, tmp_path)
    assert read_labels(one, tmp_path, []).legend.names == ("x", "y")
    assert label_files(one, tmp_path, []) == {"path": [tmp_path / "drawn" / "a.gpkg"]}
    for several in (["drawn/a.gpkg", "drawn/b.gpkg"], "drawn/*.gpkg"):
        with pytest.raises(LabelError, match=r"names 2 \(a.gpkg, b.gpkg\); put them together"):
            read_labels(LabelSettings(path=several), tmp_path, [])


def test_a_glob_finds_masks_in_a_project_folder_of_any_name(tmp_path):
    base = tmp_path / "proj [v2]"
    mask = write_ids(base / "masks" / "a.tif", INDEX)
    write_picture(base / "images" / "a.png", INDEX)
    scenes = open_scenes(ImagerySettings(path="images"), base)
    found = label_files(LabelSettings(path="masks/*.tif"), base, scenes)
    assert found == {"mask of a": [mask]}


def test_white_that_is_no_label_and_black_that_is_a_class(tmp_path):
    folder = shared_data("zurich_summer")
    scenes = open_scenes(ImagerySettings(path="zh13_image.tif"), folder)
    found = read_masks(LabelSettings(path="zh13_gt.tif", legend="zurich"), folder, scenes)
    target = found.burn(scenes[0].geobox, scenes[0].name)
    pixels = dict(zip(found.legend.names, np.bincount(target.index[target.labelled]), strict=False))
    assert pixels["roads"] == 86_744
    assert pixels["water"] == 142_198
    assert (~target.labelled).sum() == 110_035


def test_float_masks_in_degrees_lie_where_their_image_is(tmp_path):
    folder = shared_data("pleiades_hinton")
    scenes = open_scenes(ImagerySettings(path="images", join=False), folder)
    found = read_masks(LabelSettings(path="masks"), folder, scenes)
    assert found.legend.ids == (1, 2, 3, 4, 5, 6)
    assert "2 masks on another grid" in found.notes[0]
    for scene in scenes:
        labelled = found.burn(scene.geobox, scene.name).labelled
        assert labelled.mean() > 0.9


def test_band_two_of_landcovernet_is_a_score_and_zero_is_nothing():
    folder = shared_data("landcovernet") / "labels"
    path = next(iter(sorted(folder.iterdir()))) / "labels.tif"
    scenes = open_scenes(ImagerySettings(path=str(path)), Path())
    found = read_masks(LabelSettings(path=str(path), legend="landcovernet"), Path(), scenes)
    assert found.checked_on(scenes) == ()
    assert found.burn(scenes[0].geobox, scenes[0].name).labelled.any()


def test_images_that_are_all_called_source_pair_by_the_names_of_their_scenes(tmp_path):
    entries = []
    for chip in ("000556", "000771"):
        index = quarters(seed=int(chip))
        write_picture(tmp_path / f"s2_{chip}" / "source.png", index)
        write_ids(tmp_path / f"labels_{chip}" / "labels.tif", index + 1)
        entries.append(ImagerySettings(path=f"s2_{chip}/source.png", name=chip))
    scenes = [scene for entry in entries for scene in open_scenes(entry, tmp_path)]
    masks = read_masks(LabelSettings(path="*/labels.tif"), tmp_path, scenes)
    for scene in scenes:
        assert masks.by_scene[scene.name].path.parent.name == f"labels_{scene.name}"
