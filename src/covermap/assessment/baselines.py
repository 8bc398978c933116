"""What a network must beat: the commonest class everywhere, and a random forest by pixel."""

from __future__ import annotations

import numpy as np


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
