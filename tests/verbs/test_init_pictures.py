"""A project for a folder of images and a folder of masks."""

import numpy as np
import pytest
import yaml
from PIL import Image

from covermap.core.errors import CovermapError, LabelError, OutputError
from covermap.project.schema import read_project
from covermap.verbs.init_pictures import init_pictures
from covermap.verbs.prepare import prepare
from pictures import quarters, write_colors, write_ids, write_picture
from tiny import shared_data, tiny_geobox, write_scene

pytestmark = pytest.mark.slow


def picture_set(folder, number=4, image="{:02}_sat.png", mask="{:02}_mask.png"):
    for place in range(number):
        index = quarters(64, 64, seed=place)
        write_picture(folder / "images" / image.format(place), index, place)
        write_colors(folder / "masks" / mask.format(place), index)


def written(folder, images="images", masks="masks"):
    path = init_pictures(folder / images, folder / masks, folder / "project.yaml")
    return read_project(path), path.read_text(encoding="utf-8")


def test_pictures_and_palette_masks_make_a_project_that_can_be_prepared(tmp_path):
    picture_set(tmp_path)
    project, text = written(tmp_path)
    assert project.labels.path == "masks"
    assert project.imagery[0].path == "images"
    assert not project.imagery[0].join
    assert [item.color for item in project.labels.legend.classes.values()] == [
        "#0000ff", "#00ff00", "#ff0000",
    ]  # fmt: skip
    counted = [int(line.split("#")[-1].split(" pixels")[0].replace(",", ""))
               for line in text.splitlines() if line.endswith("%")]  # fmt: skip
    assert sum(counted) == 4 * 64 * 64
    folder = prepare(tmp_path / "project.yaml", tmp_path / "run")
    assert (folder.path / "chips.parquet").exists()


def test_images_and_masks_in_one_folder_are_told_apart(tmp_path):
    picture_set(tmp_path)
    for path in [*(tmp_path / "images").iterdir(), *(tmp_path / "masks").iterdir()]:
        path.rename(tmp_path / path.name)
    (tmp_path / "images").rmdir()
    (tmp_path / "masks").rmdir()
    project, _ = written(tmp_path, ".", ".")
    assert len(project.imagery[0].path) == 4
    assert len(project.labels.path) == 4


def test_what_has_no_partner_is_named_and_left_out(tmp_path, capsys):
    picture_set(tmp_path)
    (tmp_path / "masks" / "03_mask.png").unlink()
    write_colors(tmp_path / "masks" / "77_mask.png", quarters(64, 64))
    project, text = written(tmp_path)
    assert len(project.imagery[0].path) == 3
    for told in (text, capsys.readouterr().err):
        assert "1 image: 03_sat.png" in told
        assert "1 mask: 77_mask.png" in told
    prepare(tmp_path / "project.yaml", tmp_path / "run")


def test_nothing_that_pairs_is_an_error(tmp_path):
    picture_set(tmp_path, mask="place{:02}.png")
    with pytest.raises(LabelError, match=r"no mask is called like an image.*00_sat\.png"):
        written(tmp_path)
    assert not (tmp_path / "project.yaml").exists()


def test_images_and_masks_that_changed_places_are_told(tmp_path):
    picture_set(tmp_path)
    told = r"masks: holds images, .*init --images .*masks --masks .*images"
    (tmp_path / "images").rename(tmp_path / "both")
    (tmp_path / "masks").rename(tmp_path / "images")
    (tmp_path / "both").rename(tmp_path / "masks")
    with pytest.raises(LabelError, match=told):
        written(tmp_path)


def test_a_mask_on_a_picture_that_viewers_turn_is_told(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype="uint8")
    (tmp_path / "images").mkdir()
    Image.fromarray(noise).save(tmp_path / "images" / "a.jpg", exif=exif)
    write_ids(tmp_path / "masks" / "a.tif", quarters(96, 64))
    with pytest.raises(LabelError, match=r"64 x 96 pixels.*EXIF orientation \(6\)"):
        written(tmp_path)


def test_a_mask_of_another_size_is_told_before_anything_is_written(tmp_path):
    picture_set(tmp_path)
    write_colors(tmp_path / "masks" / "02_mask.png", quarters(60, 64))
    with pytest.raises(LabelError, match=r"02_mask\.png: is 64 x 60 pixels.*64 x 64"):
        written(tmp_path)
    assert not (tmp_path / "project.yaml").exists()


@pytest.mark.parametrize("name", ["masks/01_mask.png", "images/02_sat.jpg"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_picture_is_named(tmp_path, name, share):
    picture_set(tmp_path, image="{:02}_sat.jpg")
    path = tmp_path / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CovermapError, match=rf"{path.name}: damaged or cut short"):
        written(tmp_path)


def test_an_existing_project_is_kept(tmp_path):
    picture_set(tmp_path)
    written(tmp_path)
    with pytest.raises(OutputError, match="already exists"):
        written(tmp_path)


def test_ids_are_kept_and_alpha_is_known_as_such(tmp_path):
    codes = np.array([10, 70, 100])
    for place in range(3):
        index = quarters(64, 64, seed=place)
        write_scene(
            tmp_path / "images" / f"2023_patchN_{place}.tif", height=64, width=64,
            bands=("red", "green", "blue"), dtype="uint8", alpha=True, crs=None,
        )  # fmt: skip
        write_ids(tmp_path / "labels" / f"2023_mask_{place}.tif", codes[index])
    project, text = written(tmp_path, masks="labels")
    assert list(project.labels.legend.classes) == [10, 70, 100]
    assert "band 4 is an alpha band" in text


def test_two_tiles_whose_pictures_have_the_same_names(tmp_path, capsys):
    folder = shared_data("dubai")
    path = init_pictures(folder, folder, tmp_path / "project.yaml")
    project = read_project(path)
    assert [item.name for item in project.imagery] == ["Tile 1", "Tile 5"]
    names = [item.name for item in project.labels.legend.classes.values()]
    assert names == ["building", "land (unpaved)", "road", "vegetation", "water"]
    assert "#000000 (506 pixels)" in path.read_text()
    # The data set's own classes.json has other colours than its masks.
    for told in (path.read_text(), capsys.readouterr().err):
        assert "classes.json: 5 of its 6 colours are not in the masks" in told


def test_black_is_a_class_and_white_is_none_in_zurich(tmp_path):
    folder = shared_data("zurich_summer")
    path = init_pictures(folder, folder, tmp_path / "project.yaml")
    legend = read_project(path).labels.legend
    assert legend.classes[1].name == "roads"
    assert legend.classes[1].color == "#000000"
    assert "#ffffff" in legend.ignore
    assert "# unlabelled: #ffffff (110,035 pixels)" in path.read_text()


def test_alpha_and_gaps_between_codes_in_korea(tmp_path):
    folder = shared_data("korea_s2_lc")
    path = init_pictures(folder, folder, tmp_path / "project.yaml")
    assert list(read_project(path).labels.legend.classes) == [10, 30, 50, 70, 100]
    assert "band 4 is an alpha band: read as validity, not as data" in path.read_text()
    assert "so is the first of 6 images" in path.read_text()


def test_float_masks_on_other_grids_in_hinton(tmp_path, capsys):
    folder = shared_data("pleiades_hinton")
    path = init_pictures(folder / "images", folder / "masks", tmp_path / "project.yaml")
    assert list(read_project(path).labels.legend.classes) == [1, 2, 3, 4, 5, 6]
    told = capsys.readouterr().err
    assert "Tile_1.tif (605 x 605, EPSG:4326); Tile_4.tif (605 x 614, same CRS)" in told
    assert "declared nodata of the masks, unlabelled: 0" in path.read_text()


def test_an_absurd_name_is_written_so_that_yaml_reads_it_back(tmp_path):
    folder = tmp_path / "a: b, c"
    picture_set(folder)
    project, text = written(folder)
    assert project.labels.path == "masks"
    assert yaml.safe_load(text)["name"] == "images"


def test_bands_in_files_of_their_own_meet_masks_of_another_first_word(tmp_path):
    for place in range(3):
        index = quarters(64, 64, seed=place)
        for band in range(1, 5):
            write_ids(
                tmp_path / "input" / f"lc8_2015245_7_{place}_{band}.tif",
                700 * index + 200 + band,
                dtype="int32",
            )
        write_ids(tmp_path / "target" / f"cdl_2015245_7_{place}.tif", np.array([1, 5, 176])[index])
    project, text = written(tmp_path, images="input", masks="target")
    assert project.labels.tokens == ["lc8", "cdl"]
    assert "# bands: SR_B1, SR_B2, SR_B3, SR_B4" in text
    assert "as landsat-oli counts, guessed from the file names: check" in text
    assert "scale: 0.0001         # guessed from the value range: check" in text
    prepare(tmp_path / "project.yaml", tmp_path / "run")


@pytest.mark.parametrize(
    ("images", "masks", "scenes", "classes"),
    [
        ("landsat8_cdl_patches/input_32bit", "landsat8_cdl_patches/target", 34, 37),
        ("cloud38/sample", "cloud38/sample", 1, 2),
    ],
)
def test_real_bands_in_files_of_their_own(tmp_path, images, masks, scenes, classes):
    root = shared_data("cloud38").parent
    path = init_pictures(root / images, root / masks, tmp_path / "project.yaml")
    assert len(read_project(path).labels.legend.classes) == classes
    assert path.read_text().count(f"the first of {scenes} images") == (scenes > 1)


def test_codes_in_red_green_and_blue_are_written_as_codes(tmp_path):
    picture_set(tmp_path)
    for place in range(4):
        index = quarters(64, 64, seed=place)
        greys = [(level, level, level) for level in range(3)]
        write_colors(tmp_path / "masks" / f"{place:02}_mask.png", index, greys)
    project, _ = written(tmp_path)
    assert project.labels.values == "ids"
    assert list(project.labels.legend.classes) == [0, 1, 2]


def test_the_band_of_several_that_holds_the_classes_is_written(tmp_path):
    picture_set(tmp_path)
    for place in range(4):
        codes = np.stack([quarters(64, 64, seed=place), np.full((64, 64), 70)])
        (tmp_path / "masks" / f"{place:02}_mask.png").unlink()
        write_scene(
            tmp_path / "masks" / f"{place:02}_mask.tif", values=codes, bands=("a", "b"),
            dtype="uint8", crs=None,
        )  # fmt: skip
    project, text = written(tmp_path)
    assert project.labels.band == 1
    assert "of 2: check" in text


def test_one_mask_on_the_earth_is_that_of_all_its_images(tmp_path, capsys):
    index, grid = quarters(64, 64), tiny_geobox(64, 64)
    for date in ("20190601", "20200601"):
        write_scene(tmp_path / "images" / f"S2_{date}.tif", height=64, width=64, scale=0.0001)
    mask = write_ids(tmp_path / "cover.tif", index, geobox=grid)
    path = init_pictures(tmp_path / "images", mask, tmp_path / "project.yaml")
    assert "cover.tif: taken for all 2 images" in capsys.readouterr().err
    project = read_project(path)
    assert project.labels.path == "cover.tif"
    # Its pixels are told once.
    assert f"{int((index == 0).sum()):,} pixels" in path.read_text(encoding="utf-8")
