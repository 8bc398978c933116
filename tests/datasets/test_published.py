"""What holds for every data set in its published layout."""

import ast
import shutil
from pathlib import Path

import pytest
import yaml

from covermap.core.errors import DatasetError, OutputError
from covermap.core.files import file_digest
from covermap.datasets import registry
from covermap.datasets.project_text import project_text
from covermap.datasets.registry import DATASETS, dataset_named, recognised
from covermap.imagery.opening import open_scenes
from covermap.imagery.settings import ImagerySettings

NAMES = list(DATASETS)


def usable(name, folder):
    """EuroSAT's two sets are a project each."""
    return folder / "EuroSAT_MS" if name == "eurosat" else folder


@pytest.mark.parametrize("name", NAMES)
def test_each_miniature_is_recognised_and_complete(miniatures, name):
    folder = miniatures(name)
    assert recognised(folder) is DATASETS[name]
    found = DATASETS[name].verify(folder)
    assert found.usable
    assert found.missing == ()
    assert found.complete


@pytest.mark.parametrize("name", NAMES)
def test_a_packed_miniature_is_the_same_set(miniatures, tmp_path, name):
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "zip", miniatures(name)))
    assert recognised(archive) is DATASETS[name]
    assert DATASETS[name].verify(archive) == DATASETS[name].verify(miniatures(name))
    with pytest.raises(DatasetError, match=r"unpack it first: .*--unpack set"):
        DATASETS[name].project(archive, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_each_project_opens_its_imagery(miniatures, tmp_path, name):
    folder, dataset = usable(name, miniatures(name)), DATASETS[name]
    project = yaml.safe_load(project_text(dataset.card, dataset.project(folder, tmp_path)))
    assert project["name"] == name
    scenes = [
        scene
        for entry in project["imagery"]
        for scene in open_scenes(ImagerySettings(**entry), tmp_path)
    ]
    assert len({scene.name for scene in scenes}) == len(scenes)
    for scene in scenes:
        known = [band.name for band in scene.bands]
        assert set(project.get("bands", known)) <= set(known)


@pytest.mark.parametrize("name", NAMES)
def test_each_task_of_a_card_has_a_project_and_no_other_has(miniatures, tmp_path, name):
    folder, dataset = usable(name, miniatures(name)), DATASETS[name]
    for task in dataset.card.tasks:
        project = dataset.project(folder, tmp_path, task)
        assert project.get("task", "segmentation") == task
    with pytest.raises(DatasetError, match="not for 'telepathy'"):
        dataset.project(folder, tmp_path, "telepathy")


@pytest.mark.parametrize("name", ["urban-atlas", "clearing"])
def test_the_same_seed_writes_the_same_bytes(miniatures, tmp_path, name):
    DATASETS[name].miniature(tmp_path / "again")
    assert file_digest(tmp_path / "again") == file_digest(miniatures(name))
    DATASETS[name].miniature(tmp_path / "other", seed=1)
    assert file_digest(tmp_path / "other") != file_digest(miniatures(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_miniature_overwrites_nothing(tmp_path, name):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(OutputError, match="not empty"):
        DATASETS[name].miniature(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", NAMES)
def test_another_folder_is_refused_with_what_is_expected(tmp_path, name):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert recognised(tmp_path) is None
    with pytest.raises(DatasetError) as caught:
        DATASETS[name].verify(tmp_path)
    message = str(caught.value)
    assert DATASETS[name].expected in message
    assert "Where:" in message
    assert "\n" not in message


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(DatasetError, match="did you mean 'deepglobe'"):
        dataset_named("deep-globe")


def test_every_layout_is_registered():
    """A data set is one file and one line: no file is forgotten."""
    files = Path(registry.__file__).parent.glob("*.py")
    made = [
        node.name
        for path in files
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b) == "Dataset" for b in node.bases)
    ]
    assert sorted(made) == sorted(type(item).__name__ for item in DATASETS.values())
