"""The demo: a generated world and a project beside it."""

import shutil

import pytest

from covermap.core.errors import OutputError
from covermap.core.files import read_json
from covermap.project.schema import read_project
from covermap.verbs.demo import demo


@pytest.fixture
def small_demo(tmp_path, monkeypatch):
    """A function that begins a demo of some seed, and the folder that it fills."""
    monkeypatch.setattr("covermap.verbs.run.run", lambda *_, **__: None)
    return lambda **more: demo(tmp_path, size="64", bands=["B04"], **more), tmp_path


def seeds(folder):
    """The seed of the world and that of the project."""
    return read_json(folder / ".world.json")["seed"], read_project(folder / "project.yaml").seed


@pytest.mark.parametrize("world_only", [False, True])
def test_a_world_of_another_seed_has_a_project_of_that_seed(small_demo, world_only):
    begin, folder = small_demo
    begin(seed=1)
    assert seeds(folder) == (1, 1)
    with pytest.raises(OutputError, match=r"world: holds another world; .* remove it"):
        begin(seed=2)
    shutil.rmtree(folder / "world")
    begin(seed=2, world_only=world_only)
    begin(seed=2)
    assert seeds(folder) == (2, 2)


def test_an_edited_project_stays_with_its_world_only(small_demo):
    begin, folder = small_demo
    begin(seed=1)
    project = folder / "project.yaml"
    text = project.read_text().replace("cover\n", "cover\n  complete: true\n")
    project.write_text(text)
    begin(seed=1)
    shutil.rmtree(folder / "world")
    begin(seed=1)
    assert (folder / "world").exists()
    shutil.rmtree(folder / "world")
    with pytest.raises(OutputError, match=r"project\.yaml: was written or edited for another"):
        begin(seed=2)
    assert not (folder / "world").exists()
    assert project.read_text() == text


def test_a_strangers_project_is_not_taken_for_that_of_the_demo(small_demo):
    begin, folder = small_demo
    (folder / "project.yaml").write_text("imagery: mine.tif\n")
    with pytest.raises(OutputError, match=r"project\.yaml: was written or edited"):
        begin()
    assert [item.name for item in folder.iterdir()] == ["project.yaml"]
