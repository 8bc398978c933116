"""The contract of every network on every encoder."""

import numpy as np
import pytest
import torch

from covermap.models.encoders import ENCODERS, imagenet_file
from covermap.models.losses import CombinedLoss
from covermap.models.registry import build_network, network_names
from covermap.models.settings import LossSettings, ModelSettings

RGB = [665.0, 560.0, 490.0]
CONTRACTS = [(name, encoder) for name in network_names() for encoder in ENCODERS]


def settings(name, encoder, weights="none"):
    return ModelSettings(name=name, encoder=encoder, weights=weights)


@pytest.mark.parametrize(("name", "encoder"), CONTRACTS)
@pytest.mark.parametrize(("bands", "classes"), [(1, 60), (3, 2), (10, 7), (224, 1)])
def test_any_bands_and_classes_go_through(name, encoder, bands, classes):
    network = build_network(settings(name, encoder), [None] * bands, classes, seed=0).eval()
    with torch.inference_mode():
        logits = network(torch.randn(1, bands, 64, 32))
    assert logits.shape == (1, classes, 64, 32)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize(("name", "encoder"), CONTRACTS)
def test_a_seed_decides_the_weights_and_nothing_else_does(name, encoder):
    def weights(seed):
        state = build_network(settings(name, encoder), RGB, 3, seed).state_dict()
        return np.concatenate([value.numpy().ravel() for value in state.values()])

    first = weights(1)
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, weights(1))
    assert not np.array_equal(first, weights(2))


def test_building_changes_nobody_elses_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    build_network(settings("unet", "resnet18"), RGB, 3, seed=0)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(("name", "encoder"), CONTRACTS)
def test_ignored_pixels_of_a_batch_of_one_teach_nothing(name, encoder):
    network = build_network(settings(name, encoder), RGB, 3, seed=0)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(1, 64, 64, dtype=torch.int64)
    loss = CombinedLoss(LossSettings())(
        network(image), target, torch.zeros(1, 64, 64, dtype=torch.bool)
    )
    loss.backward()
    assert loss.item() == 0
    assert all(torch.all(p.grad == 0) for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("encoder", [name for name, item in ENCODERS.items() if item.has_imagenet])
def test_imagenet_weights_are_those_of_the_file(encoder):
    network = build_network(settings("unet", encoder, "imagenet"), RGB, 3, seed=0)
    stored = list(torch.load(imagenet_file(ENCODERS[encoder]), weights_only=True).values())
    loaded = list(network.encoder.state_dict().values())
    for expected, found in zip(stored, loaded, strict=False):
        assert torch.equal(expected, found)


def test_imagenet_weights_take_bands_in_any_order():
    one = build_network(ModelSettings(), RGB, 3, seed=0).eval()
    other = build_network(ModelSettings(), RGB[::-1], 3, seed=0).eval()
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(one(image), other(image.flip(1)), atol=1e-4, rtol=1e-4)


def test_an_encoder_without_weights_names_itself():
    with pytest.raises(ValueError, match="no ImageNet weights come with pip for resnet18"):
        imagenet_file(ENCODERS["resnet18"])
