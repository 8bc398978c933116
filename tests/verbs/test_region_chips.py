"""Chips of the boxes of polygons: each shows its own box, and its own polygon names its class."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest

from covermap.chips.answers import Place
from covermap.chips.audit import shares_of
from covermap.chips.table import read_chips
from covermap.verbs.prepare import prepare
from covermap.verbs.workspace import Workspace
from drawings import squares
from tiny import tiny_geobox, write_scene

SIDE = 200
PROJECT = """
imagery: scene.tif
labels: {path: boxes.gpkg, attribute: cover, regions: REGIONS}
task: classification
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Boxes of 10 px right beside boxes of 30 px, some at the very ends of the scene."""
    folder = tmp_path_factory.mktemp("regions")
    box = tiny_geobox(SIDE, SIDE)
    write_scene(folder / "scene.tif", bands=("red", "green"), geobox=box)
    corners = [(40 * row, 40 * col) for row in range(5) for col in range(5)]
    small = [(row, col, 10, 10) for row, col in corners]
    large = [(row, col + 10, 30, 30) for row, col in corners]
    names = ["small"] * len(small) + ["large"] * len(large)
    squares(folder / "boxes.gpkg", small + large, names, geobox=box)
    return folder


@pytest.mark.parametrize(
    "regions",
    ["{}", "{anchor: centre}", "{size: 40, anchor: centre}", "{size: multiple, anchor: centre}",
     "{size: 20}"],
)  # fmt: skip
def test_a_chip_shows_its_box_alone_and_has_the_class_of_its_polygon(folder, regions):
    project = folder / "project.yaml"
    project.write_text(PROJECT.replace("REGIONS", regions))
    out = folder / regions.replace(" ", "").replace(":", "-")
    prepare(project, out)
    workspace = Workspace.open(project, out, "test")
    chips, legend = read_chips(out / "chips.parquet"), workspace.labels.legend
    answers, drawn = workspace.answers(None), gpd.read_file(folder / "boxes.gpkg")
    seen = []
    for training in workspace.split.trainings:
        for share in shares_of(workspace.viewer, chips, training):
            for number, (scene, window) in enumerate(() if share is None else share.windows):
                region = workspace.regions[scene, window]
                view = share.read(number)
                assert window.height == window.width
                assert window.height % 32 == 0
                assert np.array_equal(view.usable, region.inside)
                counted = share.counted(view)
                answer = answers.of(Place(workspace.viewer.scenes[scene], window, view, counted))
                assert answer.counted
                assert legend.names[int(answer.target)] == drawn["cover"][region.row]
                seen.append(region.row)
    assert sorted(set(seen)) == list(range(len(drawn)))


def test_the_table_holds_boxes_and_the_rows_of_their_polygons(folder):
    project, out = folder / "table.yaml", folder / "table"
    project.write_text(PROJECT.replace("REGIONS", "{anchor: centre}"))
    prepare(project, out)
    chips, drawn = read_chips(out / "chips.parquet"), gpd.read_file(folder / "boxes.gpkg")
    assert sorted(chips["region"]) == list(range(len(drawn)))
    assert set(zip(chips["height"], chips["width"], strict=True)) == {(10, 10), (30, 30)}
    assert (chips["share_valid"] == 1).all()
    assert (chips["share_labelled"] == 1).all()
    there = drawn.geometry.to_crs(4326).iloc[chips["region"]].reset_index(drop=True)
    common = chips.geometry.set_crs(4326, allow_override=True).intersection(there).area
    assert (common > 0.99 * there.area).all()


@pytest.mark.parametrize("regions", ["{}", "{size: 32, anchor: centre}"])
def test_a_polygon_of_several_dates_is_a_chip_of_one_part(tmp_path, regions):
    box = tiny_geobox(SIDE, SIDE)
    for day in range(3):
        write_scene(tmp_path / f"d{day}.tif", bands=("red", "green"), geobox=box, seed=day)
    project = tmp_path / "project.yaml"
    text = PROJECT.replace("scene.tif", "[{path: 'd*.tif'}]").replace("REGIONS", regions)
    cells = [(40 * row, 40 * col, 38, 36) for row in range(5) for col in range(5)]
    squares(tmp_path / "boxes.gpkg", cells, np.resize(["small", "large"], 25), geobox=box)
    project.write_text(f"{text}split: {{by: blocks}}\n")
    prepare(project, tmp_path / "run")
    chips = read_chips(tmp_path / "run" / "chips.parquet")
    assert len(chips) == 3 * 25
    assert chips.groupby("region")["split"].nunique().max() == 1
