"""Networks in fewer operations answer as they did."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from covermap.models.folding import FoldedBlock, doubling, folded
from covermap.models.registry import build_network, has_encoder
from covermap.models.settings import ModelSettings


def network(name, **further):
    """With norms that have seen something: those of a new network are nearly the identity."""
    if has_encoder(name):
        further |= {"encoder": "resnet18", "weights": "none"}
    made = ModelSettings(name=name, **further)
    built = build_network(made, [None] * 3, 4, seed=0)
    generator = torch.Generator().manual_seed(1)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
    return built.eval()


def blocks(built):
    return [module for module in built.modules() if isinstance(module, FoldedBlock)]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_repeated_pixels_under_a_kernel_are_one_transposed_convolution(
    inputs, outputs, height, width, seed
):
    generator = torch.Generator().manual_seed(seed)
    small = torch.randn(2, inputs, height, width, generator=generator, dtype=torch.float64)
    kernel = torch.randn(outputs, inputs, 3, 3, generator=generator, dtype=torch.float64)
    large = functional.interpolate(small, scale_factor=2, mode="nearest")
    expected = functional.conv2d(large, kernel, padding=1)
    found = functional.conv_transpose2d(small, doubling(kernel), stride=2, padding=1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "further", "count"),
    [
        ("unet", {}, 5),
        ("unet", {"decoder": "narrow"}, 5),
        ("unet", {"dropout": 0.2}, 5),
        ("unet++", {}, 11),
    ],
    ids=str,
)
def test_a_folded_network_answers_as_before(name, further, count):
    built = network(name, **further)
    before = {key: value.clone() for key, value in built.state_dict().items()}
    result = folded(built, 3)
    assert len(blocks(result)) == count
    assert not result.training
    assert not blocks(built), "the network itself is left as it was"
    assert all(torch.equal(before[key], value) for key, value in built.state_dict().items())
    generator = torch.Generator().manual_seed(2)
    for shape in ((1, 3, 64, 96), (2, 3, 32, 32)):
        picture = torch.randn(shape, generator=generator)
        with torch.inference_mode():
            expected, found = built.double()(picture.double()), result.double()(picture.double())
        # Both in float64, from weights of float32: what is left is the rounding of their sums.
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
        built.float()
        result.float()


@pytest.mark.parametrize("name", ["unet-plain", "deeplabv3+", "fpn", "segformer"])
def test_networks_without_such_blocks_are_given_back(name):
    built = network(name)
    assert folded(built, 3) is built


def test_one_that_would_answer_otherwise_is_given_back():
    """Built like a known decoder, but it sharpens what it has repeated."""
    built = network("unet")
    kind = type(built.decoder.blocks[0])

    class Sharpening(kind):
        def forward(self, *given, **named):
            return super().forward(*given, **named) * 1.5

    for block in built.decoder.blocks:
        block.__class__ = Sharpening
    assert folded(built, 3) is built
