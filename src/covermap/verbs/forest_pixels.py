"""Labelled pixels of chips as a forest learns them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.chips.sample import Sample, SampleSource
from covermap.models.forest import Forest, features_of, quotas


@dataclass(frozen=True)
class LabelledPixels:
    """Features (N, F) and classes (N,) of labelled pixels, and how many each class has, (K,)."""

    features: np.ndarray
    index: np.ndarray
    counts: np.ndarray


def labelled_pixels(chips: SampleSource, window: int, classes: int, seed: int) -> LabelledPixels:
    """Labelled pixels of all chips, with their surroundings where `window` is more than 1.

    Of each class about so many as `quotas` says, drawn evenly from all its pixels: memory is
    bounded however many there are.
    """
    counts = np.zeros(classes, dtype=np.int64)
    for number in range(len(chips)):
        sample = chips[number]
        counts += np.bincount(sample.target[sample.counted], minlength=classes)
    wanted = quotas(counts) / np.maximum(counts, 1)
    features: list[np.ndarray] = []
    index: list[np.ndarray] = []
    generator = np.random.Generator(np.random.PCG64(seed))
    for number in range(len(chips)):
        sample = chips[number]
        named = sample.target[sample.counted]
        share = generator.binomial(np.bincount(named, minlength=classes), wanted)
        kept = _drawn(named, share, generator)
        features.append(features_of(sample.values, window)[sample.counted][kept])
        index.append(named[kept])
    return LabelledPixels(np.concatenate(features), np.concatenate(index), counts)


def forest_answer(forest: Forest, sample: Sample) -> np.ndarray:
    """The forest's class of each counted pixel of a chip; int16 (H, W), 0 elsewhere."""
    answer = np.zeros(sample.counted.shape, np.int16)
    features = features_of(sample.values, forest.window)[sample.counted]
    answer[sample.counted] = forest.predict(features)
    return answer


def _drawn(named: np.ndarray, share: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Positions of so many pixels of each class, in order."""
    chosen = [
        generator.choice(np.flatnonzero(named == value), number, replace=False)
        for value, number in enumerate(share)
        if number
    ]
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)
