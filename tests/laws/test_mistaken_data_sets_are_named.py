"""Law 12 for published data sets and recipes: the wrong folder, half a set, a misspelt name."""

import shutil

import pytest

from covermap.datasets.registry import dataset_named

NAMES = ("landcoverai", "landcovernet", "ghana-crops", "deepglobe", "urban-atlas")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name in NAMES:
        dataset_named(name).miniature(folder / name)
    return folder


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("recipe:s1-loses",), "recipe:s1-loses: no such recipe; did you mean 's1-losses'?"),
        (("s1-losses",), "s1-losses: no such project file; did you mean 'recipe:s1-losses'?"),
        (("recipes:s1-losses",), "no such project file; did you mean 'recipe:s1-losses'?"),
        (("recipe:s1-losses", "--data", "nowhere"), "--data nowhere: no such folder"),
        (("recipe:s1-losses", "--data", "other"), "other: this is not LandCover.ai v1; expected"),
        (("recipe:s1-losses", "--data", "set.zip"), "set.zip: unpack it first: covermap datasets"),
        (("recipe:s1-losses", "--scale", "ful"), "--scale ful: no such scale; did you mean 'full'"),
        (("recipe:s1-losses", "--weights", "no.pth"), "--weights no.pth: no such file; give one"),
        (("project.yaml", "--scale", "full"), "--scale is for recipes"),
    ],
)
def test_a_recipe_that_cannot_begin_leaves_nothing(tmp_path, monkeypatch, complaint, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("nothing here")
    (tmp_path / "set.zip").write_bytes(b"PK")
    assert told in complaint("run", *words, "--out", "out")
    assert not (tmp_path / "out" / "run").exists()


@pytest.mark.parametrize(
    ("name", "lost", "told"),
    [
        ("landcoverai", "masks/*", "missing: 8 masks: M-33-20-D-c-4-2"),
        ("landcovernet", "*labels/*/*", "missing: labels of 14 chips: 30PWT_00"),
        ("ghana-crops", "*labels/*/*", "missing: labels of 16 chips: 000000"),
        ("deepglobe", "train/*_mask.png", "missing: masks: no ID_mask.png beside the pictures"),
        ("urban-atlas", "*.SAFE/*/*/*/R10m/*_B03_10m.jp2", "missing: B03 of S2A_MSIL2A"),
        ("urban-atlas", "*.SAFE/*/*/*/*/*.jp2", "missing: Sentinel-2 L2A products"),
    ],
)
def test_a_set_without_a_part_names_it_and_its_publisher(
    sets, tmp_path, complaint, name, lost, told
):
    folder = shutil.copytree(sets / name, tmp_path / "set")
    for path in folder.glob(lost):
        path.unlink()
    line = complaint("datasets", folder, "--out", tmp_path / "p.yaml")
    assert told in line
    assert "Where: " in line
    assert not (tmp_path / "p.yaml").exists()


def test_orthophotos_without_a_mask_are_left_out_of_the_project(sets, tmp_path):
    folder = shutil.copytree(sets / "landcoverai", tmp_path / "set")
    (folder / "masks" / "M-33-20-D-c-4-2.tif").unlink()
    (folder / "images" / "N-33-60-D-d-1-2.tif").unlink()
    project = dataset_named("landcoverai").project(folder, tmp_path)
    images, masks = project["imagery"][0]["path"], project["labels"]["path"]
    assert len(images) == len(masks) == 6
    assert [path.replace("images", "masks") for path in images] == masks
    assert not any("M-33-20-D-c-4-2" in path or "N-33-60-D-d-1-2" in path for path in images)
