"""What is said before a training begins."""

from __future__ import annotations

import errno
import json
from typing import ClassVar

import numpy as np
import pytest
import torch

from covermap.chips.sample import Sample
from covermap.chips.table import read_chips
from covermap.core.errors import UnwritableError
from covermap.training.settings import TrainingSettings, resolve
from covermap.verbs.plan_told import forecast, tell_plan
from covermap.verbs.prepare import prepare
from covermap.verbs.train import train
from covermap.verbs.workspace import Workspace
from drawings import drawing, saved, scattered
from pictures import write_ids, write_picture
from tiny import tiny_geobox, write_scene

PROJECT = """
imagery: images/*.png
labels: {path: masks, legend: {classes: {0: a, 1: b}}}
chips: CHIPS
split: {by: list, train: [s0, s1], val: VAL, test: [s3]}
"""


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        index = np.kron([[0, 1], [1, 0]], np.ones((32, 32), int))
        write_picture(tmp_path / "images" / f"s{number}.png", index, number)
        write_ids(tmp_path / "masks" / f"s{number}.tif", index)
    return tmp_path


def prepared(folder, more, val="[]", chips="{size: 32}"):
    project = PROJECT.replace("VAL", val).replace("CHIPS", chips)
    (folder / "project.yaml").write_text(project + more)
    prepare(folder / "project.yaml", folder / "run")
    return Workspace.open(folder / "project.yaml", folder / "run", "test")


def told(folder, capsys, more, val="[]", chips="{size: 32}"):
    workspace = prepared(folder, more, val, chips)
    capsys.readouterr()
    tell_plan(workspace, read_chips(folder / "run" / "chips.parquet"))
    return capsys.readouterr().err


def test_a_forest_of_chips_is_not_told_as_one_of_pixels(folder, capsys):
    forest = "model: {name: random-forest}\n"
    assert "network   random forest, by pixel" in told(folder, capsys, forest)
    of_chips = told(folder, capsys, forest + "task: classification\n")
    assert "network   random forest, chip statistics" in of_chips


@pytest.mark.parametrize("key", ["schedule: plateau", "patience: 5"])
def test_what_waits_for_validation_is_told_where_nothing_validates(folder, capsys, key):
    training = f"training: {{{key}}}\n"
    line = f"no effect training: {key} (no ground validates in this split"
    assert line in told(folder, capsys, training)
    assert "no effect" not in told(folder, capsys, training, val="[s2]")
    assert "no effect" not in told(folder, capsys, "training: {patience: none}\n")


def test_a_batch_of_one_chip_is_told_to_be_of_two(folder, capsys):
    said = told(folder, capsys, "training: {batch_size: 1}\n")
    assert "no effect training: batch_size: 1 (batch normalisation needs two" in said


class Recording(torch.nn.Conv2d):
    """A network that tells where and in what it computes."""

    seen: ClassVar[set] = set()

    def forward(self, values):
        answers = super().forward(values)
        self.seen.add((values.device.type, answers.dtype))
        return answers


@pytest.mark.parametrize(
    ("device", "precision", "wanted"),
    [("cpu", "bfloat16", torch.bfloat16), ("meta", "float32", torch.float32)],
)
def test_the_forecast_times_a_step_where_and_as_training_does_it(
    monkeypatch, device, precision, wanted
):
    monkeypatch.setattr("covermap.models.hardware.training_device", lambda: device)
    monkeypatch.setattr(Recording, "seen", set())
    values, pixels = np.zeros((2, 32, 32), np.float32), np.zeros((32, 32), np.int64)
    chips = [Sample(values, pixels == 0, pixels, pixels == 0)] * 4
    network = Recording(2, 3, 1)
    settings = resolve(TrainingSettings(epochs=2, precision=precision), 4, 32)
    said = forecast(network, chips, None, settings, 1, 2)
    assert "2 epochs of 2 batches, 2 chips each: less" in said
    assert "1 epoch left: " in forecast(network, chips, None, settings, 1, 1)
    assert "2 networks, 3 epochs left: " in forecast(network, chips, None, settings, 2, 3)
    assert Recording.seen == {(device, wanted)}
    assert next(network.parameters()).device.type == "cpu"


def test_a_bundle_names_the_scenes_that_taught_it(folder):
    prepared(folder, "model: {name: random-forest}\n", val="[s2]")
    train(folder / "project.yaml", folder / "run")
    facts = json.loads((folder / "run" / "bundle" / "bundle.json").read_text())["trained_on"]
    assert facts["scenes"] == ["s0", "s1"]
    assert facts["dates"] == [None, None]
    assert facts["chips"] == 8


@pytest.mark.parametrize("chips", ["{size: 32}", "{size: 32, stride: 8}"])
def test_a_labelled_pixel_is_told_once_however_many_chips_show_it(folder, capsys, chips):
    plan = told(folder, capsys, "", "[s2]", chips)
    # Four pictures of 64 x 64 pixels, half of each class.
    assert plan.count(" 8,192 pixels") == 2


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_read(
    folder, monkeypatch, capsys
):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("covermap.core.files._scratch_file", refused)
    monkeypatch.setattr(Workspace, "sources", None)
    (folder / "project.yaml").write_text(
        PROJECT.replace("VAL", "[]").replace("CHIPS", "{size: 32}")
    )
    with pytest.raises(UnwritableError, match=r"run\.json: cannot be written"):
        prepare(folder / "project.yaml", folder / "run")
    assert not (folder / "run").exists()


def test_points_are_told_as_points(tmp_path, capsys):
    box = tiny_geobox(128, 128)
    write_scene(tmp_path / "s.tif", bands=("B02",), geobox=box, scale=0.0001)
    cells = scattered(24, 128, 128, seed=0)
    table = drawing(cells, ["a", "b", "c"] * 8, geobox=box)
    saved(tmp_path / "gps.gpkg", table.set_geometry(table.centroid))
    (tmp_path / "project.yaml").write_text(
        "imagery: s.tif\nlabels: {path: gps.gpkg, radius_m: 20}\nchips: {size: 32}\n"
    )
    prepare(tmp_path / "project.yaml", tmp_path / "run")
    workspace = Workspace.open(tmp_path / "project.yaml", tmp_path / "run", "test")
    capsys.readouterr()
    tell_plan(workspace, read_chips(tmp_path / "run" / "chips.parquet"))
    said = capsys.readouterr().err
    assert said.count("8 points") == 3
    assert "polygon" not in said.split("chips")[0]
