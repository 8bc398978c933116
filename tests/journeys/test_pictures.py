"""Pictures and palette masks: from two folders to maps, through the command line."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from command_line import covermap
from pictures import quarters, write_colors, write_picture

pytestmark = pytest.mark.slow

QUICK = """
model: {encoder: resnet18, weights: none}
training: {epochs: 2, batch_size: 4}
"""


def test_two_folders_become_a_model_an_accuracy_and_maps(tmp_path):
    for number in range(14):
        index = quarters(64, 64, seed=number)
        write_picture(tmp_path / "images" / f"{number:02}_sat.png", index, number)
        write_colors(tmp_path / "masks" / f"{number:02}_mask.png", index)
    said = covermap("init", "--images", "images", "--masks", "masks", cwd=tmp_path)
    assert said.status == 0, said.err
    project = tmp_path / "project.yaml"
    project.write_text(project.read_text() + QUICK)
    said = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path)
    assert said.status == 0, said.err

    run = tmp_path / "run"
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["split"]["of"] == "scenes"
    assert metrics["test"]["labelled_pixels"] == 2 * 64 * 64
    assert json.loads((run / "audit.json").read_text())["passed"]
    chips = gpd.read_parquet(run / "chips.parquet")
    assert chips.groupby("scene")["split"].nunique().max() == 1
    assert chips.geometry.isna().all()
    maps = sorted((run / "maps").glob("*_sat.tif"))
    assert len(maps) == 14
    with rasterio.open(maps[0]) as mapped:
        assert set(np.unique(mapped.read(1))) <= {1, 2, 3}
    assert (run / "evaluation" / "polygons.csv").read_text().count("\n") == 1
    areas = json.loads((run / "map.json").read_text())
    assert {item["class_area_m2"] for item in areas.values()} == {None}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "whole images" in page
    assert "hectares" not in page

    again = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path)
    assert again.err.count("nothing changed, skipped") >= 4
