"""What a network must beat: the commonest class everywhere, and a random forest by pixel."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

TREES = 200
PIXELS_PER_CLASS = 20_000
# Pixels that one thread predicts at a time.
_PIXELS_AT_ONCE = 65_536


def majority(train_counts: np.ndarray) -> int:
    """Position of the commonest class in training; the first of several equal ones.

    Parameters
    ----------
    train_counts : ndarray of int, shape (K,)
        Labelled training pixels of each class.

    Raises
    ------
    ValueError
        No pixel at all.
    """
    counts = np.asarray(train_counts)
    if counts.ndim != 1 or not counts.sum() > 0:
        raise ValueError(f"expected counts (K,) of at least one pixel, got {counts.tolist()}")
    return int(counts.argmax())


@dataclass(frozen=True)
class PixelForest:
    """A random forest that sees one pixel at a time; made by `fit_forest`."""

    forest: RandomForestClassifier

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Class of each pixel.

        Parameters
        ----------
        values : ndarray of float32, shape (M, C)
            Finite; the bands in the order of training.

        Returns
        -------
        ndarray of int16, shape (M,)
            Positions in the legend, only such as training had.
        """
        starts = range(0, len(values), _PIXELS_AT_ONCE)
        parts = [values[start : start + _PIXELS_AT_ONCE] for start in starts]
        # Threads share out pixels, not trees: the votes of a pixel are then always added in the
        # same order, so that ties fall the same way every time.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            votes = list(pool.map(self._vote, parts))
        return np.concatenate(votes) if votes else np.zeros(0, np.int16)

    def _vote(self, values: np.ndarray) -> np.ndarray:
        known = self.forest.classes_.astype(np.int16)
        return known[self.forest.predict_proba(values).argmax(axis=1)]


def fit_forest(
    values: np.ndarray,
    index: np.ndarray,
    classes: int,
    seed: int,
    per_class: int = PIXELS_PER_CLASS,
) -> PixelForest:
    """A random forest of 200 trees trained on single labelled pixels.

    Parameters
    ----------
    values : ndarray of float32, shape (N, C)
        Finite; pixels of training ground only.
    index : ndarray of int, shape (N,)
        Position of each pixel's class in the legend, 0..K-1.
    classes : int
        K; classes without a training pixel are never predicted.
    seed : int
        Of the sampling and the trees.
    per_class : int
        At most so many pixels a class, drawn at random.

    Raises
    ------
    ValueError
        No pixel, shapes that do not fit, or a class beyond the legend.
    """
    from sklearn.ensemble import RandomForestClassifier

    if values.ndim != 2 or index.shape != values.shape[:1] or not len(index):
        raise ValueError(f"values {values.shape} and index {index.shape} should be (N, C) and (N,)")
    if index.min() < 0 or index.max() >= classes:
        raise ValueError(f"index holds {index.min()}..{index.max()}, expected 0..{classes - 1}")
    chosen = _sample(index, classes, per_class, np.random.Generator(np.random.PCG64(seed)))
    forest = RandomForestClassifier(TREES, random_state=seed, n_jobs=-1)
    forest.fit(values[chosen], index[chosen])
    forest.set_params(n_jobs=1)
    return PixelForest(forest)


def _sample(
    index: np.ndarray, classes: int, per_class: int, generator: np.random.Generator
) -> np.ndarray:
    """Sorted positions of at most `per_class` pixels of each class."""
    chosen = []
    for number in range(classes):
        places = np.flatnonzero(index == number)
        if len(places) > per_class:
            places = generator.choice(places, per_class, replace=False)
        chosen.append(places)
    return np.sort(np.concatenate(chosen))
