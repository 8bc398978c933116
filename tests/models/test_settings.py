"""What a project file may say of the network and its loss."""

import subprocess
import sys

import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.models.settings import LossSettings, ModelSettings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "unett"}, "model: name: no such network; did you mean 'unet'?"),
        ({"encoder": "resnet-18"}, "no such encoder; did you mean 'resnet18'?"),
        ({"weights": "imagnet"}, "no such weights; did you mean 'imagenet'?"),
        ({"encoder": "resnet18", "weights": "imagenet"}, "no imagenet weights come with pip"),
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


def test_the_default_loss_is_cross_entropy_and_dice():
    assert LossSettings().weights == {"cross_entropy": 1.0, "dice": 1.0}


def test_a_loss_that_is_named_stands_alone():
    assert parse(LossSettings, {"focal": 2.0}, "loss").weights == {"focal": 2.0}


def test_written_settings_are_read_as_the_same():
    for settings in (LossSettings(), LossSettings(jaccard=1.0)):
        assert LossSettings.model_validate(settings.model_dump()) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dise": 1.0}, "did you mean 'dice'?"),
        ({"dice": -1.0}, "dice: "),
        ({"dice": 0.0}, "at least one weight must be above 0"),
        ({"dice": float("inf")}, "dice: "),
    ],
)
def test_a_loss_that_cannot_be_is_named(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(LossSettings, values, "loss")
    assert message in str(caught.value)


def test_settings_are_read_without_torch():
    code = (
        "import sys, covermap.models.settings, covermap.training.settings, covermap.bundle;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
