"""Maps of a run whose scenes are not all usable."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from covermap.core.errors import NothingToMapError
from covermap.verbs.map_run import map_step
from covermap.verbs.run import run
from covermap.verbs.workspace import Workspace
from drawings import squares
from tiny import tiny_geobox, write_scene

SIDE = 192
PROJECT = """
imagery: {path: images, join: false}
labels: {path: labels.gpkg, attribute: cover}
chips: {size: 32}
split: {by: blocks}
model: {name: random-forest}
map: {outputs: [confidence]}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of a forest on two scenes, of which the first in order has no usable pixel."""
    folder = tmp_path_factory.mktemp("unusable")
    box = tiny_geobox(SIDE, SIDE)
    generator = np.random.default_rng(0)
    index = np.kron(generator.integers(0, 2, (24, 24)), np.ones((8, 8), int))
    values = 1000 + 1500 * index[None] + generator.normal(0, 50, (2, SIDE, SIDE))
    for name, shown in (("fog", np.zeros_like(values)), ("scene", values)):
        write_scene(
            folder / "images" / f"{name}.tif", values=shown, bands=("red", "green"), geobox=box,
            nodata=0,
        )  # fmt: skip
    cells = [(8 * row, 8 * col, 8, 8) for row in range(24) for col in range(24)]
    names = np.array(["field", "forest"])[index[4::8, 4::8].ravel()]
    squares(folder / "labels.gpkg", cells, list(names), geobox=box)
    (folder / "project.yaml").write_text(PROJECT)
    run(folder / "project.yaml", folder / "run")
    return folder


def test_a_scene_without_a_usable_pixel_is_left_out_and_told(finished):
    made = finished / "run"
    assert list(json.loads((made / "map.json").read_text())) == ["scene"]
    assert not list((made / "maps").glob("fog*"))
    assert "fog" not in (made / "maps" / "collection.json").read_text()
    assert (made / "preview.png").exists()
    page = (made / "report.html").read_text()
    assert "Without a map, since no pixel of them is usable: fog." in page
    # Both show the same ground, but only one has a map.
    assert "Other scenes show some of the same ground" not in page


def test_a_map_of_what_the_scene_was_before_goes(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "all")
    old = tmp_path / "all" / "run" / "maps" / "fog.tif"
    shutil.copy(old.with_name("scene.tif"), old)
    map_step(Workspace.open(tmp_path / "all" / "project.yaml", old.parents[1], "map"), force=True)
    assert not old.exists()


def test_maps_of_scenes_that_the_project_has_no_more_go(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "all")
    made, images = tmp_path / "all" / "run", tmp_path / "all" / "images"
    other = write_scene(tmp_path / "other.tif", bands=("red", "green"))
    shutil.copy(other, made / "maps" / "mine.tif")
    (images / "fog.tif").unlink()
    run(tmp_path / "all" / "project.yaml", made)
    assert (made / "map.tif").exists()
    # A file of others in the same folder stays.
    assert [path.name for path in (made / "maps").iterdir()] == ["mine.tif"]
    shutil.copy(images / "scene.tif", images / "second.tif")
    run(tmp_path / "all" / "project.yaml", made)
    assert not list(made.glob("map.tif*")) + list(made.glob("map_*"))
    (images / "scene.tif").rename(images / "third.tif")
    run(tmp_path / "all" / "project.yaml", made)
    assert {path.name for path in (made / "maps").glob("*.tif")} == {
        "mine.tif", "second.tif", "second_confidence.tif", "third.tif", "third_confidence.tif",
    }  # fmt: skip
    assert "/scene" not in (made / "maps" / "collection.json").read_text()


def test_where_nothing_can_be_mapped_the_step_fails(finished, tmp_path, monkeypatch):
    def nothing(*_, **__):
        raise NothingToMapError("no usable pixel")

    shutil.copytree(finished, tmp_path / "all")
    monkeypatch.setattr("covermap.mapping.engine.map_scene", nothing)
    workspace = Workspace.open(tmp_path / "all" / "project.yaml", tmp_path / "all" / "run", "map")
    with pytest.raises(NothingToMapError, match=r"maps: none of the 2 scenes has a usable pixel"):
        map_step(workspace, force=True)
