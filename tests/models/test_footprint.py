import torch
from torch import nn

from covermap.models.footprint import activation_bytes


def test_the_layer_with_most_input_and_output_decides():
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 32, 1), nn.Conv2d(32, 5, 1))
    assert activation_bytes(network, 3) == int(1.75 * 4 * (8 + 32))


def test_where_layers_are_fused_norms_and_activations_take_nothing():
    widths = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 5, 1)
    network = nn.Sequential(*widths)
    assert activation_bytes(network, 3) == int(1.75 * 4 * (8 + 8))
    assert activation_bytes(network, 3, fused=True) == int(1.75 * 4 * (8 + 5))


def test_coarse_layers_count_by_the_pixels_of_the_input():
    network = nn.Sequential(nn.Conv2d(3, 16, 4, stride=4), nn.Upsample(scale_factor=4))
    assert activation_bytes(network, 3) == int(1.75 * 4 * (16 + 16 / 16))


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).train()
    activation_bytes(network, 1)
    assert network.training
    assert torch.equal(network[1].running_mean, torch.zeros(2))
    assert not network[0]._forward_hooks
