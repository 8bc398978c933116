"""Labelled pixels of chips as a forest learns them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.chips.sample import Sample, SampleSource
from covermap.models.forest import PIXELS_PER_CLASS, Forest, features_of

# Of each chip at least so many pixels a class are taken, however many chips there are.
_LEAST_A_CHIP = 64


@dataclass(frozen=True)
class LabelledPixels:
    """Features (N, F) and classes (N,) of labelled pixels, and how many each class has, (K,)."""

    features: np.ndarray
    index: np.ndarray
    counts: np.ndarray


def labelled_pixels(chips: SampleSource, window: int, classes: int, seed: int) -> LabelledPixels:
    """Labelled pixels of all chips, with their surroundings where `window` is more than 1.

    Of each chip at most so many pixels a class are taken that all chips together stay bounded.
    """
    counts = np.zeros(classes, dtype=np.int64)
    features: list[np.ndarray] = []
    index: list[np.ndarray] = []
    generator = np.random.Generator(np.random.PCG64(seed))
    per_chip = max(_LEAST_A_CHIP, 8 * PIXELS_PER_CLASS // max(1, len(chips)))
    for number in range(len(chips)):
        sample = chips[number]
        named = sample.target[sample.counted]
        counts += np.bincount(named, minlength=classes)
        kept = _at_most(named, per_chip, generator)
        features.append(features_of(sample.values, window)[sample.counted][kept])
        index.append(named[kept])
    return LabelledPixels(np.concatenate(features), np.concatenate(index), counts)


def forest_answer(forest: Forest, sample: Sample) -> np.ndarray:
    """The forest's class of each counted pixel of a chip; int16 (H, W), 0 elsewhere."""
    answer = np.zeros(sample.counted.shape, np.int16)
    features = features_of(sample.values, forest.window)[sample.counted]
    answer[sample.counted] = forest.predict(features)
    return answer


def _at_most(named: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Positions of at most `number` pixels of each class, in order."""
    chosen = []
    for value in np.unique(named):
        places = np.flatnonzero(named == value)
        if len(places) > number:
            places = generator.choice(places, number, replace=False)
        chosen.append(places)
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)
