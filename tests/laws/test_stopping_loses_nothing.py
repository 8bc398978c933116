"""Law 9, training: what was killed and resumed gives the bytes of what ran through."""

import signal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from covermap.chips.sample import Sample
from covermap.models.loading import network_weights
from covermap.models.loss_settings import LossSettings
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings
from covermap.training.fit import FitPlan, fit
from covermap.training.settings import TrainingSettings, resolve

pytestmark = pytest.mark.slow

CHIPS, EPOCHS, BATCH = 5, 4, 2


class StoppedError(Exception):
    """The plug is pulled."""


class Chips:
    """Random chips; reading number `stop_at` ends in `problem`."""

    def __init__(self, count, stop_at=None, problem=StoppedError, seed=0):
        self.count, self.left, self.problem, self.seed = count, stop_at, problem, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise self.problem
        rng = np.random.default_rng([self.seed, index])
        return Sample(
            rng.normal(size=(2, 32, 32)).astype(np.float32),
            np.ones((32, 32), bool),
            rng.integers(0, 3, (32, 32)),
            rng.random((32, 32)) < 0.5,
        )


def tiny_network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Dropout draws random numbers in training: they too must be the same after a restart.
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.Conv2d(4, 3, 1)
        )


def plan(folder, network=None, train=None, validation=None, seed=1, key="key", **settings):
    return FitPlan(
        network=network if network is not None else tiny_network(),
        train=train or Chips(CHIPS),
        validation=Chips(2, seed=7) if validation is None else validation,
        classes=3,
        loss=LossSettings(),
        settings=resolve(TrainingSettings(epochs=EPOCHS, batch_size=BATCH, **settings), CHIPS, 32),
        seed=seed,
        folder=folder,
        key=key,
    )


def weights(network):
    return {name: array.tobytes() for name, array in network_weights(network).items()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return fit(plan(tmp_path_factory.mktemp("whole")))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(stop_at=st.integers(0, CHIPS * EPOCHS - 1))
def test_a_training_stopped_anywhere_resumes_to_the_same_bytes(
    uninterrupted, tmp_path_factory, stop_at
):
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(StoppedError):
        fit(plan(folder, train=Chips(CHIPS, stop_at)))
    resumed = fit(plan(folder))
    assert resumed.resumed_from == stop_at // CHIPS
    assert resumed.history == uninterrupted.history
    assert resumed.kept_epoch == uninterrupted.kept_epoch
    assert weights(resumed.network) == weights(uninterrupted.network)


VARIANTS = {
    "average": {"ema": 0.8},
    "accumulated": {"accumulate": 2, "optimizer": "adam", "schedule": "cosine"},
    "plateau": {"schedule": {"name": "plateau", "every": 1}, "optimizer": "sgd"},
    "augmented": {
        "augmentation": {"smallest_crop": 0.5, "gain": 0.1, "noise": 0.2, "holes": 0.5},
        "schedule": "poly",
    },
    "last": {"keep": "last", "schedule": "step", "clip_norm": None},
}


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("stop_at", [CHIPS + 1, 3 * CHIPS - 1])
def test_every_kind_of_training_resumes_to_the_same_bytes(tmp_path, name, stop_at):
    whole = fit(plan(tmp_path / "whole", **VARIANTS[name]))
    with pytest.raises(StoppedError):
        fit(plan(tmp_path / "stopped", train=Chips(CHIPS, stop_at), **VARIANTS[name]))
    resumed = fit(plan(tmp_path / "stopped", **VARIANTS[name]))
    assert resumed.resumed_from == stop_at // CHIPS
    assert resumed.history == whole.history
    assert weights(resumed.network) == weights(whole.network)


def test_a_finished_training_is_not_trained_again(uninterrupted, tmp_path):
    fit(plan(tmp_path))
    again = fit(plan(tmp_path, train=Chips(CHIPS, stop_at=0)))
    assert again.resumed_from == EPOCHS
    assert weights(again.network) == weights(uninterrupted.network)


@pytest.mark.parametrize("change", [{"key": "other"}, {"seed": 2}])
def test_a_checkpoint_of_other_inputs_is_started_over(tmp_path, change):
    fit(plan(tmp_path))
    assert fit(plan(tmp_path, **change)).resumed_from == 0


def test_ctrl_c_arrives_as_such_and_the_last_epoch_is_kept(uninterrupted, tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(plan(tmp_path, train=Chips(CHIPS, 2 * CHIPS + 1, KeyboardInterrupt)))
    assert signal.getsignal(signal.SIGINT) is handler
    resumed = fit(plan(tmp_path))
    assert resumed.resumed_from == 2
    assert weights(resumed.network) == weights(uninterrupted.network)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["resnet18", "efficientnet-lite0"])
def test_a_real_network_resumes_to_the_same_bytes(tmp_path, encoder):
    def network():
        return build_network(ModelSettings(encoder=encoder), [665.0, None], 3, seed=0)

    whole = fit(plan(tmp_path / "whole", network()))
    with pytest.raises(StoppedError):
        fit(plan(tmp_path / "stopped", network(), train=Chips(CHIPS, 2 * CHIPS)))
    resumed = fit(plan(tmp_path / "stopped", network()))
    assert resumed.resumed_from == 2
    assert weights(resumed.network) == weights(whole.network)
