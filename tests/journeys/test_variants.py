"""The other ways that data come: few polygons, several scenes, stacks of dates, an aoi."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from command_line import covermap
from covermap.bundle.folder import read_bundle
from tiny import write_scene

pytestmark = pytest.mark.slow

QUICK = """\
model: {encoder: resnet18, weights: none}
training: {epochs: 2, batch_size: 4}
"""
# 32 squares of 8 px on a scene of 96 px whose left half is dark and right half is bright.
LEFT, RIGHT = 600000, 5100000


def _squares(path, names, crs=32633, column="cover", pixels=6, spacing=12, side=96):
    """Squares in rows; `names(col, row)` gives the class of each, None for none drawn."""
    rows = []
    with rasterio.open(path) as dataset:
        affine = dataset.transform
    for row in range(0, side - pixels, spacing):
        for col in range(0, side - pixels, spacing):
            name = names(col, row)
            if name is not None:
                x0, y0 = affine @ (col, row)
                x1, y1 = affine @ (col + pixels, row + pixels)
                shape = box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
                rows.append({column: name, "geometry": shape})
    return gpd.GeoDataFrame(rows, crs=32633).to_crs(crs)


def _halves(path, seed=0, **more):
    """A scene of 96 px, reflectance, dark in the left half, bright in the right."""
    rng = np.random.default_rng(seed)
    values = rng.normal(1000, 100, (3, 96, 96))
    values[:, :, 48:] += 2000
    return write_scene(
        path, height=96, width=96, bands=("B02", "B03", "B04"), values=values.astype("uint16"),
        scale=0.0001, **more,
    )  # fmt: skip


def _run(folder, project):
    (folder / "project.yaml").write_text(project + QUICK)
    said = covermap("run", "project.yaml", "--out", "run", cwd=folder)
    assert said.status == 0, said.err
    return said, json.loads((folder / "run" / "metrics.json").read_text())


def test_few_polygons_are_scored_by_folds(tmp_path):
    path = _halves(tmp_path / "a.tif")
    table = _squares(path, lambda col, row: "dark" if col < 40 else "bright", spacing=24)
    lonely = gpd.GeoDataFrame({"cover": ["lake"], "geometry": [table.geometry.iloc[0]]}, crs=32633)
    lonely["geometry"] = lonely.translate(120, -120)
    gpd.pd.concat([table, lonely]).to_crs(4326).to_file(tmp_path / "few.gpkg")
    said, metrics = _run(tmp_path, "imagery: a.tif\nlabels: few.gpkg\n")
    assert "folds" in said.err
    assert metrics["split"]["scheme"] == "kfold"
    assert metrics["test"]["not_assessed"] == ["lake"]
    assert metrics["test"]["per_class"]["lake"]["iou"] is None
    assert metrics["test"]["labelled_pixels"] == 36 * len(table)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "lake" in page.split("How good")[0], "the first lines name it"
    told = json.loads((tmp_path / "run" / "training.json").read_text())
    final = read_bundle(tmp_path / "run" / "bundle")
    calibration = told["final"]["calibration"]
    assert final.temperature == (calibration and calibration["temperature"])
    assert calibration is None or calibration["pixels"] == 36 * len(table)


def test_two_scenes_of_one_ground_keep_it_on_one_side(tmp_path):
    one = _halves(tmp_path / "one.tif", seed=1)
    _halves(tmp_path / "two.tif", seed=2)
    table = _squares(one, lambda col, row: "dark" if col < 48 else "bright", spacing=8)
    table.to_file(tmp_path / "all.gpkg")
    project = """\
imagery: [{path: one.tif, date: 2020-07-16}, two.tif]
labels: all.gpkg
chips: {size: 32}
"""
    _, metrics = _run(tmp_path, project + "split: {by: blocks}\n")
    assert (tmp_path / "run" / "maps" / "one.tif").exists()
    assert (tmp_path / "run" / "maps" / "two.tif").exists()
    collection = json.loads((tmp_path / "run" / "maps" / "collection.json").read_text())
    assert [link["title"] for link in collection["links"] if link["rel"] == "item"] == ["one"]
    assert list(collection["assets"]) == ["two.tif"]
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert audit["passed"]
    chips = gpd.read_parquet(tmp_path / "run" / "chips.parquet")
    for _, rows in chips.groupby(["row_off", "col_off"]):
        assert rows["split"].nunique() == 1
    assert metrics["test"]["labelled_pixels"] > 0


def test_a_complete_drawing_knows_background(tmp_path):
    path = _halves(tmp_path / "a.tif")
    table = _squares(path, lambda col, row: "lake" if row % 24 == 0 else None)
    table.to_file(tmp_path / "lakes.gpkg")
    project = "imagery: a.tif\nlabels: {path: lakes.gpkg, complete: true}\nchips: {size: 32}\n"
    _, metrics = _run(tmp_path, project)
    assert metrics["test"]["classes"] == ["background", "lake"]
    assert metrics["test"]["per_class"]["background"]["labelled_pixels"] > 1000


def test_dates_are_stacked_with_their_masks(tmp_path):
    for number, day in enumerate(("20200105", "20200310", "20200620", "20200901")):
        _halves(tmp_path / f"S2_{day}.tif", seed=number)
        cloudy = np.zeros((1, 96, 96), "uint8")
        cloudy[:, number * 20 : number * 20 + 20] = 1
        write_scene(
            tmp_path / f"CLM_{day}.tif", height=96, width=96, bands=("mask",), dtype="uint8",
            values=cloudy,
        )  # fmt: skip
    path = tmp_path / "S2_20200105.tif"
    _squares(path, lambda col, row: "dark" if col < 48 else "bright").to_file(tmp_path / "l.gpkg")
    project = """\
imagery:
  - path: S2_*.tif
    stack: dates
    min_dates: 3
    quality: {path: CLM_*.tif, invalid: [1]}
labels: l.gpkg
chips: {size: 32}
"""
    _, metrics = _run(tmp_path, project)
    bundle = json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())
    assert bundle["min_dates"] == 3
    assert len(bundle["channels"]) == 12
    with rasterio.open(tmp_path / "run" / "map.tif") as mapped:
        assert (mapped.read(1) != 255).all(), "three clear dates are enough everywhere"
    assert metrics["test"]["overall_accuracy"] is not None


def test_nothing_outside_the_aoi_is_used_or_mapped(tmp_path):
    path = _halves(tmp_path / "a.tif")
    _squares(path, lambda col, row: "dark" if col < 48 else "bright").to_file(tmp_path / "l.gpkg")
    with rasterio.open(path) as dataset:
        left, bottom, right, top = dataset.bounds
    area = gpd.GeoDataFrame(geometry=[box(left, bottom + 200, right, top)], crs=32633)
    area.to_crs(4326).to_file(tmp_path / "aoi.gpkg")
    _run(tmp_path, "imagery: a.tif\nlabels: l.gpkg\naoi: aoi.gpkg\nchips: {size: 32}\n")
    with rasterio.open(tmp_path / "run" / "map.tif") as mapped:
        ids = mapped.read(1)
    assert (ids[-18:] == 255).all()
    assert (ids[:70] != 255).all()


def test_large_class_ids_make_a_16_bit_map(tmp_path):
    path = _halves(tmp_path / "a.tif")
    table = _squares(path, lambda col, row: 22531 if col < 48 else 0, column="Classvalue")
    table.to_file(tmp_path / "l.gpkg")
    _run(tmp_path, "imagery: a.tif\nlabels: l.gpkg\nchips: {size: 32}\n")
    with rasterio.open(tmp_path / "run" / "map.tif") as mapped:
        assert mapped.dtypes == ("uint16",)
        assert mapped.nodata == 65535
        assert set(np.unique(mapped.read(1))) <= {0, 22531}


@pytest.mark.parametrize("model", ["{name: random-forest, window: 3}", "{name: auto}"])
def test_a_forest_is_a_model_like_any_other(tmp_path, model):
    path = _halves(tmp_path / "a.tif")
    table = _squares(path, lambda col, row: "dark" if col < 48 else "bright")
    table.to_file(tmp_path / "l.gpkg")
    project = "imagery: a.tif\nlabels: l.gpkg\nchips: {size: 32}\n"
    (tmp_path / "project.yaml").write_text(
        project + f"model: {model}\ntraining: {{epochs: 2, batch_size: 4}}\n"
    )
    said = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path)
    assert said.status == 0, said.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["overall_accuracy"] > 0.95
    assert (tmp_path / "run" / "bundle" / "forest.skops").exists(), "two epochs lose to a forest"
    mapped = covermap("map", "run/bundle", "a.tif", "--out", "again.tif", cwd=tmp_path)
    assert mapped.status == 0, mapped.err
    with (
        rasterio.open(tmp_path / "again.tif") as again,
        rasterio.open(tmp_path / "run" / "map.tif") as first,
    ):
        assert np.array_equal(again.read(), first.read())
    if "auto" in model:
        assert metrics["model"]["choice"]["kept"].startswith("random forest")
        assert "model: auto keeps random forest" in said.err
