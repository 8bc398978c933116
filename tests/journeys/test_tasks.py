"""Tasks beside segmentation: from labels to scores, maps and tables, through the command line."""

from __future__ import annotations

import csv
import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import Point
from sklearn.metrics import accuracy_score, confusion_matrix

from command_line import covermap
from drawings import squares
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
        Point(box.affine @ (col + 0.5, row + 0.5)) for row, col in zip(rows, cols, strict=True)
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
    assert sum(test["reliability"]["pixels"]) == test["labelled_pixels"]
    assert 0 <= test["ece"] <= 1

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
    test = metrics["test"]
    assert test["mae"] < metrics["baselines"]["mean"]["mae"]
    for key in ("mae", "rmse", "r2", "spearman", "bias", "ruzicka", "iou_nonzero"):
        assert test[f"{key}_low"] <= test[key] <= test[f"{key}_high"], key
    with rasterio.open(tmp_path / "run" / "map.tif") as dataset:
        assert dataset.dtypes[0] == "float32"
        assert np.isnan(dataset.nodata)
        mapped = dataset.read(1)
    assert mapped[index == 2].mean() > mapped[index == 0].mean()


def test_a_column_of_numbers_becomes_a_table_of_numbers(tmp_path):
    random, truth = np.random.default_rng(0), {}
    for number in range(30):
        share = random.random()
        cover = 2 * (random.random((40, 40)) < share)
        write_picture(tmp_path / "pictures" / f"p{number}.png", cover, number)
        truth[f"p{number}.png"] = 3000 * share + 500
    rows = "".join(f"{name},{value:.1f}\n" for name, value in truth.items())
    (tmp_path / "table.csv").write_text(f"file,yield\n{rows}")
    metrics = run(
        tmp_path,
        "imagery: pictures/*.png\nlabels: {tags: table.csv, column: yield}\ntask: regression\n"
        + QUICK.replace("epochs: 4", "epochs: 10"),
    )
    test = metrics["test"]
    assert test["mae"] < metrics["baselines"]["mean"]["mae"]
    assert test["mae_low"] <= test["mae"] <= test["mae_high"]
    assert test["iou_nonzero"] is None
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    assert test["labelled_pixels"] == (chips["split"] == "test").sum()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Prediction against truth" in page

    said = covermap("predict", "run/bundle", "pictures", "--out", "table2.csv", cwd=tmp_path)
    assert said.status == 0, said.err
    with (tmp_path / "table2.csv").open() as file:
        told = {row["path"].split("/")[-1]: float(row["value"]) for row in csv.DictReader(file)}
    assert told.keys() == truth.keys()
    assert np.corrcoef([told[name] for name in truth], list(truth.values()))[0, 1] > 0.8


def test_the_mean_density_of_chips_is_learnt_and_mapped(tmp_path):
    index = write_world(tmp_path)
    metrics = run(
        tmp_path,
        "imagery: scene.tif\nlabels: {points: points.gpkg, cap: 1}\ntask: regression\n"
        "chips: {size: 32}\nmodel: {name: shallow-cnn}\n"
        "training: {epochs: 10, batch_size: 8, precision: float32}\n",
    )
    test = metrics["test"]
    assert test["caps"] == [1.0]
    assert test["mae"] < metrics["baselines"]["mean"]["mae"]
    assert test["labelled_pixels"] == 10
    with rasterio.open(tmp_path / "run" / "map.tif") as dataset:
        mapped = dataset.read(1)
    assert mapped[index == 2].mean() > mapped[index == 0].mean()


@pytest.mark.parametrize("names", [["corn", "soy"], ["corn"]])
def test_pictures_without_any_label_teach_and_are_scored(tmp_path, names):
    """Scores against scikit-learn's, from what the table of tested chips says."""
    random = np.random.default_rng(0)
    truth = {f"p{n}.png": [int(n % 4 == k) for k in range(len(names))] for n in range(48)}
    for number, has in enumerate(truth.values()):
        cover = (random.random((32, 32)) < 0.3 + 0.6 * has[0]).astype(int) + has[-1]
        write_picture(tmp_path / "pictures" / f"p{number}.png", cover, number)
    rows = "".join(f"{name},{','.join(map(str, has))}\n" for name, has in truth.items())
    (tmp_path / "table.csv").write_text(f"file,{','.join(names)}\n{rows}")
    metrics = run(
        tmp_path,
        "imagery: pictures/*.png\ntask: multilabel\nmodel: {name: shallow-cnn}\n"
        f"labels: {{tags: table.csv, name: file, column: [{', '.join(names)}]}}\n"
        "split: {by: images, fractions: {train: 0.5, val: 0.25, test: 0.25}}\n"
        "training: {epochs: 6, batch_size: 8, precision: float32}\n",
    )
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    assert len(chips) == len(truth)
    tested = chips.loc[chips["split"] == "test", "scene"]
    with (tmp_path / "run" / "evaluation" / "chips.csv").open() as file:
        scored = list(csv.DictReader(file))
    assert sorted(row["scene"] for row in scored) == sorted(tested)
    found = [[name in row["prediction"].split(";") for name in names] for row in scored]
    said, is_so = np.array(found), np.array([truth[f"{row['scene']}.png"] for row in scored])
    assert not is_so.any(axis=1).all()
    test, majority = metrics["test"], metrics["baselines"]["majority"]
    assert test["chips"] == test["complete_chips"] == len(tested)
    taught = chips.loc[chips["split"] == "train", "scene"]
    usual = np.array([truth[f"{name}.png"] for name in taught]).mean(axis=0) > 0.5
    for place, name in enumerate(names):
        row = test["per_label"][name]
        one, other = is_so[:, place], said[:, place]
        assert row["positive_rate"] == pytest.approx(one.mean())
        assert row["accuracy"] == pytest.approx(accuracy_score(one, other))
        assert row["confusion_matrix"] == confusion_matrix(one, other, labels=[0, 1]).tolist()
        always = np.full(len(one), usual[place])
        assert majority["per_label"][name]["accuracy"] == pytest.approx(accuracy_score(one, always))
    assert test["exact_match"] == pytest.approx((said == is_so).all(axis=1).mean())

    said = covermap("predict", "run/bundle", "pictures", "--out", "table2.csv", cwd=tmp_path)
    assert said.status == 0, said.err
    with (tmp_path / "table2.csv").open() as file:
        told = {(row["path"].split("/")[-1], row["class"]) for row in csv.DictReader(file)}
    assert told == {(picture, name) for picture in truth for name in names}


def test_a_label_that_all_tested_pictures_have_is_named_and_not_scored(tmp_path):
    random = np.random.default_rng(0)
    truth = {f"p{n:02}.png": (n % 2, int(n >= 18 or n % 3 > 0)) for n in range(24)}
    for number, (name, (corn, _)) in enumerate(truth.items()):
        cover = (random.random((32, 32)) < 0.3 + 0.6 * corn).astype(int)
        write_picture(tmp_path / "pictures" / name, cover, number)
    rows = "".join(f"{name},{corn},{soy}\n" for name, (corn, soy) in truth.items())
    (tmp_path / "table.csv").write_text(f"file,corn,soy\n{rows}")
    metrics = run(
        tmp_path,
        "imagery: pictures/*.png\ntask: multilabel\nmodel: {name: shallow-cnn}\n"
        "labels: {tags: table.csv, name: file, column: [corn, soy]}\n"
        'split: {by: list, train: ["p0*", "p10"], val: ["p11"], test: ["p18", "p19", "p2*"]}\n'
        "training: {epochs: 2, batch_size: 8, precision: float32}\n",
    )
    test, majority = metrics["test"], metrics["baselines"]["majority"]
    assert test["not_assessed"] == ["soy"]
    assert test["per_label"]["soy"]["accuracy"] is None
    assert test["per_label"]["soy"]["positive_rate"] == 1
    for way in (test, majority):
        assert way["mean_accuracy"] == way["per_label"]["corn"]["accuracy"]
        assert way["mean_f1"] == way["per_label"]["corn"]["f1"]
    # Chips have several labels: shares of the parts do not add up to one.
    shares = json.loads((tmp_path / "run" / "audit.json").read_text())["class_shares"]
    assert shares["test"] == {"corn": 0.5, "soy": 1.0}
    assert shares["train"] == pytest.approx({"corn": 5 / 11, "soy": 7 / 11})
    page = (tmp_path / "run" / "report.html").read_text()
    assert "in both training and test: soy." in page


OF_SHARES = (
    "imagery: scene.tif\nlabels: {path: ids.tif, presence: {threshold: 0.1}, legend: "
    "{classes: {1: field, 2: forest, 3: town}}}\nchips: {size: 32}\nmodel: {name: shallow-cnn}\n"
    "training: {epochs: 16, batch_size: 8, precision: float32}\n"
)


def test_shares_of_classes_become_labels_of_chips(tmp_path):
    write_world(tmp_path, side=16)
    metrics = run(tmp_path, OF_SHARES + "task: multilabel\n")
    assert "LEAK" not in (tmp_path / "run" / "report.html").read_text()
    majority = metrics["baselines"]["majority"]
    test = metrics["test"]
    assert test["mean_accuracy"] > majority["mean_accuracy"]
    for key in ("mean_accuracy", "mean_f1", "exact_match"):
        assert test[f"{key}_low"] <= test[key] <= test[f"{key}_high"], key


def test_a_report_of_labels_says_first_that_chips_were_drawn_at_random(tmp_path):
    write_world(tmp_path, side=16)
    run(
        tmp_path,
        OF_SHARES.replace("epochs: 16", "epochs: 1") + "task: multilabel\nsplit: {by: random}\n",
    )
    page = (tmp_path / "run" / "report.html").read_text()
    first, scores = page.index("Read this first"), page.index("How good it is")
    assert first < page.index("LEAKY SPLIT (chips touch)") < scores
    assert page[scores:].count('<span class="stamp">leaky: chips touch</span>') >= 3
    kept = json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())["scores"]
    assert kept["split"]["leaky"] == "chips touch"


def test_activation_maps_become_a_map_in_all_ways_and_a_few_dense_labels_help(tmp_path):
    write_world(tmp_path, side=16)
    metrics = run(
        tmp_path,
        OF_SHARES
        + "task: weak-segmentation\nweak: {combiner: regression, dense_images: 12, bias: false, "
        "upsampling: repeat}\n",
    )
    test, majority = metrics["test"], metrics["baselines"]["majority"]
    assert test["combiner"] == "regression"
    assert list(test["combiners"]) == ["argmax", "standardised", "median", "regression"]
    accuracy = {name: own["overall_accuracy"] for name, own in test["combiners"].items()}
    assert accuracy["regression"] == test["overall_accuracy"]
    assert accuracy["regression"] > accuracy["argmax"] > majority["overall_accuracy"]
    assert test["combiners"]["regression"]["dense_images"] == 12
    assert test["combiners"]["regression"]["taught_by"] == "weak + few dense labels"
    assert test["combiners"]["median"]["taught_by"] == "weak labels"
    assert test["mean_accuracy"] > majority["mean_accuracy"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Weak + few dense labels" in page

    kept = json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())["combiner"]
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    taught = chips[chips["split"] == "train"]
    names = {f"scene, row {row}, column {col}" for row, col in
             zip(taught["row_off"], taught["col_off"], strict=True)}  # fmt: skip
    assert len(kept["chips"]) == 12
    assert set(kept["chips"]) <= names
    said = covermap("map", "run/bundle", "scene.tif", "--out", "again.tif", cwd=tmp_path)
    assert said.status == 0, said.err
    with (
        rasterio.open(tmp_path / "run" / "map.tif") as first,
        rasterio.open(tmp_path / "again.tif") as second,
    ):
        assert (first.read(1) == second.read(1)).all()


def test_boxes_of_polygons_become_chips_of_one_class_with_invalid_padding(tmp_path):
    index = write_world(tmp_path)
    cells = [(32 * r + 3, 32 * c + 3, 14 + r, 20 - c) for r in range(8) for c in range(8)]
    classes = [CLASSES[index[int(row), int(col)]] for row, col, _, _ in cells]
    squares(tmp_path / "stands.gpkg", cells, classes, geobox=tiny_geobox(256, 256))
    metrics = run(
        tmp_path,
        "imagery: scene.tif\nlabels: {path: stands.gpkg, attribute: cover, regions: {}}\n"
        "task: classification\nsplit: {by: blocks}\n" + QUICK,
    )
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    assert sorted(zip(chips["height"], chips["width"], strict=True)) == sorted(
        (height, width) for _, _, height, width in cells
    )
    assert sorted(set(zip(chips["row_off"], chips["col_off"], strict=True))) == sorted(
        (row, col) for row, col, _, _ in cells
    )
    assert all(max(dict(shares).values()) == 1 for shares in chips["class_shares"])
    assert (
        metrics["test"]["overall_accuracy"] > metrics["baselines"]["majority"]["overall_accuracy"]
    )
