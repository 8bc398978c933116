"""What a project file may say of the network and its loss."""

import subprocess
import sys

import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.models.settings import ModelSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "unett"}, "model: name: no such model; did you mean 'unet'?"),
        ({"encoder": "resnet-18"}, "did you mean 'resnet18'?"),
        ({"encoder": "convnext_tiny"}, "timm's are written timm:NAME"),
        ({"weights": "imagnet"}, "did you mean 'imagenet'?"),
        ({"encoder": "resnet18", "weights": "imagenet"}, "no imagenet weights come with pip"),
        ({"encoder": "resnet18", "weights": "imagenet"}, "weights: hub:imagenet"),
        ({"name": "unet-plain", "encoder": "resnet18"}, "unet-plain has no encoder"),
        ({"name": "unet-plain", "weights": "imagenet"}, "unet-plain has no encoder"),
        ({"stem": "rgb"}, "stem: "),
        ({"dropout": 1.0}, "dropout: "),
        ({"name": "fpn", "decoder": "narrow"}, "fpn has no decoder that can be made narrow"),
        ({"name": "fpn", "decoder": "narrow"}, "write name: unet or unet++"),
        ({"encodr": "resnet18"}, "unknown key 'encodr'; did you mean 'encoder'?"),
    ],
)
def test_a_mistake_is_named_with_the_nearest_word(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(ModelSettings, values, "model")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_begin_with_imagenet_where_pip_carries_them():
    assert ModelSettings().initial_weights == "imagenet"
    assert ModelSettings(encoder="resnet18").initial_weights == "none"
    assert ModelSettings(weights="none").initial_weights == "none"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"name": "unet-plain"},
        {"name": "auto", "decoder": "narrow"},
        {"encoder": "timm:convnext_tiny", "weights": "hub:in12k"},
        {"weights": "mine/encoder.pth", "stem": "rgb-first", "dropout": 0.2},
    ],
)
def test_written_settings_are_read_as_the_same(values):
    settings = parse(ModelSettings, values, "model")
    assert parse(ModelSettings, settings.model_dump(), "model") == settings


def test_only_a_network_without_encoder_has_none():
    assert ModelSettings().encoder == "efficientnet-lite0"
    assert ModelSettings(name="fpn").encoder == "efficientnet-lite0"
    assert ModelSettings(name="unet-plain").encoder is None
    assert ModelSettings(name="unet-plain").initial_weights == "none"


def test_weights_may_be_a_file():
    assert ModelSettings(weights="a/b.safetensors").weights_file == "a/b.safetensors"
    assert ModelSettings(weights="none").weights_file is None
    assert ModelSettings(weights="hub:imagenet").weights_file is None


def test_settings_are_read_without_torch():
    code = (
        "import sys, covermap.models.settings, covermap.training.settings, covermap.bundle.folder;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
