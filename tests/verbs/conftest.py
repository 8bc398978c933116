"""What tests of several verbs share."""

import dataclasses

import numpy as np
import pytest

from covermap.bundle.folder import write_bundle
from covermap.mapping import choice
from covermap.mapping.choice import Choice
from covermap.mapping.engines import Engine
from oracle_predictors import Constant, tiny_bundle
from tiny import write_scene


@pytest.fixture
def oracle(tmp_path, monkeypatch):
    """A bundle whose model answers at once, and scenes of two years and one without a date."""
    plain = tiny_bundle(("B02",))
    facts = dataclasses.replace(
        plain, channels=(dataclasses.replace(plain.channels[0], unit="dn"),)
    )
    write_bundle(tmp_path / "oracle", facts, {"weight": np.zeros(1)})
    only = Choice(Engine("oracle", "float32"), "there is no other")
    monkeypatch.setattr(choice, "open_chosen", lambda *_: (Constant(), only))
    scenes = [
        write_scene(tmp_path / f"{name}.tif", bands=("B02",), seed=seed)
        for seed, name in enumerate(("S2_20200716", "S2_20210716", "undated"))
    ]
    return tmp_path / "oracle", scenes
