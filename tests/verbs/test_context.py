"""Whether surroundings hurt a network: such a one is mapped at the size of its chips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from covermap.chips.loading import Chips
from covermap.models.settings import ModelSettings
from covermap.verbs.context import context_of, context_of_numbers
from example_bundle import bundle_of
from prepared import noisy_scene, prepared
from small_pictures import Everywhere, pictures
from tiny import tiny_geobox

CHIP, CLASSES = 32, 3


def _chips(scenes=None, **split):
    scenes = scenes or [noisy_scene(tiny_geobox(320, 320))]
    run = prepared(scenes, Everywhere(), CHIP, **split)
    teach, validate, _ = run.shares(run.split.trainings[0])
    return Chips(validate, teach.statistics())


def _leaning(sample):
    """Right where ends are near: sums over 41 px are small there, as zeros pad them."""
    filled = uniform_filter(np.ones(sample.target.shape), 41, mode="constant")
    return np.where(filled < 0.9, sample.target, (sample.target + 1) % CLASSES)


def test_a_network_that_leans_on_the_ends_of_its_chips_is_found_out():
    found = context_of(_leaning, _chips(), radius=40, classes=CLASSES, seed=0)
    assert found.hurts
    assert found.around == 64
    assert found.alone == 1
    assert found.within == 0


def test_one_that_does_not_care_is_left_alone():
    found = context_of(lambda sample: sample.target, _chips(), radius=40, classes=CLASSES, seed=0)
    assert not found.hurts
    assert found.alone == found.within == 1


def test_surroundings_may_help():
    def farsighted(sample):
        return sample.target if sample.target.shape[0] > CHIP else np.zeros_like(sample.target)

    found = context_of(farsighted, _chips(), radius=200, classes=CLASSES, seed=0)
    assert found.around == 2 * CHIP, "as much as is ever shown"
    assert not found.hurts
    assert found.within > found.alone


def test_a_loss_that_is_small_does_not_decide():
    def hardly(sample):
        answer = sample.target.copy()
        if answer.shape[0] > CHIP:
            answer[:: answer.shape[0] // 2] = 0
        return answer

    found = context_of(hardly, _chips(), radius=40, classes=CLASSES, seed=0)
    assert 0 < found.alone - found.within < 0.05
    assert not found.hurts


def test_the_middle_is_compared_with_the_same_pixels():
    """Each answer is the row of the scene: it is the same however much is shown."""
    chips, seen = _chips(), []

    def telling(sample):
        seen.append(sample.values.shape[1:])
        return (np.abs(sample.values[0] * 1000).astype(int)) % CLASSES

    found = context_of(telling, chips, radius=10, classes=CLASSES, seed=0)
    assert found.alone == found.within
    assert set(seen) == {(CHIP, CHIP), (CHIP + 64, CHIP + 64)}


@pytest.mark.parametrize(("scenes", "radius"), [(pictures(20), 40), (None, 0)])
def test_without_surroundings_or_a_look_at_them_there_is_nothing_to_tell(scenes, radius):
    chips = _chips(scenes) if scenes is None else None
    if chips is None:
        run = prepared(scenes, Everywhere(), 64)
        teach, validate, _ = run.shares(run.split.trainings[0])
        chips = Chips(validate, teach.statistics())
    assert context_of(_leaning, chips, radius, CLASSES, 0) is None


class _Densities:
    """Of each pixel a density 0..1 that its class decides."""

    def __init__(self, chips):
        self._chips, self.share = chips, chips.share

    def __len__(self):
        return len(self._chips)

    def __getitem__(self, place):
        sample = self._chips[place]
        density = (sample.target / (CLASSES - 1)).astype(np.float32)
        return dataclasses.replace(sample, target=density)

    def some(self, places):
        return _Densities(self._chips.some(places))

    @property
    def alone(self):
        return _Densities(self._chips.alone)

    def within(self, around):
        wide = self._chips.within(around)
        return self if wide is self._chips else _Densities(wide)


def test_densities_that_lean_on_the_ends_of_chips_are_found_out():
    def leaning(sample):
        filled = uniform_filter(np.ones(sample.target.shape), 41, mode="constant")
        return np.where(filled < 0.9, sample.target, 1 - sample.target)

    found = context_of_numbers(leaning, _Densities(_chips()), radius=40, seed=0)
    assert found.hurts
    assert found.alone == 1
    assert found.within < 0
    assert set(found.to_dict()) == {"around_px", "r2_alone", "r2_within", "hurts"}
    assert "R2 -" in found.told


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_densities_that_do_not_care_are_left_alone(shift):
    def nearly(sample):
        wide = sample.target.shape[0] > CHIP
        return sample.target + np.float32(shift * wide)

    found = context_of_numbers(nearly, _Densities(_chips()), radius=40, seed=0)
    assert not found.hurts
    assert found.alone == 1
    assert found.within == pytest.approx(1, abs=0.05)


def test_a_density_that_does_not_vary_tells_nothing():
    class Even(_Densities):
        def __getitem__(self, place):
            sample = super().__getitem__(place)
            return dataclasses.replace(sample, target=np.zeros_like(sample.target))

        some = within = lambda self, _: self
        alone = property(lambda self: self)

    assert context_of_numbers(lambda sample: sample.target, Even(_chips()), 40, 0) is None


def test_such_a_bundle_is_mapped_at_the_size_of_its_chips():
    bundle = bundle_of(ModelSettings(encoder="resnet18", weights="none"), [660.0], 3)
    assert not bundle.at_chip_size
    assert dataclasses.replace(bundle, leans_on_chips=True).at_chip_size
