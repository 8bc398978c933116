"""Engines compute the trained network, however few operations they make of it."""

import numpy as np
import pytest
import torch

from covermap.core.errors import ModelError
from covermap.mapping.engines import Engine, Workshop, engines_here, is_here
from covermap.models.loading import load_network
from tiny_bundles import network_bundle

VALUES = np.random.default_rng(0).normal(size=(2, 2, 96, 64)).astype(np.float32)


def test_mixed_is_compared_where_bfloat16_is(monkeypatch):
    for pays in (True, False):
        monkeypatch.setattr("covermap.models.hardware.bfloat16_pays", lambda pays=pays: pays)
        monkeypatch.setattr("covermap.mapping.engines.is_here", lambda engine: True)
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
        found = engines_here("auto", "auto", with_int8=False)
        assert (Engine("openvino", "mixed") in found) == pays
        assert Engine("torch", "mixed") not in found


def test_mixed_is_openvinos_alone(tmp_path):
    workshop = Workshop.of(network_bundle(tmp_path / "bundle"))
    with pytest.raises(ModelError, match="precision: mixed is computed by OpenVINO alone"):
        workshop.predictor(Engine("torch", "mixed"))


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_folded_network_gives_the_probabilities_of_the_trained_one(tmp_path, name):
    engine = Engine(name, "float32")
    if not is_here(engine):
        pytest.skip(f"{engine.told} is not on this machine")
    bundle = network_bundle(tmp_path / "bundle")
    workshop = Workshop.of(bundle)
    assert workshop.folded is not workshop.network or torch.cuda.is_available()
    with torch.inference_mode():
        expected = torch.softmax(load_network(bundle)(torch.from_numpy(VALUES)), 1).numpy()
    found = workshop.predictor(engine).probabilities(VALUES)
    # Its logits reach 70, so that rounding in the seventh digit is seen.
    assert np.abs(found - expected).max() < 1e-3
    assert np.abs(found - expected).mean() < 1e-6
