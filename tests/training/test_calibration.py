"""The temperature of a network: found again where it is known, taught by counted pixels alone."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from torch import nn

from covermap.chips.sample import Sample
from covermap.models.decoding import class_probabilities
from covermap.training import batch, calibration
from covermap.training.calibration import calibration_of, fitted


def drawn(count=60_000, classes=4, seed=0):
    """Logits, and classes that come as often as the logits say."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, classes))
    # Gumbel's trick: the largest of logits with such noise is a draw from their softmax.
    target = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    return logits.astype(np.float32), target


class Pictures:
    """Chips whose bands are the logits, of pixels or of the whole chip."""

    def __init__(self, logits, target, counted, valid=None):
        self.logits, self.target, self.counted = logits, target, counted
        self.valid = np.ones(logits.shape[0:1] + logits.shape[2:], bool) if valid is None else valid

    def __len__(self):
        return len(self.logits)

    def __getitem__(self, index):
        return Sample(
            self.logits[index], self.valid[index], self.target[index], self.counted[index]
        )


def pictures(scale=1.0, counted=1.0, chips=12, side=32, seed=0):
    logits, target = drawn(chips * side * side, seed=seed)
    logits = np.moveaxis(scale * logits.reshape(chips, side, side, -1), -1, 1)
    rng = np.random.default_rng(5)
    return Pictures(
        np.ascontiguousarray(logits),
        target.reshape(chips, side, side),
        rng.random((chips, side, side)) < counted,
    )


@pytest.mark.parametrize("scale", [1 / 3, 1.0, 3.0])
def test_logits_that_were_scaled_are_scaled_back(scale):
    logits, target = drawn()
    found = fitted(scale * logits, target)
    assert found.temperature == pytest.approx(scale, rel=0.02)
    assert found.log_loss_scaled <= found.log_loss


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_nothing_near_the_temperature_fits_better(scale):
    logits, target = drawn(5000)
    found = fitted(scale * logits, target)

    def log_loss(temperature):
        told = log_softmax(scale * logits.astype(np.float64) / temperature, axis=1)
        return -told[np.arange(len(target)), target].mean()

    assert found.log_loss == pytest.approx(log_loss(1.0), rel=1e-9)
    assert found.log_loss_scaled == pytest.approx(log_loss(found.temperature), rel=1e-9)
    for factor in (0.5, 0.98, 1.02, 2):
        assert log_loss(factor * found.temperature) > found.log_loss_scaled


def test_a_network_that_knows_nothing_is_told_to_doubt_within_bounds():
    logits, target = drawn(5000)
    assert fitted(50 * logits, np.roll(target, 1)).temperature == pytest.approx(20, rel=1e-3)


def test_where_every_answer_is_right_there_is_no_temperature():
    logits, _ = drawn(500)
    assert fitted(logits, logits.argmax(1)) is None


def test_where_nothing_is_known_there_is_no_temperature():
    logits, target = drawn(500)
    assert fitted(logits[:0], target[:0]) is None
    assert fitted(np.where(logits > 3, np.nan, logits), target) is None
    assert calibration_of(nn.Identity(), None, 0) is None
    nothing = pictures(counted=0.0)
    assert calibration_of(nn.Identity(), nothing, 0) is None
    assert (
        calibration_of(nn.Identity(), Pictures(*(x[:0] for x in vars(nothing).values())), 0) is None
    )


def test_the_network_is_asked_and_each_counted_pixel_weighs_the_same():
    source = pictures(scale=3.0, counted=0.3)
    found = calibration_of(nn.Identity(), source, 0)
    counted = source.counted
    own = fitted(np.moveaxis(source.logits, 1, -1)[counted], source.target[counted])
    assert found == own
    assert found.pixels == counted.sum()
    assert found.temperature == pytest.approx(3, rel=0.05)


def test_what_is_not_counted_changes_nothing():
    source = pictures(counted=0.5)
    found = calibration_of(nn.Identity(), source, 0)
    hidden = ~source.counted
    source.target[hidden] = -1
    source.logits[np.broadcast_to(hidden[:, None], source.logits.shape)] = 1e6
    assert calibration_of(nn.Identity(), source, 0) == found


def test_whole_chips_are_calibrated_like_pixels():
    logits, target = drawn(900)
    source = Pictures(
        np.broadcast_to(2 * logits[:, :, None, None], (900, 4, 32, 32)).copy(),
        target,
        np.arange(900) % 3 > 0,
    )
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    found = calibration_of(network, source, 0)
    assert found.pixels == 600
    assert found.temperature == pytest.approx(2, rel=0.2)


def test_of_very_many_pixels_a_drawn_part_is_fitted_and_batches_do_not_matter(monkeypatch):
    source = pictures(scale=3.0, chips=40)
    monkeypatch.setattr(calibration, "_MOST_FITTED", 6000)
    found = calibration_of(nn.Identity(), source, 0)
    assert found.pixels == 6000
    assert found.temperature == pytest.approx(3, rel=0.1)
    monkeypatch.setattr(batch, "SHOWN_AT_ONCE", 1)
    assert calibration_of(nn.Identity(), source, 0) == found
    assert calibration_of(nn.Identity(), source, 1) != found


def test_of_very_many_chips_evenly_chosen_ones_are_shown(monkeypatch):
    source = pictures(chips=40)
    monkeypatch.setattr(calibration, "_MOST_SHOWN", 5 * 32 * 32)
    seen = []
    source_of = type(source).__getitem__
    monkeypatch.setattr(
        type(source),
        "__getitem__",
        lambda self, index: seen.append(index) or source_of(self, index),
    )
    assert calibration_of(nn.Identity(), source, 0).pixels == 5 * 32 * 32
    assert sorted(set(seen)) == [0, 10, 20, 29, 39]


LOGITS = st.lists(
    st.lists(st.integers(-400, 400), min_size=3, max_size=3, unique=True), min_size=1, max_size=20
)


@settings(deadline=None)
@given(logits=LOGITS, temperature=st.floats(0.05, 20))
def test_no_temperature_changes_which_class_is_likeliest(logits, temperature):
    # In steps of 1/16: further apart than rounding.
    given_logits = torch.tensor(logits, dtype=torch.float32) / 16
    shares = class_probabilities(given_logits, temperature)
    assert torch.equal(shares.argmax(1), given_logits.argmax(1))
    torch.testing.assert_close(shares.sum(1), torch.ones(len(logits)))


def test_without_a_temperature_probabilities_are_those_of_the_softmax_to_the_bit():
    logits = torch.from_numpy(drawn(1000)[0])
    assert torch.equal(class_probabilities(logits), torch.softmax(logits, 1))
    expected = torch.softmax(logits / 3, 1)
    assert torch.equal(class_probabilities(logits, 3.0), expected)


def test_it_is_told_as_plain_numbers():
    logits, target = drawn(2000)
    found = fitted(3 * logits, target)
    assert found.to_dict() == {
        "temperature": found.temperature,
        "pixels": 2000,
        "log_loss": round(found.log_loss, 6),
        "log_loss_scaled": round(found.log_loss_scaled, 6),
    }
    assert set(found.to_dict()) == {item.name for item in dataclasses.fields(found)}


def test_a_temperature_at_its_limit_is_told_as_what_it_is():
    logits, target = drawn()
    assert "highest" not in fitted(logits, target).told("validation")
    nothing = np.random.default_rng(1).permutation(target)
    assert "log loss of the folds" in (told := fitted(8 * logits, nothing).told("the folds"))
    assert "the highest that is tried" in told
