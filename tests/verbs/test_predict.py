"""Tables of pictures: what is told of those that are unlike the ones that taught."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from covermap.mapping.checks import Drift
from covermap.verbs.predict import predictions
from oracle_predictors import tiny_bundle
from tiny import ArrayScene, tiny_geobox


class Half:
    """A model that is of two minds."""

    precision = "float32"

    def __init__(self, classes):
        self.classes = classes

    def answers(self, values):
        return np.full((len(values), self.classes), 0.5, np.float32)


@pytest.mark.parametrize(("shift", "told"), [(0.0, False), (5.0, True)])
def test_pictures_unlike_those_of_training_are_told(shift, told):
    plain = tiny_bundle(("B02",))
    (channel,) = plain.channels
    bundle = dataclasses.replace(
        plain, task="multilabel", channels=(dataclasses.replace(channel, low=0.0, high=1.0),)
    )
    drift, random = Drift(bundle), np.random.default_rng(0)
    for number in range(3):
        values = random.uniform(0, 1, (1, 32, 32)) + shift
        scene = ArrayScene(values, None, tiny_geobox(32, 32), ("B02",))
        rows = list(predictions(bundle, Half(len(bundle.legend)), scene, f"{number}.png", drift))
        assert [row.probability for row in rows] == [0.5] * len(bundle.legend)
    found = drift.warnings("these pictures are", "this table")
    assert bool(found) is told
    if told:
        assert found[0].startswith("these pictures are unlike the training imagery in B02 (100%")
