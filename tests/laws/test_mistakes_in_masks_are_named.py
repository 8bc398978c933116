"""Law 12 for folders of images and masks: one line, exit status 2, no traceback."""

import re
import sys

import numpy as np
import pytest

from covermap.cli import main
from covermap.core.errors import CovermapError
from covermap.verbs import prepare as verb
from pictures import PALETTE, quarters, write_colors, write_ids, write_picture
from tiny import write_scene

RGB = (
    '{1: {name: a, color: "#ff0000"}, 2: {name: b, color: "#00ff00"}, '
    '3: {name: c, color: "#0000ff"}}'
)


@pytest.fixture
def complaint(monkeypatch, capsys):
    """The one line that a command ends with."""

    def told(*words):
        monkeypatch.setattr(sys, "argv", ["covermap", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        output = capsys.readouterr()
        lines = output.err.strip().splitlines()
        errors = [line for line in lines if line.startswith("covermap: ")]
        assert stopped.value.code == 2, output.err
        assert output.out == ""
        assert errors == lines[-1:], output.err
        return errors[0]

    return told


def picture_set(folder, labels="{path: masks}", colors=False):
    """A project of three pictures with masks in which nothing is wrong."""
    for place in range(3):
        index = quarters(64, 64, seed=place)
        write_picture(folder / "images" / f"{place:02}_sat.png", index, place)
        if colors:
            write_colors(folder / "masks" / f"{place:02}_mask.png", index)
        else:
            write_ids(folder / "masks" / f"{place:02}_mask.tif", index + 1)
    text = f"imagery: [{{path: images, join: false}}]\nlabels: {labels}\n"
    (folder / "project.yaml").write_text(text)
    return folder


def prepare(complaint, folder):
    return complaint("prepare", folder / "project.yaml", "--out", folder / "run")


def test_a_mask_of_another_size_than_its_picture(tmp_path, complaint):
    folder = picture_set(tmp_path)
    write_ids(folder / "masks" / "01_mask.tif", quarters(60, 64) + 1)
    assert "01_mask.tif: is 64 x 60 pixels, its image 01_sat 64 x 64" in prepare(complaint, folder)


def test_a_code_that_the_legend_does_not_name(tmp_path, complaint):
    folder = picture_set(tmp_path, "{path: masks, legend: {classes: {1: a, 2: b}}}")
    assert re.search(r"not in the legend \(1 a, 2 b\): 3 \([\d,]+ pix", prepare(complaint, folder))


def test_strict_palettes_list_stray_colours_with_their_counts(tmp_path, complaint):
    labels = f"{{path: masks, strict: true, legend: {{classes: {RGB}}}}}"
    folder = picture_set(tmp_path, labels, colors=True)
    index = quarters(64, 64, seed=1)
    index[3:5, 3:6] = 3
    index[9, 9] = 4
    write_colors(folder / "masks" / "01_mask.png", index, (*PALETTE, (9, 9, 200), (1, 2, 3)))
    assert "#0909c8 (6 pixels), #010203 (1 pixels)" in prepare(complaint, folder)


def test_a_truncated_picture(tmp_path, complaint):
    folder = picture_set(tmp_path)
    path = folder / "images" / "01_sat.png"
    path.write_bytes(path.read_bytes()[:300])
    assert "01_sat.png: damaged or cut short" in prepare(complaint, folder)


def test_an_image_without_its_mask(tmp_path, complaint):
    folder = picture_set(tmp_path)
    (folder / "masks" / "01_mask.tif").unlink()
    assert "1 of 3 images have no mask: 01_sat.png" in prepare(complaint, folder)


def test_an_empty_folder_of_masks(tmp_path, complaint):
    folder = picture_set(tmp_path)
    for path in (folder / "masks").iterdir():
        path.unlink()
    assert "masks: no mask (PNG, GeoTIFF) here" in prepare(complaint, folder)


def test_two_masks_of_one_picture(tmp_path, complaint):
    folder = picture_set(tmp_path)
    write_ids(folder / "masks" / "01_label.tif", quarters(64, 64) + 1)
    told = prepare(complaint, folder)
    assert "2 masks are called like the image 01_sat.png: 01_label.tif, 01_mask.tif" in told


def test_float_masks_must_hold_whole_codes(tmp_path, complaint):
    folder = picture_set(tmp_path)
    write_ids(folder / "masks" / "01_mask.tif", quarters(64, 64) + 1.5, dtype="float32")
    told = prepare(complaint, folder)
    assert re.search(r"01_mask\.tif: holds \d\.5, but class codes are whole numbers", told)
    assert "or was it resampled? Give masks of whole codes" in told


def test_codes_below_0_need_a_legend(tmp_path, complaint):
    folder = picture_set(tmp_path)
    write_ids(folder / "masks" / "01_mask.tif", quarters(64, 64) - 1, dtype="int16")
    told = prepare(complaint, folder)
    assert "masks: the masks hold 5 codes from -1 to 3; without a legend" in told
    assert "ignore: [-1]" in told


def test_a_legend_of_other_masks_is_doubted(tmp_path, capsys):
    labels = f"{{path: masks, tolerance: 5, legend: {{classes: {RGB}}}}}"
    folder = picture_set(tmp_path, labels, colors=True)
    for place in range(3):
        index = quarters(64, 64, seed=place)
        palette = (PALETTE[0], (9, 9, 200), (100, 2, 3))
        write_colors(folder / "masks" / f"{place:02}_mask.png", index, palette)
    with pytest.raises(CovermapError):
        verb.prepare(folder / "project.yaml", folder / "run")
    told = capsys.readouterr().err
    assert "pixels of colours that are not in the legend are unlabelled: #" in told
    assert re.search(r"That is \d+% of all pixels: is the legend that of other masks", told)


def test_colours_of_an_annotation_tool_are_no_legend(tmp_path, complaint):
    folder = picture_set(tmp_path, "{path: masks, legend: classes.json}", colors=True)
    tool = '{"classes": [{"title": "a", "color": "#ff0000"}], "tags": []}'
    (folder / "classes.json").write_text(tool)
    told = prepare(complaint, folder)
    assert "classes.json: classes: expected `key: value` pairs; unknown key 'tags'" in told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("images/01_sat.jpg", "01_sat.jpg: damaged or cut short"),
        ("images/01_sat.tif", "01_sat.tif: cannot be opened as an image"),
        ("masks/01_mask.tif", "01_mask.tif: "),
    ],
)
def test_half_a_file_of_any_kind(tmp_path, complaint, name, told):
    folder, path = picture_set(tmp_path), tmp_path / name
    if not path.exists():
        (folder / "images" / "01_sat.png").unlink()
        index = quarters(64, 64, seed=1)
        if path.suffix == ".jpg":
            write_picture(path, index, 1)
        else:
            write_scene(path, height=64, width=64, crs=None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert told in prepare(complaint, folder)
    assert not (folder / "run" / "chips.parquet").exists()


def test_a_mask_without_its_image_is_told(tmp_path, capsys):
    folder = picture_set(tmp_path)
    (folder / "images" / "01_sat.png").unlink()
    verb.prepare(folder / "project.yaml", folder / "run")
    assert "1 mask without an image passed over: 01_mask.tif" in capsys.readouterr().err


def test_more_top_classes_than_there_are(tmp_path, complaint):
    folder = picture_set(tmp_path, "{path: masks, legend: top 3 + other}")
    assert "holds 3 classes only, so none is left for 'other'" in prepare(complaint, folder)


def test_a_missing_band_file(tmp_path, complaint):
    for place in range(3):
        for band in range(1, 5):
            values = np.full((1, 32, 32), band)
            path = tmp_path / "images" / f"lc8_2015245_1_{place}_{band}.tif"
            write_scene(path, values=values, bands=("dn",), dtype="int32", crs=None)
    (tmp_path / "images" / "lc8_2015245_1_1_3.tif").unlink()
    assert "lc8_2015245_1_1 has the band files" in complaint("doctor", tmp_path / "images")


@pytest.mark.parametrize(
    ("split", "told"),
    [
        ("{by: list, train: ['00*', '01*', '02*'], test: []}", "test"),
        ("{by: list, train: ['00*'], test: ['07*']}", "07"),
        ("{by: list, train: ['00*', '01*'], test: ['01*', '02*']}", "01_sat"),
    ],
)
def test_a_list_that_leaves_nothing_to_test_or_holds_a_picture_twice(
    tmp_path, complaint, split, told
):
    folder = picture_set(tmp_path)
    with (folder / "project.yaml").open("a") as project:
        project.write(f"split: {split}\n")
    assert told in prepare(complaint, folder)
