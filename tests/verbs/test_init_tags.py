"""A classification project from a folder of class folders."""

import numpy as np
import pytest

from command_line import covermap
from covermap.chips.table import read_chips
from covermap.core.errors import ImageryError, OutputError
from covermap.project.schema import read_project
from covermap.verbs.init_tags import are_class_folders, init_tags
from covermap.verbs.prepare import prepare
from pictures import quarters, write_picture
from tiny import shared_data, write_scene

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    for place, name in enumerate(("lake", "wood", "field")):
        for number in range(5):
            path = tmp_path / "set" / name / f"{name}_{number}.png"
            write_picture(path, np.full((32, 32), place), seed=number)
    return tmp_path


def test_class_folders_make_a_project_that_prepares_with_whole_pictures_as_chips(folder):
    path = init_tags(folder / "set", folder / "project.yaml")
    project = read_project(path)
    assert project.name == "set"
    assert project.task == "classification"
    assert project.labels.tags == "folders"
    assert project.imagery[0].path == "set"
    text = path.read_text(encoding="utf-8")
    assert "#   lake         5 pictures" in text
    assert "right for 33.3%" in text
    prepare(path, folder / "run")
    chips = read_chips(folder / "run" / "chips.parquet")
    assert len(chips) == 15
    assert set(chips["width"]) == {32}


def test_moving_a_picture_to_another_class_makes_prepare_stale(folder, capsys):
    path = init_tags(folder / "set", folder / "project.yaml")
    prepare(path, folder / "run")
    prepare(path, folder / "run")
    assert "prepare: nothing changed" in capsys.readouterr().err
    moved = folder / "set" / "lake" / "lake_0.png"
    moved.rename(folder / "set" / "wood" / moved.name)
    prepare(path, folder / "run")
    told = capsys.readouterr().err
    assert "nothing changed" not in told
    assert "lake (4), wood (6)" in told


def test_pictures_of_one_name_in_two_classes_get_their_class_before_it(folder):
    for name in ("lake", "wood"):
        write_picture(folder / "set" / name / "0001.png", quarters(32, 32))
    project = read_project(init_tags(folder / "set", folder / "project.yaml"))
    assert [item.name for item in project.imagery] == ["field", "lake", "wood"]
    prepare(folder / "project.yaml", folder / "run")


def test_other_folders_are_no_class_folders(folder):
    assert are_class_folders(folder / "set")
    assert not are_class_folders(folder)
    assert not are_class_folders(folder / "set" / "lake")
    assert not are_class_folders(folder / "none")
    (folder / "set" / "wood").rename(folder / "set" / "masks")
    assert not are_class_folders(folder / "set")
    for name in ("a", "b"):
        for band in ("B02", "B03", "B04"):
            write_scene(folder / "bands" / name / f"{band}.tif", bands=[band])
    assert not are_class_folders(folder / "bands")


def test_pictures_with_other_bands_and_a_project_in_the_way_are_told(folder):
    write_scene(folder / "set" / "lake" / "odd.tif", height=32, width=32)
    with pytest.raises(ImageryError, match=r"odd\.tif: has 4 bands .* but .* has 3"):
        init_tags(folder / "set", folder / "project.yaml")
    (folder / "project.yaml").write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        init_tags(folder / "set", folder / "project.yaml")


def test_the_command_line_finds_class_folders(tmp_path):
    path = shared_data("eurosat/EuroSAT_MS")
    done = covermap("init", path, "--out", tmp_path / "project.yaml")
    assert done.status == 0, done.err
    project = read_project(tmp_path / "project.yaml")
    assert (project.task, project.imagery[0].join) == ("classification", False)


def test_photographs_have_red_green_and_blue_so_that_weights_learnt_on_them_fit(folder):
    project = read_project(init_tags(folder / "set", folder / "project.yaml"))
    assert project.imagery[0].bands == ["red", "green", "blue"]


def test_other_files_of_three_nameless_bands_keep_them_nameless(tmp_path):
    for name in ("lake", "wood"):
        for number in range(2):
            path = tmp_path / "set" / name / f"{name}_{number}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_scene(path, bands=("a", "b", "c"), descriptions=False, height=32, width=32)
    project = read_project(init_tags(tmp_path / "set", tmp_path / "project.yaml"))
    assert project.imagery[0].bands is None


def test_an_empty_folder_among_class_folders_is_told_and_is_no_class(folder, capsys):
    (folder / "set" / "moon").mkdir()
    assert are_class_folders(folder / "set")
    assert "moon" not in init_tags(folder / "set", folder / "project.yaml").read_text()
    assert "moon: holds no picture, so it is no class" in capsys.readouterr().err


def test_what_macos_adds_to_archives_is_no_class(folder):
    junk = folder / "set" / "__MACOSX" / "lake"
    junk.mkdir(parents=True)
    (junk / "._lake_0.png").write_bytes(b"\0\5\x16\7")
    assert are_class_folders(folder / "set")
