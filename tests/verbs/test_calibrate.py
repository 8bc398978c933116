"""The temperatures of a k-fold: none is fitted on the fold that it is scored on."""

from __future__ import annotations

import numpy as np
import pytest

from covermap.bundle.folder import read_bundle, write_bundle
from covermap.models.settings import ModelSettings
from covermap.training.calibration import fitted
from covermap.verbs.calibrate import calibrate_folds
from example_bundle import bundle_of

_NETWORK = ModelSettings(encoder="resnet18", weights="none")


def _answers(scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `scale` times as sure as they should be, and classes drawn by them."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(20_000, 3))
    target = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    return (scale * logits).astype(np.float32), target


def _written(folder, name, model=_NETWORK):
    weights = b"forest" if model.name == "random-forest" else {"w": np.ones(3, np.float32)}
    write_bundle(folder / name, bundle_of(model, [660.0], 3), weights)
    return folder / name


def test_a_fold_is_calibrated_by_the_others_and_the_last_network_by_all(tmp_path):
    unseen = {"fold1": _answers(3.0, 0), "fold2": _answers(1.0, 1), "fold3": _answers(2.0, 2)}
    folders = {name: _written(tmp_path, name) for name in (*unseen, "final")}
    before = {name: (path / "weights.safetensors").read_bytes() for name, path in folders.items()}
    told = calibrate_folds(folders, unseen)
    assert list(told) == list(folders)
    for name, path in folders.items():
        others = [answers for fold, answers in unseen.items() if fold != name]
        expected = fitted(*(np.concatenate(part) for part in zip(*others, strict=True)))
        assert read_bundle(path).temperature == expected.temperature
        assert told[name] == expected.to_dict()
        assert (path / "weights.safetensors").read_bytes() == before[name]
    assert told["fold2"]["temperature"] == pytest.approx(2.4, abs=0.2), "of 3 and 2, not of 1"
    assert told["final"]["pixels"] == 60_000


def test_a_forest_stays_as_it_is(tmp_path):
    unseen = {"fold1": _answers(3.0, 0), "fold2": _answers(3.0, 1)}
    folders = {
        "fold1": _written(tmp_path, "fold1"),
        "fold2": _written(tmp_path, "fold2", ModelSettings(name="random-forest")),
    }
    assert list(calibrate_folds(folders, unseen)) == ["fold1"]
    assert read_bundle(folders["fold2"]).temperature is None


@pytest.mark.parametrize("others", [{}, {"fold1": _answers(3.0, 0)}])
def test_without_the_ground_of_others_there_is_no_temperature(tmp_path, others):
    folders = {"fold1": _written(tmp_path, "fold1")}
    assert calibrate_folds(folders, others) == {}
    assert read_bundle(folders["fold1"]).temperature is None


def test_answers_that_are_all_right_give_none(tmp_path):
    target = np.arange(30) % 3
    perfect = (10 * np.eye(3, dtype=np.float32)[target], target)
    folders = {name: _written(tmp_path, name) for name in ("fold1", "final")}
    assert calibrate_folds(folders, {"fold1": perfect, "fold2": perfect}) == {}
