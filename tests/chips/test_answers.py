"""The one number that a regression of chips asks for."""

import numpy as np
import pytest

from covermap.chips.answers import ChipDensity, ChipNumber, Place, answers_of
from covermap.core.grid import Window
from covermap.core.legend import Legend
from covermap.labels.numbers import Numbers
from tiny import ArrayScene, tiny_geobox

BOX = tiny_geobox(4, 4, crs=None)


def place(counted, name="p0"):
    scene = ArrayScene(np.zeros((1, 4, 4)), None, BOX, ["B02"], name)
    return Place(scene, Window(0, 0, 4, 4), None, np.asarray(counted, bool))


class Cells:
    """A density that is known in advance."""

    def of(self, place):
        from covermap.chips.answers import Answer

        return Answer(np.arange(16, dtype=np.float32).reshape(4, 4), place.counted)


def numbers(**by_scene):
    legend = Legend.of({1: "low", 2: "high"})
    return Numbers(legend, "t.csv", "yield", by_scene, (10.0,))


def test_the_mean_of_a_density_is_over_counted_cells_alone():
    counted = np.zeros((4, 4), bool)
    counted[1, 2:] = True
    answer = ChipDensity(Cells()).of(place(counted))
    assert answer.target.shape == answer.counted.shape == ()
    assert float(answer.target) == 6.5
    assert answer.counted
    assert not ChipDensity(Cells()).of(place(np.zeros((4, 4)))).counted


def test_a_number_is_scaled_by_training_ground_and_unknown_where_nothing_counts():
    asked = ChipNumber(numbers(p0=14.0), mean=10.0, spread=2.0)
    assert float(asked.of(place(np.ones((4, 4)))).target) == 2.0
    assert not asked.of(place(np.zeros((4, 4)))).counted
    assert not asked.of(place(np.ones((4, 4)), "other")).counted


def test_a_regression_needs_its_scale():
    with pytest.raises(ValueError, match="counted points and their cap, or numbers"):
        answers_of("regression", numbers(p0=1.0))
