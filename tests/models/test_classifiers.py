"""The contract of every network that answers for a whole chip."""

import pytest
import torch

from covermap.bundle.folder import read_bundle, write_bundle
from covermap.core.errors import ModelError, ProjectError
from covermap.core.settings import parse
from covermap.models.encoders import encoder_of, imagenet_file
from covermap.models.libraries import timm
from covermap.models.loading import load_network, network_weights
from covermap.models.registry import build_network, has_encoder, network_names, output_of
from covermap.models.settings import ModelSettings
from example_bundle import bundle_of

pytestmark = pytest.mark.slow

RGB = [665.0, 560.0, 490.0]
NAMES = network_names("chip")
NARROW = {"dense-classifier": "resnet18"}


def settings(name, **more):
    """Without weights; on the narrowest encoder unless another is named."""
    if has_encoder(name):
        encoder = NARROW.get(name, "timm:mobilenetv3_small_050")
        more = {"encoder": encoder, "weights": "none"} | more
    return ModelSettings(name=name, **more)


def built(name, bands=RGB, classes=3, seed=0, **more):
    return build_network(settings(name, **more), bands, classes, seed).eval()


def image(bands=3, height=50, width=50, batch=1):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(batch, bands, height, width, generator=generator)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("bands", "classes"), [(1, 60), (3, 2), (224, 1)])
def test_any_bands_and_classes_go_through(name, bands, classes):
    with torch.inference_mode():
        logits = built(name, [None] * bands, classes)(image(bands))
    assert logits.shape == (1, classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_any_size_goes_through_also_in_training(name):
    network = built(name)
    with torch.no_grad():
        for height, width in ((32, 32), (33, 47), (50, 50), (67, 70)):
            assert network.eval()(image(3, height, width)).shape == (1, 3)
            assert torch.isfinite(network.train()(image(3, height, width))).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_logit_is_the_mean_of_its_feature_maps_by_the_heads_weights(name):
    network = built(name)
    with torch.inference_mode():
        maps = network.feature_maps(image(batch=2))
        pooled = torch.nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        torch.testing.assert_close(network(image(batch=2)), network.head(pooled))


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_gives_the_network_back_bit_by_bit(tmp_path, name):
    network = built(name, seed=4, dropout=0.3)
    bundle = bundle_of(settings(name, dropout=0.3), RGB, 3)
    write_bundle(tmp_path / "bundle", bundle, network_weights(network))
    loaded = load_network(read_bundle(tmp_path / "bundle"))
    with torch.inference_mode():
        assert torch.equal(network(image()), loaded(image()))


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_the_weights(name):
    one, again, other = (network_weights(built(name, seed=seed)) for seed in (1, 1, 2))
    assert all((one[key] == again[key]).all() for key in one)
    assert any((one[key] != other[key]).any() for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_draws_in_training_only(name):
    network = built(name, dropout=0.5)
    with torch.no_grad():
        assert torch.equal(network(image()), network(image()))
        network.train()
        assert not torch.equal(network(image(batch=2)), network(image(batch=2)))


@pytest.mark.parametrize(
    "encoder",
    ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "efficientnet-b0",
     "efficientnet-lite0", "timm:convnext_atto"],
)  # fmt: skip
def test_the_usual_encoders_serve(encoder):
    network = built("classifier", [None] * 13, 10, encoder=encoder)
    with torch.inference_mode():
        assert network(image(13, 64, 64)).shape == (1, 10)


def test_a_classifier_of_resnet18_is_that_of_timm():
    network = built("classifier", encoder="resnet18")
    theirs = timm().create_model("resnet18", num_classes=3).eval()
    state = network.encoder.state_dict()
    head = {f"fc.{name}": value for name, value in network.head.state_dict().items()}
    theirs.load_state_dict(state | head)
    with torch.inference_mode():
        torch.testing.assert_close(network(image()), theirs(image()))


def test_an_efficientnet_of_smp_is_used_to_its_last_convolution():
    network = built("classifier", encoder="efficientnet-b0")
    with torch.inference_mode():
        assert network.feature_maps(image(3, 64, 64)).shape == (1, 1280, 2, 2)


def test_imagenet_weights_reach_the_last_convolution():
    network = build_network(ModelSettings(name="classifier"), RGB, 3, seed=0)
    stored = torch.load(imagenet_file(encoder_of("efficientnet-lite0")), weights_only=True)
    own = network.encoder.state_dict()
    assert len(own) == 294
    for expected, found in zip(stored.values(), own.values(), strict=False):
        assert torch.equal(expected, found)


@pytest.mark.parametrize("name", ["classifier", "dense-classifier"])
def test_a_file_of_a_whole_network_serves(tmp_path, name):
    torch.manual_seed(3)
    whole = timm().create_model("resnet18")
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    model = ModelSettings(name=name, encoder="resnet18", weights="whole.pth")
    network = build_network(model, [*RGB, None], 3, 0, tmp_path)
    assert torch.equal(network.encoder.layer4[1].conv2.weight, whole.layer4[1].conv2.weight)


@pytest.mark.parametrize("size", [(50, 12), (64, 15), (67, 16)])
@pytest.mark.parametrize("encoder", ["resnet50", "timm:resnet18"])
def test_the_dense_resnet_keeps_its_maps_at_stride_4(encoder, size):
    network = built("dense-classifier", encoder=encoder)
    with torch.inference_mode():
        assert network.feature_maps(image(3, size[0], 50)).shape[2:] == (size[1], 12)


def test_the_shallow_network_keeps_its_maps_at_stride_4():
    network = built("shallow-cnn", [None] * 7)
    kinds = [type(module).__name__ for module in network.layers]
    assert kinds == [
        "Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d",
        "Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d", "BatchNorm2d",
    ]  # fmt: skip
    with torch.inference_mode():
        assert network.feature_maps(image(7)).shape == (1, 128, 12, 12)


def test_deeplab_on_resnet101_gives_one_value_a_pixel():
    model = ModelSettings(name="deeplabv3", encoder="resnet101", activation="sigmoid")
    network = build_network(model, [None] * 13, 1, seed=0)
    with torch.inference_mode():
        assert network.eval()(image(13, 96, 96)).shape == (1, 1, 96, 96)
    assert output_of("deeplabv3") == "dense"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"encoder": "timm:vit_tiny_patch16_224"}, "write another encoder"),
        ({"encoder": "timm:swin_tiny_patch4_window7_224"}, "it gives no feature maps"),
        ({"name": "dense-classifier", "encoder": "vgg11"}, r"no ResNet\); .* e\.g\. resnet50"),
        ({"encoder": "timm:resnet_18"}, "did you mean 'resnet18'"),
    ],
)
def test_an_encoder_that_cannot_serve_is_named(model, message):
    settings = ModelSettings(**({"name": "classifier", "weights": "none"} | model))
    with pytest.raises(ModelError, match=message) as caught:
        build_network(settings, RGB, 3, seed=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["resnet50", "timm:resnet50"])
def test_an_encoders_name_is_no_networks_and_says_where_it_goes(name):
    with pytest.raises(ProjectError, match=rf"\{{name: classifier, encoder: {name}\}}"):
        parse(ModelSettings, {"name": name}, "model")


def test_a_published_set_of_a_whole_network_is_fetched_by_its_timm_name(monkeypatch):
    asked = []
    create = timm().create_model

    def create_model(name, pretrained=False, **more):
        asked.append((name, pretrained))
        return create(name.split(".")[0], **more)

    monkeypatch.setattr(timm(), "create_model", create_model)
    model = ModelSettings(
        name="classifier", encoder="timm:mobilenetv3_small_050", weights="hub:lamb_in1k"
    )
    network = build_network(model, RGB, 3, seed=0)
    assert ("mobilenetv3_small_050.lamb_in1k", True) in asked
    assert network.encoder.conv_head.weight.shape[0] == 1024
