"""A graph in two parts computes what it computed whole; the first part keeps its precision."""

import numpy as np
import pytest
import torch

from covermap.mapping.mixed_graph import ChainedRequest, split_early
from covermap.mapping.openvino_predictor import OpenvinoPredictor, openvino_computes
from covermap.models.libraries import openvino
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings

pytestmark = pytest.mark.skipif(openvino() is None, reason="OpenVINO is not installed")

SHAPE = (1, 3, 96, 128)
VALUES = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def network(name="unet", encoder="resnet18"):
    settings = ModelSettings(name=name, encoder=encoder, weights="none")
    return build_network(settings, [None] * 3, 4, seed=0).eval()


def graph_of(module):
    graph = openvino().convert_model(module, example_input=torch.zeros(SHAPE))
    graph.reshape(list(SHAPE))
    return graph


def request(graph):
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino().Core().compile_model(graph, "CPU", hints).create_infer_request()


@pytest.mark.parametrize(
    ("name", "encoder"),
    [("unet", "resnet18"), ("unet", "efficientnet-lite0"), ("segformer", "resnet18")],
)
def test_both_parts_together_are_the_whole(name, encoder):
    graph = graph_of(network(name, encoder))
    expected = next(iter(request(graph).infer([VALUES]).values()))
    first, rest = split_early(graph)
    chained = ChainedRequest(request(first), request(rest))
    for values in (VALUES, VALUES[:, ::-1].copy(), VALUES):
        found = np.empty(expected.shape, np.float32)
        chained.set_input_tensor(openvino().Tensor(values, shared_memory=True))
        chained.set_output_tensor(openvino().Tensor(found, shared_memory=True))
        chained.infer()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    again = next(iter(request(graph).infer([VALUES]).values()))
    assert np.array_equal(again, expected), "the graph is left as it was"


def test_the_first_part_ends_at_an_eighth_of_the_resolution():
    first, rest = split_early(graph_of(network()))
    sides = [tuple(output.get_shape())[2:] for output in first.outputs]
    assert sorted(sides) == [tuple(side // part for side in SHAPE[2:]) for part in (8, 4, 2)]
    assert [tuple(item.get_output_shape(0)) for item in rest.get_parameters()] == [
        tuple(output.get_shape()) for output in first.outputs
    ]


def test_a_network_that_never_gets_coarse_has_one_part():
    layer = torch.nn.Conv2d(3, 4, 3, padding=1)
    assert split_early(graph_of(layer.eval())) is None


@pytest.mark.skipif(not openvino_computes("bfloat16"), reason="no bfloat16 on this processor")
def test_mixed_is_nearer_to_float32_than_bfloat16_is():
    module = network(encoder="efficientnet-lite0")
    exact, rough, mixed = (
        OpenvinoPredictor(module, 3, 4, 0, precision).probabilities(VALUES)
        for precision in ("float32", "bfloat16", "mixed")
    )
    assert np.abs(mixed - exact).mean() < np.abs(rough - exact).mean()
    assert not np.array_equal(mixed, exact)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-5)
