import numpy as np
import pytest
import torch
from torch import nn

from covermap.models.ranges import activation_ranges


def test_the_range_of_every_convolution_is_the_mean_of_its_extremes():
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Conv2d(1, 1, 1))
    nn.init.constant_(network[0].weight, 2.0)
    pictures = [np.array([[[-1.0, 3.0]]], np.float32), np.array([[[-2.0, 1.0]]], np.float32)]
    ranges = activation_ranges(network, pictures)
    assert ranges == {"0": pytest.approx((-1.5, 2.0)), "2": pytest.approx((0.0, 4.0))}


def test_transposed_convolutions_have_a_range():
    network = nn.Sequential(nn.ConvTranspose2d(1, 1, 4, 2, 1))
    picture = np.array([[[-1.0, 3.0], [0.0, 2.0]]], np.float32)
    assert activation_ranges(network, [picture]) == {"0": (-1.0, 3.0)}


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    activation_ranges(network, [np.ones((1, 4, 4), np.float32)])
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not network[0]._forward_pre_hooks
