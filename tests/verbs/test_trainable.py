"""What no training can do is told before any is taught."""

from __future__ import annotations

import numpy as np
import pytest

from covermap.core.errors import ModelError
from covermap.verbs.prepare import prepare
from covermap.verbs.train import train
from pictures import write_ids, write_picture

# The third class lies in the last picture alone: the fold that tests it is taught without it.
PROJECT = """
imagery: images/*.png
labels: {path: masks, legend: {classes: {0: a, 1: b, 2: rare}}}
chips: {size: 32}
split: {by: images, folds: each}
"""


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        index = np.kron([[0, 1], [1, 0]], np.ones((16, 16), int))
        if number == 2:
            index[:8, :8] = 2
        write_picture(tmp_path / "images" / f"s{number}.png", index, number)
        write_ids(tmp_path / "masks" / f"s{number}.tif", index)
    return tmp_path


def trained(folder, more, model="unet"):
    network = f"model: {{name: {model}, encoder: mobilenet_v2, weights: none}}\n"
    (folder / "project.yaml").write_text(PROJECT + network + more)
    prepare(folder / "project.yaml", folder / "run")
    train(folder / "project.yaml", folder / "run")


@pytest.mark.slow
def test_a_fold_that_lacks_a_class_that_is_to_be_drawn_is_taught_by_the_others(folder, capsys):
    trained(folder, "training: {epochs: 1, sampling: {rare: 0.5, a: 0.5}}\n")
    told = capsys.readouterr().err
    assert told.count("sampling: no rare teaches here, the others take its draws") == 1
    assert (folder / "run" / "bundle" / "bundle.json").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("training: {sampling: {rar: 1.0}}\n", "sampling names the class 'rar'.*'rare'"),
        ("loss: {cross_entropy: {class_weights: {c: 2}}}\n", "class_weights names the class 'c'"),
        ("loss: {cross_entropy: {class_weights: [1, 2]}}\n", "holds 2 numbers, expected 3"),
    ],
)
def test_classes_that_are_not_there_are_named_before_a_rival_is_taught(
    folder, more, message, monkeypatch
):
    def taught(*_):
        raise AssertionError("a forest was taught first")

    monkeypatch.setattr("covermap.verbs.train.taught_forest", taught)
    with pytest.raises(ModelError, match=message):
        trained(folder, more, model="auto")
