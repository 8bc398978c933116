"""Chips that overlap and chips that are left out, from the project file to the report."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest

from command_line import covermap
from covermap.datasets.world import write_world

pytestmark = pytest.mark.slow

PROJECT = """\
imagery: world
bands: [B02, B04, B08]
labels: {path: world/labels.gpkg, attribute: cover}
truth: world/truth.tif
split: {by: blocks}
model: {name: random-forest}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chips")
    write_world(folder / "world", width=256, height=240, seed=3)
    return folder


def ask(verb, folder, name, chips):
    (folder / f"{name}.yaml").write_text(f"{PROJECT}chips: {chips}\n")
    return covermap(verb, f"{name}.yaml", "--out", name, cwd=folder)


def test_overlapping_chips_are_scored_on_the_same_pixels_as_a_grid(folder):
    scored, chips = {}, {}
    for name, asked in (
        ("grid", "{size: 64}"),
        ("overlapping", "{size: 64, stride: 40}"),
        ("anywhere", "{size: 64, place: random, count: 12}"),
    ):
        said = ask("prepare", folder, name, asked)
        assert said.status == 0, said.err
        audit = json.loads((folder / name / "audit.json").read_text())
        assert audit["passed"]
        scored[name] = audit["trainings"][0]["scored_pixels"]
        chips[name] = len(gpd.read_parquet(folder / name / "chips.parquet"))
    assert scored["grid"] == scored["overlapping"] == scored["anywhere"] > 100
    assert chips["overlapping"] > chips["grid"]


def test_cloudy_chips_are_left_out_kept_with_the_reason_and_drawn(folder):
    said = ask("run", folder, "clear", "{size: 64, stride: 48, max_cloud: 0.15}")
    assert said.status == 0, said.err
    rejected = gpd.read_parquet(folder / "clear" / "chips_rejected.parquet")
    cloudy = rejected[rejected["reason"].str.contains("max_cloud")]
    assert len(cloudy) > 0
    assert (cloudy["share_cloud"] > 0.15).all()
    kept = gpd.read_parquet(folder / "clear" / "chips.parquet")
    assert (kept["share_cloud"] <= 0.15).all()
    told = next(line for line in said.err.splitlines() if " left out: " in line)
    assert f"{len(kept)} kept, {len(rejected)} left out" in told
    assert f"max_cloud {len(cloudy)}" in told
    metrics = json.loads((folder / "clear" / "metrics.json").read_text())
    audit = json.loads((folder / "clear" / "audit.json").read_text())
    scored = sum(item["scored_pixels"] for item in audit["trainings"])
    assert metrics["test"]["labelled_pixels"] == scored
    page = (folder / "clear" / "report.html").read_text(encoding="utf-8")
    assert "What was left out" in page


def test_filters_that_leave_nothing_end_with_one_line(folder):
    said = ask("prepare", folder, "none", "{size: 64, min_labelled: 0.99}")
    assert said.status == 2
    assert "min_labelled: 0.99 refuses" in said.last_line
    assert "Traceback" not in said.err
