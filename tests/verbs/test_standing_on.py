"""Steps that were done on their own: what one stands on must still be what the project says."""

from __future__ import annotations

import shutil

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from covermap.chips.table import read_chips
from covermap.core.errors import CovermapError, LabelError, OutputError, ProjectError
from covermap.mapping import engine
from covermap.verbs.evaluate import evaluate
from covermap.verbs.map_scenes import map_scenes
from covermap.verbs.prepare import prepare
from covermap.verbs.report import report
from covermap.verbs.run import run
from covermap.verbs.train import train
from drawings import squares
from tiny import tiny_geobox, write_scene

SIDE = 192
PROJECT = """
imagery: scene.tif
labels: {path: LABELS, attribute: cover}
chips: {size: 32}
split: {by: blocks}
model: {name: random-forest}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of a forest, and labels of the same squares with one more class."""
    folder = tmp_path_factory.mktemp("standing")
    box = tiny_geobox(SIDE, SIDE)
    generator = np.random.default_rng(0)
    index = np.kron(generator.integers(0, 2, (24, 24)), np.ones((8, 8), int))
    values = 1000 + 1500 * index[None] + generator.normal(0, 50, (2, SIDE, SIDE))
    write_scene(folder / "scene.tif", values=values, bands=("red", "green"), geobox=box)
    cells = [(8 * row, 8 * col, 8, 8) for row in range(24) for col in range(24)]
    names = np.array(["field", "forest"])[index[4::8, 4::8].ravel()]
    squares(folder / "two.gpkg", cells, list(names), geobox=box)
    names[::7] = "bog"
    squares(folder / "three.gpkg", cells, list(names), geobox=box)
    (folder / "two.yaml").write_text(PROJECT.replace("LABELS", "two.gpkg"))
    (folder / "three.yaml").write_text(PROJECT.replace("LABELS", "three.gpkg"))
    run(folder / "two.yaml", folder / "run")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "all")
    return tmp_path / "all"


@pytest.mark.parametrize("verb", [train, evaluate, report])
@pytest.mark.parametrize("force", [False, True])
def test_other_labels_are_not_taught_or_scored_on_what_was_planned_for_the_old(folder, verb, force):
    with pytest.raises(CovermapError, match=r"changed since `prepare` was done.*covermap prepare"):
        verb(folder / "three.yaml", folder / "run", force)


def test_labels_that_were_edited_in_place_are_noticed(folder):
    table = gpd.read_file(folder / "two.gpkg")
    table.loc[0, "cover"] = "forest" if table.loc[0, "cover"] == "field" else "field"
    table.to_file(folder / "two.gpkg")
    with pytest.raises(CovermapError, match="changed since `prepare`"):
        evaluate(folder / "two.yaml", folder / "run", force=True)


@pytest.mark.parametrize(
    ("gone", "verb", "step"),
    [("chips.parquet", train, "prepare"), ("bundle", evaluate, "train"),
     ("evaluation", report, "evaluate")],
)  # fmt: skip
def test_files_of_an_earlier_step_that_are_gone_are_named(folder, gone, verb, step):
    path = folder / "run" / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(CovermapError, match=rf"{gone}.*is gone.*covermap {step} .*again"):
        verb(folder / "two.yaml", folder / "run", force=True)


def test_an_unchanged_project_goes_on_from_any_step(folder, capsys):
    for verb in (prepare, train, evaluate, report):
        verb(folder / "two.yaml", folder / "run")
    assert capsys.readouterr().err.count("nothing changed, skipped") == 5


def test_libraries_that_were_updated_do_not_send_back_to_the_beginning(folder, monkeypatch):
    monkeypatch.setattr("covermap.verbs.workspace.versions", lambda: {"numpy": "99"})
    report(folder / "two.yaml", folder / "run", force=True)


def test_a_scene_called_like_a_map_beside_another_one_is_refused(finished, tmp_path):
    for name in ("x", "x_confidence"):
        shutil.copy(finished / "scene.tif", tmp_path / f"{name}.tif")
    shutil.copy(finished / "two.gpkg", tmp_path / "two.gpkg")
    text = PROJECT.replace("LABELS", "two.gpkg").replace("scene.tif", "'x*.tif'")
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ProjectError, match="called 'x_confidence', as a map beside that of 'x'"):
        prepare(tmp_path / "p.yaml", tmp_path / "out")
    scenes = [tmp_path / f"{name}.tif" for name in ("x", "x_confidence")]
    with pytest.raises(OutputError, match="'x_confidence', as a map beside that of 'x'"):
        map_scenes(finished / "run" / "bundle", scenes, tmp_path / "maps")


class Stopped(BaseException):
    """What Ctrl-C does."""


def test_a_map_that_was_stopped_is_not_taken_up_for_another_area(finished, tmp_path, monkeypatch):
    for name in ("scene.tif", "two.gpkg"):
        shutil.copy(finished / name, tmp_path / name)
    box = tiny_geobox(SIDE, SIDE)
    project = tmp_path / "p.yaml"
    project.write_text(PROJECT.replace("LABELS", "two.gpkg") + "aoi: aoi.gpkg\n")
    squares(tmp_path / "aoi.gpkg", [(0, 0, SIDE, 120)], ["wanted"], geobox=box)
    with monkeypatch.context() as patch:
        publish = engine.publish

        def stopped(scratch, *rest):
            if scratch.target.name == "map.tif":
                raise Stopped
            publish(scratch, *rest)

        patch.setattr(engine, "publish", stopped)
        with pytest.raises(Stopped):
            run(project, tmp_path / "run")
    squares(tmp_path / "aoi.gpkg", [(0, 0, SIDE, 170)], ["wanted"], geobox=box)
    run(project, tmp_path / "run")
    with rasterio.open(tmp_path / "run" / "map.tif") as dataset:
        mapped = (dataset.read(1) != dataset.nodata).any(axis=0)
    assert np.flatnonzero(mapped).max() == 169


def test_windows_that_filters_reject_are_counted_in_the_classes_that_were_chosen(
    finished, tmp_path
):
    for name in ("scene.tif", "three.gpkg"):
        shutil.copy(finished / name, tmp_path / name)
    text = PROJECT.replace("LABELS", "three.gpkg").replace(
        "attribute", "legend: top 1 + other, attribute"
    )
    (tmp_path / "p.yaml").write_text(text.replace("size: 32", "size: 32, classes: {bog: 0.14}"))
    prepare(tmp_path / "p.yaml", tmp_path / "run")
    rejected = read_chips(tmp_path / "run" / "chips_rejected.parquet")
    assert len(rejected)
    for shares in rejected["class_shares"]:
        assert set(shares) == {"field", "other"} or set(shares) == {"forest", "other"}
        assert sum(shares.values()) == pytest.approx(1)


def test_a_truth_that_is_no_raster_is_told_before_the_training(finished, tmp_path):
    for name in ("scene.tif", "two.gpkg"):
        shutil.copy(finished / name, tmp_path / name)
    (tmp_path / "p.yaml").write_text(PROJECT.replace("LABELS", "two.gpkg") + "truth: two.gpkg\n")
    with pytest.raises(LabelError, match=r"two\.gpkg: truth: is no raster"):
        prepare(tmp_path / "p.yaml", tmp_path / "run")
