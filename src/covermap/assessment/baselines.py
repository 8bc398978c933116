"""What a network must beat: the commonest class everywhere, and a random forest by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def majority(train_counts: np.ndarray, among: Sequence[int] | None = None) -> int:
    """Position of the commonest class in training; the first of several equal ones.

    Parameters
    ----------
    train_counts : ndarray of int, shape (K,)
        Labelled training pixels of each class.
    among : sequence of int, optional
        Positions of the classes that can be tested: to answer with another one is always wrong,
        and would flatter whatever is compared with it. Of no account where none of them taught.

    Raises
    ------
    ValueError
        No pixel at all.
    """
    counts = np.asarray(train_counts)
    if counts.ndim != 1 or not counts.sum() > 0:
        raise ValueError(f"expected counts (K,) of at least one pixel, got {counts.tolist()}")
    open_to = np.zeros(len(counts), dtype=bool)
    open_to[list(range(len(counts)) if among is None else among)] = True
    if counts[open_to].sum() > 0:
        counts = np.where(open_to, counts, 0)
    return int(counts.argmax())
