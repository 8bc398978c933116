"""What a project file may say of the loss."""

import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.models.loss_settings import LossSettings


def test_the_default_loss_is_cross_entropy_and_dice():
    assert LossSettings().weights == {"cross_entropy": 1.0, "dice": 1.0}


def test_a_loss_that_is_named_stands_alone():
    assert parse(LossSettings, {"focal": 2.0}, "loss").weights == {"focal": 2.0}


def test_a_term_is_a_number_or_a_mapping():
    values = {"cross_entropy": {"class_weights": "effective-number"}, "dice": 2}
    settings = parse(LossSettings, values, "loss")
    assert settings.weights == {"cross_entropy": 1.0, "dice": 2.0}
    assert settings.cross_entropy.class_weights == "effective-number"


@pytest.mark.parametrize(
    "values", [{}, {"jaccard": 1.0}, {"cross_entropy": {"class_weights": {"forest": 2.0}}}]
)
def test_written_settings_are_read_as_the_same(values):
    settings = parse(LossSettings, values, "loss")
    assert parse(LossSettings, settings.model_dump(), "loss") == settings


def test_classes_may_be_called_by_numbers():
    values = {"cross_entropy": {"class_weights": {10: 2, 20: 0.5}}}
    settings = parse(LossSettings, values, "loss")
    assert settings.cross_entropy.class_weights == {"10": 2.0, "20": 0.5}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dise": 1.0}, "did you mean 'dice'?"),
        ({"dice": -1.0}, "dice.weight: "),
        ({"dice": 0.0}, "at least one weight must be above 0"),
        ({"dice": float("inf")}, "dice.weight: "),
        ({"dice": "much"}, "dice.weight: "),
        ({"cross_entropy": {"label_smoothng": 0.1}}, "did you mean 'label_smoothing'?"),
        ({"cross_entropy": {"label_smoothing": 1.0}}, "cross_entropy.label_smoothing: "),
        ({"cross_entropy": {"class_weights": "inverse"}}, "inverse-frequency or effective-number"),
        ({"cross_entropy": {"beta": 0.9}}, "beta is of class_weights: effective-number"),
        ({"cross_entropy": {"class_weights": [0, 0.0]}}, "at least one of them above 0"),
        ({"cross_entropy": {"class_weights": []}}, "at least one of them above 0"),
        ({"tversky": {"alpha": 0.0}}, "tversky.alpha: "),
    ],
)
def test_a_loss_that_cannot_be_is_named(values, message):
    with pytest.raises(ProjectError) as caught:
        parse(LossSettings, values, "loss")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
