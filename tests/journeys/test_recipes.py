"""Several variants of a project, and published experiments, through the command line."""

from __future__ import annotations

import json

import pytest

from command_line import covermap

pytestmark = pytest.mark.slow

PROJECT = """\
name: two losses
imagery: [{path: "data/train/[1-5]*_sat.jpg", bands: [red, green, blue], join: false}]
labels: {path: "data/train/[1-5]*_mask.png", legend: deepglobe, tolerance: 221}
chips: {size: 96, place: random, count: 2}
split: {by: list, train: ["1*", "2*", "3*"], val: ["4*"], test: ["5*"]}
model: {name: unet, encoder: resnet18, weights: none}
training: {epochs: 1, batch_size: 8}
map: {outputs: [class]}
vary: {loss: [{cross_entropy: 1}, {dice: 1}]}
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder with a finished comparison of two losses."""
    folder = tmp_path_factory.mktemp("compared")
    made = covermap("datasets", "deepglobe", "--miniature", folder / "data")
    assert made.status == 0, made.err
    (folder / "project.yaml").write_text(PROJECT)
    said = covermap("run", "project.yaml", "--out", "run", cwd=folder)
    assert said.status == 0, said.err
    assert said.out.strip() == "comparison  run/comparison.html"
    assert "prepare: as in a variant before, shared" in said.err
    return folder


def _content(folder):
    """Bytes of every file; of `run.json` what it says: steps stand in the order of their doing."""
    return {
        path.relative_to(folder): (
            json.loads(path.read_text()) if path.name == "run.json" else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_variants_share_one_split_and_are_told_apart(compared):
    run = compared / "run"
    for name in ("chips.parquet", "split.json", "audit.json"):
        assert (run / "dice" / name).read_bytes() == (run / "cross_entropy" / name).read_bytes()
    facts = json.loads((run / "comparison.json").read_text())
    assert list(facts["variants"]) == ["cross_entropy", "dice"]
    for name, own in facts["variants"].items():
        metrics = json.loads((run / name / "metrics.json").read_text())
        assert own["test"]["class_mean_iou"] == metrics["test"]["class_mean_iou"]
        assert len(own["epochs"]) == 1
    page = (run / "comparison.html").read_text()
    assert "The same ground, seen by each" in page
    # Image, truth and two answers in each panel.
    assert page.count("data:image/png") % 4 == 0


def test_a_stopped_comparison_goes_on_and_ends_in_the_same_bytes(compared):
    run = compared / "run"
    before = _content(run)
    for name in ("comparison.json", "comparison.html", "dice/metrics.json"):
        (run / name).unlink()
    said = covermap("run", "project.yaml", "--out", "run", cwd=compared)
    assert said.status == 0, said.err
    assert said.err.count("train: nothing changed, skipped") == 2
    assert _content(run) == before


def test_single_steps_refuse_a_project_with_variants(compared):
    said = covermap("train", "project.yaml", "--out", "other", cwd=compared)
    assert said.status == 2
    assert "covermap run project.yaml --out other" in said.last_line
    assert not (compared / "other").exists()


def test_a_strangers_file_in_the_way_is_told_before_anything_is_trained(compared):
    (compared / "taken" / "dice").mkdir(parents=True)
    (compared / "taken" / "dice" / "metrics.json").write_text("mine")
    said = covermap("run", "project.yaml", "--out", "taken", cwd=compared)
    assert said.status == 2
    assert "dice/metrics.json: already exists" in said.last_line
    assert not (compared / "taken" / "cross_entropy" / "chips.parquet").exists()


def test_a_recipe_runs_on_its_miniature_beside_the_published_numbers(tmp_path):
    said = covermap("run", "recipe:s4-urban-atlas", "--out", "ua", cwd=tmp_path)
    assert said.status == 0, said.err
    assert said.out.strip() == "comparison  ua/run/comparison.html"
    facts = json.loads((tmp_path / "ua" / "run" / "comparison.json").read_text())
    random, blocks = facts["variants"].values()
    assert random["leaky"] == "leaky: chips touch"
    assert blocks["leaky"] is None
    assert facts["published"]["warnings"][0].startswith("MINIATURE")
    score, majority = (own["class_mean_iou"] for own in (
        random["test"], random["baselines"]["majority"],
    ))  # fmt: skip
    assert score > majority
