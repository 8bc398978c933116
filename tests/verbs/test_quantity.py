"""What the numbers of pictures are scaled by."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from covermap.core.errors import LabelError
from covermap.core.legend import Legend
from covermap.labels.numbers import Numbers
from covermap.verbs.quantity import fitted_quantity


def fitted(numbers):
    by_scene = {f"p{n}": number for n, number in enumerate(numbers)}
    labels = Numbers(Legend.of({1: "low", 2: "high"}), "t.csv", "carbon", by_scene, (10.0,))
    teach = SimpleNamespace(
        windows=[(name, None) for name in by_scene],
        read=lambda number: number,
        counted=lambda view: np.array([True]),
    )
    return fitted_quantity(SimpleNamespace(labels=labels), teach)


def test_numbers_are_scaled_by_the_mean_and_deviation_of_training():
    found = fitted([1.0, 3.0])
    assert (found.mean, found.spread) == (2.0, 1.0)


@pytest.mark.parametrize("number", [0.0, 0.1, 1.7])
def test_equal_numbers_are_refused_whatever_rounding_makes_of_their_deviation(number):
    with pytest.raises(LabelError, match="all have the same carbon"):
        fitted([number] * 7)
