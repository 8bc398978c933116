"""Class activation maps: their identity, and where their cells lie."""

import numpy as np
import pytest
import torch
from torch import nn

from covermap.core.errors import ModelError
from covermap.models.activation_maps import (
    ActivationMapper,
    Axis,
    class_activation_maps,
    feature_axes,
    interpolated,
    repeated,
)
from covermap.models.classifiers import ChipClassifier, shallow_cnn
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings

FEATURES = torch.tensor([[[[0.0, 1], [2, 3]], [[4, 5], [6, 7]]]])
WEIGHT, BIAS = torch.tensor([[1.0, -0.5]]), torch.tensor([0.25])
# Each cell of 12 x 12 holds its number.
NUMBERED = torch.arange(144.0).reshape(1, 1, 12, 12)


def network_of(name="classifier", encoder=None, bands=3):
    more = {} if encoder is None else {"encoder": encoder, "weights": "none"}
    return build_network(ModelSettings(name=name, **more), [None] * bands, 4, seed=0).eval()


def test_a_map_is_the_weighted_sum_of_the_features():
    maps = class_activation_maps(FEATURES, WEIGHT)
    assert maps.tolist() == [[[[-2.0, -1.5], [-1.0, -0.5]]]]
    assert maps.mean() + BIAS[0] == -1.0
    assert class_activation_maps(FEATURES, WEIGHT, BIAS).mean() == -1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder"),
    [("shallow-cnn", None), ("dense-classifier", "resnet18"), ("classifier", "efficientnet-lite0"),
     ("classifier", "efficientnet-b0"), ("classifier", "timm:convnext_atto")],
)  # fmt: skip
def test_the_mean_of_a_map_and_the_bias_are_the_logit(name, encoder):
    network = network_of(name, encoder)
    image = torch.randn(2, 3, 67, 70, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = class_activation_maps(network.feature_maps(image), network.head.weight)
        logits = maps.mean((2, 3)) + network.head.bias
        torch.testing.assert_close(logits, network(image), atol=1e-4, rtol=1e-4)


def test_cells_are_repeated_four_times_inside_a_border_of_one():
    placed = repeated(NUMBERED, 50, 50, 4)
    out = placed.values[0, 0]
    for row, column, expected in (
        (1, 1, 0), (4, 4, 0), (5, 5, 13), (24, 24, 65), (25, 25, 78), (48, 48, 143),
    ):  # fmt: skip
        assert out[row, column] == expected
    rows, columns = np.mgrid[1:49, 1:49]
    expected = 12 * ((rows - 1) // 4) + (columns - 1) // 4
    np.testing.assert_array_equal(out[1:49, 1:49].numpy(), expected)
    assert int((~placed.covered).sum()) == 196


def test_the_border_continues_the_outermost_cells():
    out = repeated(NUMBERED, 50, 50, 4).values[0, 0]
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[:, 49], out[:, 48])
    assert out[0, 0] == 0
    assert out[49, 49] == 143


def test_cells_that_reach_over_the_edge_are_cut():
    placed = repeated(torch.arange(4.0).reshape(1, 1, 2, 2), 5, 6, 4)
    assert placed.covered.all()
    assert placed.values[0, 0, :, 0].tolist() == [0, 0, 2, 2, 2]
    assert placed.values[0, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]


def test_interpolation_gives_back_a_plane_between_the_cells():
    rows, columns = Axis(50, 12, 4, 2.0), Axis(54, 13, 4, 1.5)
    down = torch.arange(12.0) * rows.stride + rows.offset
    across = torch.arange(13.0) * columns.stride + columns.offset
    maps = (2 * down[:, None] - across[None, :])[None, None]
    placed = interpolated(maps, rows, columns)
    expected = 2 * torch.arange(50.0)[:, None] - torch.arange(54.0)[None, :]
    torch.testing.assert_close(placed.values[0, 0, 2:47, 2:50], expected[2:47, 2:50])
    assert torch.equal(placed.values[0, 0, 49], placed.values[0, 0, 47])
    assert placed.covered[:49, :52].all()
    assert not placed.covered[49].any()


def test_cells_of_the_shallow_network_lie_on_their_four_pixels():
    axes = feature_axes(shallow_cnn(3, 2), 50, 67)
    assert axes == (Axis(50, 12, 4, 1.5), Axis(67, 16, 4, 1.5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder", "expected"),
    [
        ("dense-classifier", "resnet18", Axis(50, 12, 4, 2.0)),
        ("dense-classifier", "timm:resnet18", Axis(50, 12, 4, 2.0)),
        ("classifier", "resnet18", Axis(50, 2, 32, 0.0)),
        ("classifier", "timm:convnext_atto", Axis(50, 1, 32, 15.5)),
        # Padded as in TensorFlow by 1, 2, 4, 2, 3 pixels: 50, 25, 13, 7, 4, 2.
        ("classifier", "efficientnet-lite0", Axis(50, 2, 32, 17.0)),
    ],
)
def test_where_cells_lie_follows_from_the_layers(name, encoder, expected):
    rows, columns = feature_axes(network_of(name, encoder), 50, 50)
    assert columns == rows
    assert rows == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder", "side"),
    [("shallow-cnn", None, 50), ("dense-classifier", "resnet18", 161),
     ("classifier", "efficientnet-lite0", 512), ("classifier", "resnet18", 481)],
)  # fmt: skip
def test_a_cell_sees_the_image_around_the_place_where_it_is_said_to_lie(name, encoder, side):
    """With all kernels even and nothing bent, the gradient's centre is the cell's middle."""
    network = network_of(name, encoder)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        elif isinstance(module, nn.MaxPool2d):
            module.forward = _mean_of(module)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    rows, _ = feature_axes(network, side, side)
    # Faint, so that no ReLU6 is reached; wide enough to hold nearly all that the cell sees.
    image = torch.full((1, 3, side, side), 1e-3, requires_grad=True)
    cell = rows.cells // 2
    maps = network.feature_maps(image)
    (gradient,) = torch.autograd.grad(maps[0, :, cell, cell].sum(), image)
    strength = gradient.sum((0, 1, 3))
    centre = float((strength * torch.arange(side)).sum() / strength.sum())
    assert centre == pytest.approx(cell * rows.stride + rows.offset, abs=0.5)


def _mean_of(pool):
    return lambda x: nn.functional.avg_pool2d(x, pool.kernel_size, pool.stride, pool.padding)


def test_a_mapper_is_a_network_of_pixels():
    network = shallow_cnn(3, 4).eval()
    image = torch.randn(2, 3, 50, 46, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        cells = class_activation_maps(network.feature_maps(image), network.head.weight)
        plain = ActivationMapper(network, "repeat")(image)
        biased = ActivationMapper(network, "repeat", with_bias=True)(image)
        smooth = ActivationMapper(network).placed(image)
    assert plain.shape == (2, 4, 50, 46)
    assert torch.equal(plain, repeated(cells, 50, 46, 4).values)
    torch.testing.assert_close(biased - plain, network.head.bias[:, None, None].expand_as(plain))
    # The first cell's middle lies 1.5 px from the first pixel, the second one's at 5.5.
    expected = 0.625 * cells[..., 0, 0] + 0.375 * cells[..., 1, 0]
    torch.testing.assert_close(smooth.values[..., 3, 0], expected)
    assert not smooth.covered[48:].any()


def test_maps_that_layers_do_not_explain_are_refused():
    class Halved(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 2, 3, padding=1)

        def forward(self, image):
            return self.first(image)[:, :, ::2, ::2]

    with pytest.raises(ModelError, match="cannot be told where the cells"):
        feature_axes(ChipClassifier(Halved(), 2, 3), 32, 32)


def test_asking_where_cells_lie_changes_nothing():
    network = shallow_cnn(3, 2).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    feature_axes(network, 33, 40)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
