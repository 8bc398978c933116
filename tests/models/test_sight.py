"""How far networks see: the radius of plain ones, and which see everything."""

import weakref

import numpy as np
import pytest
import torch
from torch import nn

from covermap.models.loading import network_weights
from covermap.models.plain_unet import PlainUNet
from covermap.models.registry import build_network, has_encoder, network_names
from covermap.models.settings import ModelSettings
from covermap.models.sight import sees_everything, sight_of, will_see_everything

PLAIN, SQUEEZING = "timm:convnext_atto", "timm:mobilenetv3_small_050"


def calibrated(network):
    """Norms as if they had seen data: with those of a new network hardly any signal passes."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        network.train()(torch.randn(2, 4, 96, 96, generator=generator))
    return network.eval()


def network(name, encoder):
    settings = ModelSettings(name=name, encoder=encoder, weights="none")
    return calibrated(build_network(settings, [None] * 4, 3, seed=0))


@pytest.mark.parametrize(("layers", "radius"), [(1, 1), (3, 3)])
def test_the_radius_of_plain_convolutions_is_their_number(layers, radius):
    convolutions = []
    for _ in range(layers):
        layer = nn.Conv2d(1, 1, 3, padding=1)
        nn.init.ones_(layer.weight)
        convolutions.append(layer)
    assert sight_of(nn.Sequential(*convolutions)).radius == radius


def test_a_pixel_wise_network_sees_one_pixel():
    sight = sight_of(nn.Conv2d(3, 2, 1))
    assert (sight.radius, sight.everything) == (0, False)


@pytest.mark.parametrize("groups", [1, 2])
def test_a_norm_over_the_whole_image_sees_everything(groups):
    assert sight_of(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(groups, 4))
    ).everything


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in network_names("dense") if has_encoder(name)])
def test_networks_that_pool_or_normalise_over_the_image_are_recognised(name):
    everything = {"unet": False, "unet++": False, "segformer": False}
    assert sees_everything(network(name, PLAIN)) == everything.get(name, True)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [SQUEEZING, "mit_b0"])
def test_an_encoder_that_squeezes_or_attends_sees_everything(encoder):
    assert sees_everything(network("segformer", encoder))


@pytest.mark.parametrize(("name", "everything"), [("unet", False), ("deeplabv3+", True)])
def test_what_a_network_will_see_is_known_before_it_is_trained(name, everything):
    settings = ModelSettings(name=name, encoder="resnet18", weights="none", dropout=0.2)
    network = build_network(settings, [None] * 4, 3, seed=0)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    drawn = torch.get_rng_state()
    picture = np.random.default_rng(0).standard_normal((4, 32, 32)).astype(np.float32)
    assert will_see_everything(network, [picture]) == everything
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert network.training
    assert torch.equal(torch.get_rng_state(), drawn)


def test_whole_pictures_are_cut_before_an_untrained_network_sees_them():
    network, sides = nn.Conv2d(1, 1, 3, padding=1), []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, image):
            sides.append(tuple(image.shape[2:]))
            return self.inner(image)

    assert not will_see_everything(Watched(), [np.zeros((1, 640, 512), np.float32)] * 3)
    assert sides[0] == (128, 128)


def test_large_pictures_are_not_all_kept_in_memory():
    network, refs = nn.Conv2d(1, 2, 3, padding=1), []

    def pictures(count):
        for _ in range(count):
            assert sum(ref() is not None for ref in refs) <= 1
            picture = np.zeros((1, 512, 640), np.float32)
            refs.append(weakref.ref(picture))
            yield picture
            del picture

    will_see_everything(network, pictures(6))
    refs.clear()
    sight_of(network, pictures(6))
    assert len(refs) == 2


def test_the_published_u_net_sees_what_its_convolutions_reach():
    sight = sight_of(calibrated(PlainUNet(4, 3, widths=(4, 8, 16, 32, 64))))
    assert not sight.everything
    # Two 3 x 3 convolutions at strides 1 to 16 and back: at most 2 (1+2+4+8+16) + 2 (8+4+2+1) + 15.
    assert 2 < sight.radius <= 107


def test_beyond_the_radius_a_cut_changes_next_to_nothing_and_before_it_something():
    network = calibrated(PlainUNet(4, 3, widths=(4, 8, 16, 32, 64)))
    random = np.random.default_rng(3)
    chips = [random.normal(size=(4, 64, 64)).astype(np.float32).cumsum(2) / 8 for _ in range(5)]
    radius = sight_of(network, chips).radius
    picture = torch.from_numpy(np.concatenate([np.concatenate(chips[:4], 1)] * 6, 2))[None]
    with torch.inference_mode():
        whole, alone = network(picture)[0], network(picture[..., 192:])[0]
    change = (alone - whole[..., 192:]).abs().mean((0, 1)) / whole.std(dim=(1, 2)).mean()
    assert change[radius + 16 :].max() < 2e-3
    assert change[: radius // 2].max() > 1e-3


def test_the_radius_is_at_most_half_of_the_picture():
    class Far(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Conv2d(1, 1, 1)

        def forward(self, image):
            return image + image.mean((2, 3), keepdim=True) + image.shape[3]

    assert sight_of(Far()).radius == 512


@pytest.mark.slow
def test_measuring_leaves_the_network_as_it_was():
    built = build_network(ModelSettings(encoder=SQUEEZING), [None], 2, seed=0).train()
    before = network_weights(built)
    sight_of(built)
    assert built.training
    assert all(np.array_equal(before[n], w) for n, w in network_weights(built).items())
    assert all(parameter.grad is None for parameter in built.parameters())
