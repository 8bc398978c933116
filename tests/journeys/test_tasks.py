"""Tasks beside segmentation: from labels to scores, maps and tables, through the command line."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import Point

from command_line import covermap
from pictures import write_picture
from tiny import tiny_geobox, write_scene

pytestmark = pytest.mark.slow

CLASSES = ("field", "forest", "town")
QUICK = """
model: {encoder: resnet18, weights: none}
training: {epochs: 4, batch_size: 8, precision: float32}
"""


def write_world(folder, size=256, side=32):
    """A scene of squares of three classes, their raster, and points that grow dense with them."""
    random = np.random.default_rng(0)
    index = np.kron(random.integers(0, 3, (size // side,) * 2), np.ones((side, side), int))
    centre = np.array([[300, 500, 400, 2500], [800, 900, 1200, 1500], [1500, 1400, 1600, 1800]])
    values = np.clip(centre[index] + random.normal(0, 100, (size, size, 4)), 1, 6000)
    box = tiny_geobox(size, size)
    write_scene(folder / "scene.tif", values=np.moveaxis(values, -1, 0), geobox=box, scale=0.0001)
    write_scene(
        folder / "ids.tif", values=index[None] + 1, bands=("ids",), dtype="uint8", geobox=box,
        descriptions=False,
    )  # fmt: skip
    rows, cols = np.nonzero(random.random((size, size)) < np.array([0.0, 0.3, 0.9])[index])
    points = [
        Point(box.affine * (col + 0.5, row + 0.5)) for row, col in zip(rows, cols, strict=True)
    ]
    gpd.GeoDataFrame(geometry=points, crs=str(box.crs)).to_file(folder / "points.gpkg")
    return index


def run(folder, text):
    (folder / "project.yaml").write_text(text)
    said = covermap("run", "project.yaml", "--out", "run", cwd=folder)
    assert said.status == 0, said.err
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert json.loads((folder / "run" / "audit.json").read_text())["passed"]
    assert (folder / "run" / "report.html").exists()
    return metrics


def test_class_folders_become_a_classifier_that_answers_for_other_pictures(tmp_path):
    for place, name in enumerate(CLASSES):
        for number in range(10):
            path = tmp_path / "pictures" / name / f"{name}{number}.png"
            write_picture(path, np.full((40, 40), place), 10 * place + number)
    said = covermap("init", "pictures", cwd=tmp_path)
    assert said.status == 0, said.err
    metrics = run(tmp_path, (tmp_path / "project.yaml").read_text() + QUICK)
    test, majority = metrics["test"], metrics["baselines"]["majority"]
    assert test["overall_accuracy"] > majority["overall_accuracy"]
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    assert test["labelled_pixels"] == (chips["split"] == "test").sum()

    said = covermap("predict", "run/bundle", "pictures/town", "--out", "table.csv", cwd=tmp_path)
    assert said.status == 0, said.err
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["path", "class", "probability"]
    assert len(rows) == 10
    assert sum(row["class"] == "town" for row in rows) >= 8

    weights = (tmp_path / "run" / "bundle" / "weights.safetensors").read_bytes()
    said = covermap("run", "project.yaml", "--out", "again", cwd=tmp_path)
    assert (tmp_path / "again" / "bundle" / "weights.safetensors").read_bytes() == weights


def test_a_classifier_of_chips_maps_a_scene_as_a_sliding_window(tmp_path):
    index = write_world(tmp_path)
    legend = "{classes: {1: field, 2: forest, 3: town}}"
    metrics = run(
        tmp_path,
        f"imagery: scene.tif\nlabels: {{path: ids.tif, legend: {legend}}}\n"
        f"task: classification\nchips: {{size: 32}}\n{QUICK}",
    )
    majority = metrics["baselines"]["majority"]
    assert metrics["test"]["overall_accuracy"] > majority["overall_accuracy"]
    with rasterio.open(tmp_path / "run" / "map.tif") as dataset:
        mapped = dataset.read(1)
    assert (mapped == index + 1).mean() > 0.7


def test_points_become_a_map_of_density_that_beats_the_mean(tmp_path):
    index = write_world(tmp_path)
    metrics = run(
        tmp_path,
        "imagery: scene.tif\nlabels: {points: points.gpkg, cap: 1}\ntask: regression\n"
        "chips: {size: 32}\nmodel: {encoder: resnet18, weights: none, activation: sigmoid}\n"
        "training: {epochs: 8, batch_size: 8, precision: float32}\n",
    )
    assert metrics["test"]["caps"] == [1.0]
    assert metrics["test"]["mae"] < metrics["baselines"]["mean"]["mae"]
    with rasterio.open(tmp_path / "run" / "map.tif") as dataset:
        assert dataset.dtypes[0] == "float32"
        assert np.isnan(dataset.nodata)
        mapped = dataset.read(1)
    assert mapped[index == 2].mean() > mapped[index == 0].mean()


@pytest.mark.parametrize("task", ["multilabel", "weak-segmentation"])
def test_shares_of_classes_become_labels_of_chips(tmp_path, task):
    write_world(tmp_path, side=16)
    legend = "{classes: {1: field, 2: forest, 3: town}}"
    metrics = run(
        tmp_path,
        f"imagery: scene.tif\nlabels: {{path: ids.tif, legend: {legend}, presence: "
        f"{{threshold: 0.1}}}}\ntask: {task}\nchips: {{size: 32}}\n"
        "model: {name: shallow-cnn}\n"
        "training: {epochs: 16, batch_size: 8, precision: float32}\n",
    )
    score = "mean_accuracy" if task == "multilabel" else "overall_accuracy"
    assert metrics["test"][score] > metrics["baselines"]["majority"][score]
