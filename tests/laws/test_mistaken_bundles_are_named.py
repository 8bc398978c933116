"""Laws 12 and 13 for bundles: what does not fit is named, nothing is run or written in part."""

import dataclasses
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from covermap.bundle.folder import write_bundle
from covermap.models.loading import network_weights
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings
from covermap.verbs.prepare import prepare
from drawings import drawing, saved, scattered
from mistakes import Bomb
from oracle_predictors import tiny_bundle
from tiny import tiny_geobox, write_scene
from tiny_bundles import forest_bundle

BOX = tiny_geobox(64, 64)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """`chips`, a network that answers for pictures, and `forest`, one that answers for pixels."""
    folder = tmp_path_factory.mktemp("bundles")
    model = ModelSettings(name="shallow-cnn")
    network = build_network(model, [None] * 3, 3, seed=0)
    facts = dataclasses.replace(
        tiny_bundle(("band_1", "band_2", "band_3"), mean=100, std=50),
        task="classification", model=model.model_dump(), resolution_m=1.0, chip_size=32,
    )  # fmt: skip
    channels = tuple(dataclasses.replace(item, unit="dn") for item in facts.channels)
    facts = dataclasses.replace(facts, channels=channels)
    write_bundle(folder / "chips", facts, network_weights(network))
    forest_bundle(folder / "forest")
    return folder


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "missing argument 'PICTURE...'"),
        (("empty",), "empty: no image in this folder; name pictures or their folder"),
        (("nowhere.png",), "nowhere.png: no such picture"),
        (("bands.tif",), "bands does not fit the bundle: it lacks band_1, band_2, band_3"),
        (
            ("grey.tif",),
            "lacks band_2, band_3 (expected band_1, band_2, band_3; the scene has band_1)",
        ),
        (("cut.png",), "cut.png: damaged or cut short"),
    ],
)
def test_pictures_that_do_not_fit_leave_no_table(pictures, bundles, complaint, words, told):
    (pictures / "empty").mkdir()
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "cut.png").write_bytes((pictures / "pictures" / "1.png").read_bytes()[:300])
    write_scene(pictures / "bands.tif", height=40, width=40, crs=None)
    write_scene(
        pictures / "grey.tif", values=np.ones((1, 40, 40)), bands=("x",), dtype="uint8", crs=None,
        descriptions=False,
    )  # fmt: skip
    assert told in complaint("predict", bundles / "chips", *words, "--out", "t.csv")
    assert not (pictures / "t.csv").exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("cut.png", "cut.png: damaged or cut short"),
        ("notes.txt", "notes.txt: cannot be opened as an image"),
    ],
)
def test_pictures_that_cannot_be_read_are_named_beside_the_table_of_the_others(
    pictures, bundles, complaint, wrong, told
):
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "cut.png").write_bytes((pictures / "pictures" / "1.png").read_bytes()[:300])
    words = "pictures/0.png", wrong, "--out", "t.csv"
    assert told in complaint("predict", bundles / "chips", *words)
    assert set(pd.read_csv(pictures / "t.csv")["path"]) == {"pictures/0.png"}


def test_predict_refuses_a_model_of_pixels_and_a_table_that_is_none(pictures, bundles, complaint):
    told = complaint("predict", bundles / "forest", "pictures", "--out", "t.csv")
    assert "forest: is of task segmentation and answers for pixels" in told
    told = complaint("predict", bundles / "chips", "pictures", "--out", "t.tif")
    assert "t.tif: the table is a CSV file" in told
    (pictures / "mine.csv").write_text("mine\n")
    told = complaint("predict", bundles / "chips", "pictures", "--out", "mine.csv")
    assert "mine.csv: is no table of predictions" in told
    assert (pictures / "mine.csv").read_text() == "mine\n"


def _bomb(path, trace):
    path.write_bytes(pickle.dumps(Bomb(trace)))


def _tensors(path, trace):
    torch.save({"a": torch.zeros(3)}, path)


def _half(path, trace):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "file", "put", "told"),
    [
        ("forest", "forest.skops", _bomb, "forest.skops: not readable as a random forest"),
        ("forest", "forest.skops", _half, "forest.skops: not readable as a random forest"),
        ("forest", "model.pkl", _bomb, "model.pkl, which can run a stranger's code"),
        ("chips", "weights.safetensors", _bomb, "weights.safetensors: not readable as safetensors"),
        ("chips", "weights.safetensors", _tensors, "not readable as safetensors"),
        ("chips", "weights.safetensors", _half, "not readable as safetensors"),
        ("chips", "weights.pth", _tensors, "weights.pth, which can run a stranger's code"),
    ],
)
def test_a_pickle_in_a_bundle_is_named_and_not_opened(
    pictures, bundles, complaint, name, file, put, told
):
    folder = shutil.copytree(bundles / name, pictures / "bundle")
    put(folder / file, pictures / "trace")
    if name == "chips":
        line = complaint("predict", folder, "pictures", "--out", "out.csv")
    else:
        write_scene(pictures / "two.tif", height=64, width=64, bands=("B02", "B03"), scale=0.0001)
        line = complaint("map", folder, "two.tif", "--out", "out.tif")
    assert told in line
    assert not (pictures / "trace").exists()
    assert not list(pictures.glob("out*"))


def test_initial_weights_that_are_a_pickle_are_not_run(pictures, complaint):
    _bomb(pictures / "evil.pth", pictures / "trace")
    write_scene(pictures / "scene.tif", height=64, width=64, geobox=BOX, scale=0.0001)
    cells = scattered(16, 64, 64, seed=0)
    saved(pictures / "areas.gpkg", drawing(cells, ["a", "b"] * 8, geobox=BOX))
    (pictures / "p.yaml").write_text(
        "imagery: scene.tif\nlabels: areas.gpkg\nchips: {size: 32}\n"
        "model: {encoder: resnet18, weights: evil.pth}\n"
    )
    prepare("p.yaml", "run")
    assert "evil.pth: not readable as weights" in complaint("train", "p.yaml", "--out", "run")
    assert not (pictures / "trace").exists()
