"""The baselines of one network: taught by the same ground, asked for the same pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from covermap.assessment.baselines import majority
from covermap.chips.loading import Share
from covermap.models.forest import PIXELS_PER_CLASS, Forest, fit_forest

Normalise = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Baselines:
    """The commonest class and a random forest.

    `majority` is a position in the legend.
    """

    majority: int
    forest: Forest
    normalise: Normalise

    def predict(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """The forest's class of each pixel, (N,), from values and validity (N, C)."""
        return self.forest.predict(self.normalise(values, valid))


def fit_baselines(teach: Share, normalise: Normalise, classes: int, seed: int) -> Baselines:
    """Fit both baselines to the labelled pixels of a share.

    Of each chip at most so many pixels a class are taken that all chips together stay bounded.
    """
    counts = np.zeros(classes, dtype=np.int64)
    values: list[np.ndarray] = []
    index: list[np.ndarray] = []
    generator = np.random.Generator(np.random.PCG64(seed))
    per_chip = max(64, 8 * PIXELS_PER_CLASS // len(teach.windows))
    for number in range(len(teach.windows)):
        found, valid, named = teach.labelled_pixels(number)
        counts += np.bincount(named, minlength=classes)
        kept = _at_most(named, per_chip, generator)
        values.append(normalise(found[kept], valid[kept]))
        index.append(named[kept])
    forest = fit_forest(np.concatenate(values), np.concatenate(index), classes, seed)
    return Baselines(majority(counts), forest, normalise)


def _at_most(named: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    """Positions of at most `number` pixels of each class, in order."""
    chosen = []
    for value in np.unique(named):
        places = np.flatnonzero(named == value)
        if len(places) > number:
            places = generator.choice(places, number, replace=False)
        chosen.append(places)
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)
