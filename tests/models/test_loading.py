"""A network out of a bundle, and how far it sees."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from covermap.bundle import read_bundle, write_bundle
from covermap.core.errors import BundleError
from covermap.models.loading import (
    load_network,
    network_weights,
    receptive_radius,
)
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings
from example_bundle import bundle_of

WAVELENGTHS = (665.0, 842.0, None, 490.0)


def written(folder, encoder="resnet18", weights=None):
    settings = ModelSettings(encoder=encoder)
    network = build_network(settings, WAVELENGTHS, 2, seed=4).eval()
    weights = network_weights(network) if weights is None else weights(network_weights(network))
    return network, write_bundle(folder / "bundle", bundle_of(settings, WAVELENGTHS, 2), weights)


@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "resnet18"])
def test_a_loaded_network_gives_the_same_bits(tmp_path, encoder):
    network, bundle = written(tmp_path, encoder)
    loaded = load_network(read_bundle(bundle.folder))
    assert not loaded.training
    image = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(network(image), loaded(image))


def test_weights_are_copies(tmp_path):
    network, _ = written(tmp_path)
    weights = network_weights(network)
    name = next(iter(weights))
    before = weights[name].copy()
    with torch.no_grad():
        network.get_parameter(name).add_(1)
    np.testing.assert_array_equal(weights[name], before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: dict(list(w.items())[1:]), "lack encoder.conv1.weight"),
        (lambda w: w | {"extra": np.zeros(1, np.float32)}, "hold extra"),
        (lambda w: w | {"encoder.conv1.weight": np.zeros(3, np.float32)}, "expected \\(64, 4, 7"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, change, message):
    _, bundle = written(tmp_path, weights=change)
    with pytest.raises(BundleError, match=message):
        load_network(bundle)


def test_a_network_that_this_version_does_not_know_is_named(tmp_path):
    _, bundle = written(tmp_path)
    bundle = dataclasses.replace(bundle, model={"name": "unet", "encoder": "resnet-18"})
    with pytest.raises(BundleError, match="did you mean 'resnet18'"):
        load_network(bundle)


@pytest.mark.parametrize(("layers", "radius"), [(1, 1), (3, 3)])
def test_the_radius_of_plain_convolutions_is_their_number(layers, radius):
    convolutions = []
    for _ in range(layers):
        layer = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.ones_(layer.weight)
        convolutions.append(layer)
    assert receptive_radius(nn.Sequential(*convolutions)) == radius


def test_a_pixel_wise_network_sees_one_pixel():
    assert receptive_radius(nn.Conv2d(3, 2, 1)) == 0


def test_measuring_the_radius_leaves_the_network_as_it_was():
    network = build_network(ModelSettings(encoder="resnet18"), [None], 2, seed=0).train()
    before = network_weights(network)
    radius = receptive_radius(network)
    assert 16 <= radius <= 127
    assert radius == receptive_radius(network)
    assert network.training
    assert all(np.array_equal(before[n], w) for n, w in network_weights(network).items())
    assert all(parameter.grad is None for parameter in network.parameters())
