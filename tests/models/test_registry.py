"""The contract of every network, and which encoders there are."""

import numpy as np
import pytest
import torch

from covermap.bundle.folder import read_bundle, write_bundle
from covermap.core.errors import ModelError
from covermap.models.encoders import ENCODERS, encoder_of, imagenet_file
from covermap.models.libraries import smp
from covermap.models.loading import load_network, network_weights
from covermap.models.loss_settings import LossSettings
from covermap.models.losses import CombinedLoss
from covermap.models.registry import build_network, has_encoder, network_names
from covermap.models.settings import ModelSettings
from example_bundle import bundle_of

pytestmark = pytest.mark.slow

RGB = [665.0, 560.0, 490.0]
NARROW = "timm:mobilenetv3_small_050"


def settings(name, encoder=None, **more):
    """Without weights; on the narrowest encoder unless another is named."""
    if not has_encoder(name):
        return ModelSettings(name=name, **more)
    return ModelSettings(name=name, encoder=encoder or NARROW, weights="none", **more)


@pytest.mark.parametrize("name", network_names("dense"))
@pytest.mark.parametrize(("bands", "classes"), [(1, 60), (3, 2), (10, 7), (224, 1)])
def test_any_bands_and_classes_go_through(name, bands, classes):
    network = build_network(settings(name), [None] * bands, classes, seed=0).eval()
    with torch.inference_mode():
        logits = network(torch.randn(1, bands, 64, 32))
    assert logits.shape == (1, classes, 64, 32)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", network_names("dense"))
def test_any_multiple_of_32_goes_through(name):
    network = build_network(settings(name), RGB, 2, seed=0).eval()
    with torch.inference_mode():
        for height, width in ((32, 32), (96, 160)):
            assert network(torch.zeros(1, 3, height, width)).shape[-2:] == (height, width)


@pytest.mark.parametrize("name", network_names("dense"))
@pytest.mark.parametrize("size", [32, 64])
def test_a_batch_of_one_trains_and_its_ignored_pixels_teach_nothing(name, size):
    network = build_network(settings(name, dropout=0.0), RGB, 3, seed=0).train()
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(1, size, size, dtype=torch.int64)
    counted = torch.zeros(1, size, size, dtype=torch.bool)
    loss = CombinedLoss(LossSettings())
    nothing = loss(network(image), target, counted)
    nothing.backward()
    assert nothing.item() == 0
    assert all(torch.all(p.grad == 0) for p in network.parameters() if p.grad is not None)
    loss(network(image), target, ~counted).backward()
    assert any(torch.any(p.grad != 0) for p in network.parameters() if p.grad is not None)
    assert all(module.training for module in network.modules())


@pytest.mark.parametrize("name", network_names("dense"))
def test_a_seed_decides_the_weights_and_nothing_else_does(name):
    def weights(seed):
        state = build_network(settings(name), RGB, 3, seed).state_dict()
        return np.concatenate([value.numpy().ravel() for value in state.values()])

    first = weights(1)
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, weights(1))
    assert not np.array_equal(first, weights(2))


@pytest.mark.parametrize("name", network_names("dense"))
def test_a_bundle_gives_the_network_back_bit_by_bit(tmp_path, name):
    model = settings(name, dropout=0.3)
    network = build_network(model, RGB, 3, seed=4).eval()
    write_bundle(tmp_path / "bundle", bundle_of(model, RGB, 3), network_weights(network))
    loaded = load_network(read_bundle(tmp_path / "bundle"))
    image = torch.randn(1, 3, 64, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(network(image), loaded(image))


@pytest.mark.parametrize("name", network_names("dense"))
def test_dropout_draws_in_training_only(name):
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = build_network(settings(name, dropout=0.0), RGB, 3, seed=0)
    dropping = build_network(settings(name, dropout=0.5), RGB, 3, seed=0)
    with torch.no_grad():
        assert not torch.equal(dropping.train()(image), dropping(image))
        assert torch.equal(plain.eval()(image), plain(image))
        assert torch.equal(dropping.eval()(image), dropping(image))


@pytest.mark.parametrize("name", [name for name in network_names("dense") if has_encoder(name)])
@pytest.mark.parametrize("encoder", ["efficientnet-lite0", "resnet18"])
def test_the_usual_encoders_serve_every_network(name, encoder):
    network = build_network(settings(name, encoder), [None] * 5, 4, seed=0).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 5, 32, 32)).shape == (1, 4, 32, 32)


def test_a_lone_value_uses_the_running_statistics_and_leaves_them():
    network = build_network(settings("deeplabv3"), RGB, 2, seed=0).train()
    pooled = network.decoder.aspp.convs[-1][2]
    before = pooled.running_mean.clone()
    network(torch.randn(1, 3, 64, 64))
    assert torch.equal(pooled.running_mean, before)
    network(torch.randn(2, 3, 64, 64))
    assert not torch.equal(pooled.running_mean, before)


def test_building_changes_nobody_elses_random_numbers():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    build_network(settings("unet"), RGB, 3, seed=0)
    assert torch.equal(torch.rand(2), expected)


def test_the_encoders_are_those_of_smp():
    current = {name for name in smp().encoders.get_encoder_names() if not name.startswith("timm-")}
    assert set(ENCODERS) - {"efficientnet-lite0"} == current


@pytest.mark.parametrize(
    ("encoder", "hint"), [("convnext_tinny", "'convnext_tiny'"), ("zzzz", "list_models")]
)
def test_an_encoder_that_timm_does_not_know_is_named(encoder, hint):
    model = ModelSettings(encoder=f"timm:{encoder}", weights="none")
    with pytest.raises(ModelError, match=f"timm .* has no network '{encoder}'; .*{hint}"):
        build_network(model, RGB, 2, seed=0)


@pytest.mark.parametrize(
    ("name", "encoder"), [("unet++", "mit_b0"), ("deeplabv3", "vgg11"), ("unet", "timm:sam2_hiera")]
)
def test_an_encoder_that_does_not_fit_is_named(name, encoder):
    with pytest.raises(ModelError) as caught:
        build_network(ModelSettings(name=name, encoder=encoder, weights="none"), RGB, 2, seed=0)
    assert encoder.removeprefix("timm:") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoder_that_takes_one_size_only_is_refused():
    model = ModelSettings(encoder="timm:swin_tiny_patch4_window7_224", weights="none")
    with pytest.raises(ModelError, match="write another encoder"):
        build_network(model, RGB, 2, seed=0)


def test_an_encoder_without_weights_names_itself():
    with pytest.raises(ValueError, match="no ImageNet weights come with pip for resnet18"):
        imagenet_file(encoder_of("resnet18"))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name.endswith(("0", "11", "18"))])
def test_small_encoders_of_every_family_take_many_bands(encoder):
    network = build_network(settings("unet", encoder), [None] * 13, 3, seed=0).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 13, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("name", ["unet", "unet++"])
def test_a_narrow_decoder_has_half_the_maps_and_answers_alike(name):
    full, narrow = (
        build_network(settings(name, "resnet18", decoder=decoder), RGB, classes=3, seed=0)
        for decoder in ("full", "narrow")
    )
    wide, slim = (net.decoder.state_dict() for net in (full, narrow))
    assert sum(t.numel() for t in slim.values()) < 0.6 * sum(t.numel() for t in wide.values())
    assert narrow.segmentation_head[0].in_channels == full.segmentation_head[0].in_channels // 2
    image = torch.zeros(1, 3, 64, 32)
    assert narrow.eval()(image).shape == full.eval()(image).shape
