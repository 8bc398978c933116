"""From a project file to a map and its report, and what the contract says is then in the folder."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch

from command_line import covermap, started
from covermap.bundle.folder import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.chips.table import read_chips
from covermap.datasets.world import write_world
from covermap.models.loading import load_network
from covermap.training.calibration import fitted
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.workspace import Workspace

pytestmark = pytest.mark.slow

PROJECT = """\
name: small world
imagery: world
bands: [B02, B03, B04, B08, ndvi]
labels: {path: world/labels.gpkg, attribute: cover}
truth: world/truth.tif
chips: {size: 64}
split: {by: blocks}
training: {epochs: 20, batch_size: 8}
map: {outputs: [class, confidence, probability]}
seed: 1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a world, a project and its finished run, and what the run said."""
    folder = tmp_path_factory.mktemp("journey")
    write_world(folder / "world", width=420, height=390, seed=3)
    (folder / "project.yaml").write_text(PROJECT)
    said = covermap("run", "project.yaml", "--out", "run", cwd=folder)
    assert said.status == 0, said.err
    return folder, said


def test_everything_of_the_contract_is_there(finished):
    folder, said = finished
    for name in (
        "chips.parquet", "bundle/bundle.json", "bundle/weights.safetensors", "metrics.json",
        "map.tif", "map_confidence.tif", "map_probability.tif", "preview.png", "report.html",
        "run.json", "audit.json", "bundle/applicability.safetensors",
    ):  # fmt: skip
        assert (folder / "run" / name).stat().st_size > 0, name
    assert "report.html" in said.out
    assert "map.tif" in said.out
    assert not list((folder / "run").glob(".*")), "nothing half-written is left"


def test_the_plan_is_told_before_training(finished):
    _, said = finished
    plan = said.err.split("Training")[0]
    for word in ("forest", "polygons", "pixels", "split", "network", "device", "min"):
        assert word in plan


def test_chips_are_a_geoparquet_table_of_the_contract(finished):
    folder, _ = finished
    chips = gpd.read_parquet(folder / "run" / "chips.parquet")
    assert list(chips.columns) == [
        "chip", "scene", "date", "col_off", "row_off", "width", "height", "split",
        "share_valid", "share_cloud", "share_labelled", "class_shares", "region", "geometry",
    ]  # fmt: skip
    assert set(chips["split"]) == {"train", "val", "test"}
    assert chips.crs.to_string() == "OGC:CRS84"
    assert chips["share_valid"].between(0, 1).all()
    for shares in chips["class_shares"]:
        assert sum(shares.values()) == pytest.approx(1)


def test_metrics_have_the_keys_of_the_contract(finished):
    folder, _ = finished
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    for part in (metrics["test"], *metrics["baselines"].values()):
        for key in ("overall_accuracy", "class_mean_iou", "micro_iou"):
            assert part[f"{key}_low"] <= part[key] <= part[f"{key}_high"]
        for name in ("bare", "built-up", "field", "forest", "water"):
            assert set(part["per_class"][name]) >= {
                "iou", "f1", "users_accuracy", "producers_accuracy", "labelled_pixels", "groups",
            }  # fmt: skip
    assert set(metrics["baselines"]) == {"majority", "random_forest"}


def test_the_bundle_carries_its_scores(finished):
    folder, _ = finished
    test = json.loads((folder / "run" / "metrics.json").read_text())["test"]
    scores = json.loads((folder / "run" / "bundle" / "bundle.json").read_text())["scores"]
    for name in ("overall_accuracy", "class_mean_iou_low", "per_class", "groups"):
        assert scores[name] == test[name]
    assert scores["split"]["leak_allowed"] is False


def test_the_temperature_is_that_of_the_kept_weights_on_validation_ground(finished):
    folder, _ = finished
    workspace = Workspace.open(folder / "project.yaml", folder / "run", "evaluate")
    bundle = read_bundle(folder / "run" / "bundle")
    chips = read_chips(folder / "run" / "chips.parquet")
    training = workspace.split.trainings[0]
    _, validate, _ = shares_of(workspace.viewer, chips, training, workspace.around)
    validate = Chips(validate, statistics_of_bundle(bundle))
    assert validate[0].valid.shape[0] == bundle.chip_size + 2 * workspace.around
    network, logits, target = load_network(bundle), [], []
    for number in range(len(validate)):
        sample = validate[number]
        with torch.inference_mode():
            answer = network(torch.from_numpy(sample.values)[None])[0].numpy()
        logits.append(answer[:, sample.counted].T)
        target.append(sample.target[sample.counted])
    expected = fitted(np.concatenate(logits), np.concatenate(target))
    assert bundle.temperature == pytest.approx(expected.temperature, abs=2e-4)
    told = json.loads((folder / "run" / "training.json").read_text())["final"]["calibration"]
    assert told["temperature"] == bundle.temperature
    assert told["pixels"] == expected.pixels
    assert told["log_loss_scaled"] <= told["log_loss"]


def test_the_error_of_confidence_is_that_of_the_written_map(finished):
    folder, _ = finished
    test = json.loads((folder / "run" / "metrics.json").read_text())["test"]
    reliability = test["reliability"]
    assert sum(reliability["pixels"]) == test["labelled_pixels"]
    filled = [number for number, pixels in enumerate(reliability["pixels"]) if pixels]
    pixels, accuracy, confidence = (
        np.array([reliability[key][number] for number in filled])
        for key in ("pixels", "accuracy", "confidence")
    )
    total = pixels.sum()
    assert (pixels * accuracy).sum() / total == pytest.approx(test["overall_accuracy"])
    assert (pixels * abs(accuracy - confidence)).sum() / total == pytest.approx(test["ece"])


def test_law_14_the_reported_accuracy_is_the_true_one_within_its_interval(finished):
    folder, _ = finished
    test = json.loads((folder / "run" / "metrics.json").read_text())["test"]
    low, high = test["overall_accuracy_low"], test["overall_accuracy_high"]
    assert low - 0.03 <= test["true_overall_accuracy"] <= high + 0.03
    assert test["overall_accuracy"] > 0.5, "it has learnt something"


def test_the_scored_pixels_are_those_of_the_delivered_map(finished):
    """The test ground was mapped by the engine that maps: pixel for pixel the same file."""
    folder, _ = finished
    with rasterio.open(folder / "run" / "evaluation" / "final_world.tif") as scored:
        tested = scored.read(1)
    with rasterio.open(folder / "run" / "map.tif") as delivered:
        mapped = delivered.read(1)
    there = tested != 255
    assert there.any()
    assert np.array_equal(tested[there], mapped[there])


def test_the_map_lies_on_the_scene_and_respects_its_validity(finished):
    folder, _ = finished
    with (
        rasterio.open(folder / "world" / "B02.tif") as scene,
        rasterio.open(folder / "run" / "map.tif") as mapped,
    ):
        assert mapped.shape == scene.shape
        assert mapped.transform == scene.transform
        assert mapped.crs == scene.crs
        assert mapped.nodata == 255
        ids, empty = mapped.read(1), scene.read(1) == 0
        assert (ids[empty] == 255).all()
        assert set(np.unique(ids)) <= {1, 2, 3, 4, 5, 255}
        assert mapped.colormap(1)[5][2] > mapped.colormap(1)[5][0], "water is blue"
        assert mapped.overviews(1) or min(mapped.shape) < 512


def test_the_report_needs_nothing_beside_it(finished):
    folder, _ = finished
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "mapped area, not an estimate" in page
    assert "random forest" in page


def test_a_second_run_skips_everything_and_says_so(finished):
    folder, _ = finished
    before = (folder / "run" / "map.tif").stat().st_mtime_ns
    said = covermap("run", "project.yaml", "--out", "run", cwd=folder)
    assert said.status == 0
    assert said.err.count("nothing changed, skipped") == 5
    assert (folder / "run" / "map.tif").stat().st_mtime_ns == before


def test_a_changed_key_repeats_only_what_stands_on_it(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")
    project = tmp_path / "copy" / "project.yaml"
    project.write_text(PROJECT.replace("[class, confidence, probability]", "[class, margin]"))
    said = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path / "copy")
    assert said.status == 0
    assert "train: nothing changed" in said.err
    assert "evaluate: nothing changed" in said.err
    assert "map: nothing changed" not in said.err
    assert (tmp_path / "copy" / "run" / "map_margin.tif").exists()


def test_law_10_the_same_inputs_give_the_same_bytes(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder / "world", tmp_path / "world")
    (tmp_path / "project.yaml").write_text(PROJECT)
    said = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path)
    assert said.status == 0, said.err
    for name in (
        "chips.parquet", "bundle/weights.safetensors", "bundle/bundle.json", "metrics.json",
        "bundle/applicability.safetensors", "map.tif", "map_confidence.tif", "report.html",
    ):  # fmt: skip
        one, two = (root / "run" / name for root in (folder, tmp_path))
        assert one.read_bytes() == two.read_bytes(), name


def test_law_9_a_run_stopped_in_training_goes_on_to_the_same_bytes(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder / "world", tmp_path / "world")
    (tmp_path / "project.yaml").write_text(PROJECT)
    checkpoint = tmp_path / "run" / ".training" / "final" / "last.ckpt"
    going = started("run", "project.yaml", "--out", "run", cwd=tmp_path)
    deadline = time.monotonic() + 300
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert going.poll() is None, going.communicate()[1]
        time.sleep(0.05)
    going.send_signal(signal.SIGINT)
    _, err = going.communicate(timeout=120)
    assert going.returncode == 130, err
    assert "Traceback" not in err
    assert not (tmp_path / "run" / "bundle").exists()
    said = covermap("run", "project.yaml", "--out", "run", cwd=tmp_path)
    assert said.status == 0, said.err
    assert "prepare: nothing changed" in said.err
    assert "went on after epoch" in said.err
    for name in ("bundle/weights.safetensors", "metrics.json", "map.tif"):
        one, two = (root / "run" / name for root in (folder, tmp_path))
        assert one.read_bytes() == two.read_bytes(), name


def test_another_scene_is_mapped_with_just_the_bundle(finished, tmp_path):
    folder, _ = finished
    write_world(tmp_path / "elsewhere", width=200, height=130, seed=9)
    shutil.copytree(folder / "run" / "bundle", tmp_path / "bundle")
    said = covermap(
        "map", "bundle", "elsewhere", "--out", "other.tif", "--tile", "640", cwd=tmp_path
    )
    assert said.status == 0, said.err
    assert "tested on held-out blocks: overall accuracy 0." in said.err
    with (
        rasterio.open(tmp_path / "other.tif") as mapped,
        rasterio.open(tmp_path / "elsewhere" / "B02.tif") as scene,
    ):
        assert mapped.shape == scene.shape
        assert mapped.transform == scene.transform
        assert len(np.unique(mapped.read(1))) > 2
    assert (tmp_path / "other_preview.png").exists()
