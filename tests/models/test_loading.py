"""A network out of a bundle."""

import dataclasses

import numpy as np
import pytest
import torch

from covermap.bundle.folder import read_bundle, write_bundle
from covermap.core.errors import BundleError
from covermap.models.loading import load_network, network_weights
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
