"""OpenVINO beside torch on one small trained network: the same map, by the same laws."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import rasterio
import torch
from scipy.special import softmax
from torch import nn

from covermap.core.errors import ModelError
from covermap.mapping import openvino_predictor, quantisation
from covermap.mapping.engine import map_scene
from covermap.mapping.openvino_predictor import OpenvinoPredictor
from covermap.mapping.predictor import TorchPredictor
from covermap.mapping.settings import MapSettings
from covermap.models.folding import folded
from covermap.models.libraries import openvino, smp
from covermap.models.ranges import activation_ranges
from oracle_predictors import in_one_pass, tiny_bundle
from tiny import ArrayScene, tiny_geobox

pytestmark = pytest.mark.skipif(openvino() is None, reason="OpenVINO is not installed")

HALO = 16
TILED = MapSettings(tile=96, outputs=("probability",), probability_type="float32")


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """A network with pooling that learnt which of three levels the smoothed first band has."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 4, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(16, 3, 3, padding=1),
        )
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        for _ in range(60):
            values = torch.randn(4, 2, 32, 32)
            level = nn.functional.avg_pool2d(values[:, 0], 5, 1, 2) * 5
            target = (level > -0.5).long() + (level > 0.5).long()
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(values), target).backward()
            optimizer.step()
    return network.eval()


def scene(height: int = 250, width: int = 190) -> ArrayScene:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2, height, width)).astype(np.float32)
    valid = np.broadcast_to(rng.random((height, width)) > 0.05, values.shape)
    return ArrayScene(values, valid, tiny_geobox(height, width), ("B02", "B03"))


def predictors(network: nn.Module) -> dict[str, object]:
    return {
        "torch": TorchPredictor(network, 3, HALO),
        "openvino": OpenvinoPredictor(network, 2, 3, HALO),
    }


def test_the_maps_of_both_engines_agree(trained, tmp_path):
    found = {}
    for name, predictor in predictors(trained).items():
        result = map_scene(scene(), tiny_bundle(), predictor, tmp_path / f"{name}.tif", TILED)
        with rasterio.open(result.paths["class"]) as dataset:
            assert dataset.tags()["engine"] == name
            found[name] = dataset.read(1)
    mapped = found["torch"] != 255
    np.testing.assert_array_equal(found["openvino"] != 255, mapped)
    assert (found["torch"] == found["openvino"])[mapped].mean() >= 0.999
    assert np.unique(found["torch"][mapped]).size == 3


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_tiles_leave_no_trace_with_either_engine(trained, tmp_path, engine):
    predictor = predictors(trained)[engine]
    whole = scene()
    result = map_scene(whole, tiny_bundle(), predictor, tmp_path / "map.tif", TILED)
    assert max(result.tile) <= 96
    expected = in_one_pass(TorchPredictor(trained, 3, HALO), whole.values, whole.valid)
    usable = whole.valid.all(axis=0)
    with rasterio.open(result.paths["probability"]) as dataset:
        found = dataset.read()
    np.testing.assert_allclose(found[:, usable], expected[:, usable], atol=1e-4)
    assert np.isnan(found[:, ~usable]).all()


def test_a_killed_map_goes_on_to_the_same_bytes_with_openvino(trained, tmp_path):
    class Killed(OpenvinoPredictor):
        left = 4

        def probabilities(self, values: np.ndarray) -> np.ndarray:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().probabilities(values)

    for name in ("whole", "again"):
        predictor = OpenvinoPredictor(trained, 2, 3, HALO)
        map_scene(scene(), tiny_bundle(), predictor, tmp_path / name / "map.tif", TILED, key="k")
    out = tmp_path / "killed" / "map.tif"
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene(), tiny_bundle(), Killed(trained, 2, 3, HALO), out, TILED, key="k")
    predictor = OpenvinoPredictor(trained, 2, 3, HALO)
    map_scene(scene(), tiny_bundle(), predictor, out, TILED, key="k")
    for file in (tmp_path / "whole").iterdir():
        expected = file.read_bytes()
        assert (tmp_path / "again" / file.name).read_bytes() == expected
        assert (out.parent / file.name).read_bytes() == expected


def test_tiles_of_any_size_and_number_are_answered(trained):
    predictor = OpenvinoPredictor(trained, 2, 3, HALO)
    reference = TorchPredictor(trained, 3, HALO)
    rng = np.random.default_rng(0)
    for shape in ((1, 2, 64, 64), (3, 2, 32, 96), (1, 2, 96, 32), (1, 2, 64, 64)):
        values = rng.normal(size=shape).astype(np.float32)
        found = predictor.probabilities(values)
        np.testing.assert_allclose(found, reference.probabilities(values), atol=1e-4)
        assert found.flags.writeable


def test_answers_are_not_overwritten_by_the_next_tile(trained):
    predictor = OpenvinoPredictor(trained, 2, 3, HALO)
    first = predictor.probabilities(np.zeros((1, 2, 32, 32), np.float32))
    before = first.copy()
    predictor.probabilities(np.ones((1, 2, 32, 32), np.float32))
    np.testing.assert_array_equal(first, before)


def test_a_network_that_changes_with_its_size_is_refused():
    class SizeAsNumber(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * float(values.shape[-1])

    with pytest.raises(ModelError, match=r"openvino cannot compute this network.*--engine torch"):
        OpenvinoPredictor(SizeAsNumber(), 3, 3, HALO)


def test_a_precision_that_the_processor_lacks_is_named(trained, monkeypatch):
    monkeypatch.setattr(openvino_predictor, "openvino_computes", lambda precision: False)
    with pytest.raises(ModelError, match="bfloat16 is not computed by this processor"):
        OpenvinoPredictor(trained, 2, 3, HALO, "bfloat16")
    monkeypatch.setattr(openvino_predictor, "openvino", lambda: None)
    with pytest.raises(ModelError, match=r"pip install openvino.*--engine torch"):
        OpenvinoPredictor(trained, 2, 3, HALO)


def test_nothing_is_reported_to_the_makers_of_openvino():
    assert sys.modules["openvino_telemetry"] is None


def test_int8_is_computed_in_integers_and_agrees(trained):
    rng = np.random.default_rng(5)
    chips = rng.normal(size=(8, 2, 64, 64)).astype(np.float32)
    ranges = activation_ranges(trained, chips)
    assert list(ranges) == ["0", "3", "7"]
    predictor = OpenvinoPredictor(trained, 2, 3, HALO, "int8", ranges=ranges)
    values = rng.normal(size=(1, 2, 256, 256)).astype(np.float32)
    found = predictor.probabilities(values)
    expected = TorchPredictor(trained, 3, HALO).probabilities(values)
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.98
    assert 0 < np.abs(found - expected).mean() < 0.01
    compiled = predictor._request(values.shape).get_compiled_model()
    kinds = {
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in compiled.get_runtime_model().get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
    }
    assert kinds & {"u8", "i8"}


def test_of_a_network_with_a_decoder_that_alone_is_in_integers():
    torch.manual_seed(0)
    network = folded(
        smp().Unet("resnet18", encoder_weights=None, in_channels=2, classes=3).eval(), 2
    )
    chips = np.random.default_rng(5).normal(size=(4, 2, 64, 64)).astype(np.float32)
    ranges = activation_ranges(network, chips)
    predictor = OpenvinoPredictor(network, 2, 3, HALO, "int8", ranges=ranges)
    found = predictor.probabilities(chips)
    expected = TorchPredictor(network, 3, HALO).probabilities(chips)
    assert 0 < np.abs(found - expected).mean() < 0.02
    integers = {
        quantisation._module_of(node.get_friendly_name())
        for node in predictor._graph.get_ops()
        if node.get_type_name() in quantisation._REDUCED
        and node.input_value(1).get_node().get_type_name() == "FakeQuantize"
    }
    assert integers == {name for name in ranges if name.startswith("decoder")}
    # Transposed convolutions have their outputs along the second axis.
    up = next(n for n in predictor._graph.get_ops() if n.get_type_name().endswith("BackpropData"))
    steps = up.input_value(1).get_node().input_value(1).get_node().get_data()
    assert steps.shape == (1, up.get_output_shape(0)[1], 1, 1)


@pytest.mark.parametrize(("overflow", "largest"), [(False, 127), (True, 64)])
def test_weights_use_half_their_grid_where_sums_would_be_cut_off(
    trained, monkeypatch, overflow, largest
):
    monkeypatch.setattr(quantisation, "eight_bits_overflow", lambda: overflow)
    chips = np.random.default_rng(5).normal(size=(8, 2, 64, 64)).astype(np.float32)
    ranges = activation_ranges(trained, chips)
    predictor = OpenvinoPredictor(trained, 2, 3, HALO, "int8", ranges=ranges)
    grids = [node for node in predictor._graph.get_ops() if node.get_type_name() == "FakeQuantize"]
    steps = []
    for grid in grids:
        weights, low, high = (grid.input_value(n).get_node() for n in range(3))
        if weights.get_type_name() == "Constant":
            step = (high.get_data() - low.get_data()) / 254
            steps.append(np.abs(weights.get_data() / step).max())
    assert steps
    assert max(steps) == pytest.approx(largest, abs=1)


@pytest.mark.parametrize(("precision", "near"), [("float32", 1e-5), ("int8", 1e-5)])
def test_a_temperature_is_that_of_the_softmax_and_moves_no_class(trained, precision, near):
    rng = np.random.default_rng(6)
    ranges = activation_ranges(trained, rng.normal(size=(8, 2, 64, 64)).astype(np.float32))
    values = rng.normal(size=(2, 2, 64, 96)).astype(np.float32)
    plain, warm = (
        OpenvinoPredictor(
            trained, 2, 3, HALO, precision, ranges=ranges, temperature=temperature
        ).probabilities(values)
        for temperature in (1.0, 2.5)
    )
    # Logarithms of probabilities are logits but for a constant.
    np.testing.assert_allclose(warm, softmax(np.log(plain) / 2.5, axis=1), atol=near)
    assert (warm.argmax(1) == plain.argmax(1)).mean() > 0.9999
    assert warm.max(1).mean() < plain.max(1).mean()


def test_ranges_of_another_network_are_refused(trained):
    ranges = dict.fromkeys(("0", "other", "7"), (0.0, 1.0))
    with pytest.raises(ModelError, match=r"ranges fit 0 of 1 convolutions"):
        OpenvinoPredictor(trained, 2, 3, HALO, "int8", ranges=ranges)


def test_int8_without_ranges_says_what_to_do(trained):
    with pytest.raises(ModelError, match=r"int8.*train again, or choose --precision float32"):
        OpenvinoPredictor(trained, 2, 3, HALO, "int8")
