"""A bundle's temperature, from the folder to every number of confidence that is written."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
import torch
from scipy.special import softmax

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_bundle, read_weights, write_bundle
from covermap.core.legend import Legend
from covermap.mapping.chip_predictor import open_chip_model
from covermap.mapping.choice import Places, compare
from covermap.mapping.engine import map_scene
from covermap.mapping.engines import Engine, Workshop, is_here, opened
from covermap.mapping.settings import MapSettings
from covermap.models.folding import folded
from covermap.models.loading import load_network
from covermap.models.ranges import activation_ranges
from covermap.verbs.scene_maps import map_key
from tiny import ArrayScene, tiny_geobox
from tiny_bundles import BANDS, network_bundle

TEMPERATURE = 2.5
ENGINES = [
    Engine("torch", "float32"),
    Engine("torch", "bfloat16"),
    Engine("openvino", "float32"),
    Engine("openvino", "bfloat16"),
    Engine("openvino", "mixed"),
    Engine("openvino", "int8"),
]
# Mean absolute difference of probability from torch in float32 that the arithmetic may make; of a
# network with random weights, whose integers have 7 bits on processors without VNNI.
NEAR = {"float32": 1e-5, "bfloat16": 0.01, "mixed": 0.005, "int8": 0.08}
VALUES = np.random.default_rng(0).normal(size=(1, 2, 96, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> tuple[Bundle, Bundle]:
    """One network in two folders: without a temperature, and with one."""
    folder = tmp_path_factory.mktemp("bundles")
    plain = network_bundle(folder / "plain")
    weights = read_weights(plain)
    chips = np.random.default_rng(1).normal(size=(4, 2, 64, 64)).astype(np.float32)
    # Neither sure of everything nor of nothing.
    with torch.inference_mode():
        logits = load_network(plain)(torch.from_numpy(chips)).numpy()
    spread = np.float32(3 / logits.std(axis=(0, 2, 3)).mean())
    head = next(name for name in weights if name.endswith("segmentation_head.0.weight"))
    bias = head.replace("weight", "bias")
    weights[bias] = spread * (weights[bias] - logits.mean(axis=(0, 2, 3)))
    weights[head] = spread * weights[head]
    plain = write_bundle(folder / "plain", plain, weights)
    ranges = activation_ranges(folded(load_network(plain), 2), chips)
    plain = write_bundle(folder / "plain", plain, weights, ranges)
    warm = dataclasses.replace(plain, temperature=TEMPERATURE)
    write_bundle(folder / "warm", warm, weights, ranges)
    return plain, read_bundle(folder / "warm")


def warmed(shares: np.ndarray) -> np.ndarray:
    """Probabilities (N, K, H, W) as the temperature makes them, from their logarithms."""
    return softmax(np.log(shares.astype(np.float64)) / TEMPERATURE, axis=1)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.told)
def test_every_engine_divides_by_it(bundles, engine):
    if not is_here(engine):
        pytest.skip(f"{engine.told} is not here")
    plain, warm = bundles
    exact = opened(plain, ENGINES[0]).probabilities(VALUES)
    found = opened(warm, engine).probabilities(VALUES)
    assert np.abs(found - warmed(exact)).mean() < NEAR[engine.precision]
    # Far more than the arithmetic differs: the temperature was not passed over.
    assert exact.max(1).mean() - found.max(1).mean() > 0.05


@pytest.mark.parametrize("engine", ENGINES[:3:2], ids=lambda engine: engine.told)
def test_the_classes_of_a_pass_stay_what_they_were(bundles, engine):
    if not is_here(engine):
        pytest.skip(f"{engine.told} is not here")
    plain, warm = (opened(bundle, engine).probabilities(VALUES) for bundle in bundles)
    np.testing.assert_array_equal(plain.argmax(1), warm.argmax(1))


def test_engines_are_compared_with_a_reference_of_the_same_temperature(bundles):
    engine = Engine("openvino", "float32")
    if not is_here(engine):
        pytest.skip("OpenVINO is not here")
    places = Places((VALUES[0],), (np.ones(VALUES.shape[2:], bool),))
    choice = compare(Workshop.of(bundles[1]).predictor, [engine], places)
    assert choice.engine == engine
    assert "mean difference of probability 0.0000" in choice.reason


def test_averages_of_turned_tiles_are_of_divided_logits(bundles):
    plain, warm = (opened(bundle, ENGINES[0], tta=True) for bundle in bundles)
    turned = np.ascontiguousarray(VALUES[..., ::-1])
    sure, doubting = plain.probabilities(VALUES), warm.probabilities(VALUES)
    assert doubting.max(1).mean() < sure.max(1).mean()
    np.testing.assert_allclose(warm.probabilities(turned)[..., ::-1], doubting, atol=1e-5)


def scene() -> ArrayScene:
    rng = np.random.default_rng(2)
    values = rng.normal(0.15, 0.1, (2, 96, 64)).astype(np.float32)
    valid = np.broadcast_to(rng.random((96, 64)) > 0.1, values.shape)
    return ArrayScene(values, valid, tiny_geobox(96, 64), BANDS)


def test_the_map_keeps_its_classes_and_all_its_numbers_say_doubt(bundles, tmp_path):
    outputs = ("class", "confidence", "margin", "entropy", "probability")
    found: list[dict[str, np.ndarray]] = []
    for name, bundle in zip(("plain", "warm"), bundles, strict=True):
        predictor, out = opened(bundle, ENGINES[0]), tmp_path / f"{name}.tif"
        result = map_scene(scene(), bundle, predictor, out, MapSettings(outputs=outputs))
        found.append({})
        for output, path in result.paths.items():
            with rasterio.open(path) as dataset:
                found[-1][output] = dataset.read().astype(float)
    plain, warm = found
    np.testing.assert_array_equal(plain["class"], warm["class"])
    mapped = plain["class"][0] != 255
    mean = {
        output: (plain[output][:, mapped].mean(), warm[output][:, mapped].mean())
        for output in outputs
    }
    for output, least in (("confidence", 5), ("margin", 5)):
        assert mean[output][0] > mean[output][1] + least
    assert mean["entropy"][1] > mean["entropy"][0] + 5
    # Of each pixel the likeliest class's probability is its confidence.
    np.testing.assert_array_equal(warm["probability"].max(0)[mapped], warm["confidence"][0][mapped])


def test_unfinished_work_of_another_temperature_is_not_taken_up(bundles, tmp_path):
    plain, warm = bundles
    assert map_key(plain, scene_file(tmp_path)) != map_key(warm, scene_file(tmp_path))


def scene_file(folder):
    from covermap.imagery.opening import open_scene
    from tiny import write_scene

    path = folder / "scene.tif"
    if not path.exists():
        write_scene(path, values=scene().values, bands=BANDS)
    return open_scene(path)


def test_whole_chips_are_answered_with_it_and_tags_are_not(tmp_path):
    from covermap.models.loading import network_weights
    from covermap.models.registry import build_network
    from covermap.models.settings import ModelSettings

    model = ModelSettings(name="classifier", encoder="resnet18", weights="none")
    network = build_network(model, [492.7, 559.8], 3, seed=0)
    weights = network_weights(network)
    last = max(name for name in weights if name.endswith("weight") and weights[name].ndim == 2)
    weights[last] = 20 * weights[last]
    plain = dataclasses.replace(
        network_bundle(tmp_path / "facts"),
        task="classification",
        model=model.model_dump(),
        legend=Legend.of({1: "a", 2: "b", 3: "c"}),
    )
    plain = write_bundle(tmp_path / "plain", plain, weights)
    warm = write_bundle(
        tmp_path / "warm", dataclasses.replace(plain, temperature=TEMPERATURE), weights
    )
    chips = np.random.default_rng(3).normal(size=(5, 2, 64, 64)).astype(np.float32)
    sure, doubting = (open_chip_model(b, "float32").answers(chips) for b in (plain, warm))
    np.testing.assert_allclose(doubting, warmed(sure), atol=1e-6)
    assert (doubting.max(1) < sure.max(1)).all()
