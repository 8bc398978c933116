"""From labels of single pixels to those of a whole chip: its classes, and its main one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from covermap.labels.settings import PresenceSettings
from covermap.labels.target import Target


def class_counts(target: Target, valid: np.ndarray, classes: int) -> np.ndarray:
    """Valid labelled pixels of each class of a chip, int64 (K,).

    Parameters
    ----------
    target : Target
        Of the chip's grid, (H, W).
    valid : ndarray of bool, shape (H, W)
        Which pixels of the imagery are usable.
    classes : int
        K, the length of the legend.
    """
    counted = target.labelled & valid
    return np.bincount(target.index[counted], minlength=classes).astype(np.int64)


def presence(counts: np.ndarray, pixels: int, rule: PresenceSettings) -> np.ndarray:
    """Which classes a chip has: float32 (K,), 1 or 0, NaN in all where nothing is labelled.

    A class is present where its share is above the rule's threshold; a share that is equal to it is
    not enough. Shares are compared without rounding.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
        Valid labelled pixels of each class, see `class_counts`.
    pixels : int
        All pixels of the chip, valid or not.
    rule : PresenceSettings

    Raises
    ------
    ValueError
        More pixels are counted than the chip has.
    """
    counted = int(np.sum(counts))
    if counted > pixels:
        raise ValueError(f"{counted} counted pixels in a chip of {pixels}")
    if not counted:
        return np.full(len(counts), np.nan, dtype=np.float32)
    whole = counted if rule.of == "valid" else pixels
    # As a decimal the threshold is what the user wrote: 0.05 of 2,500 is 125, not a bit more.
    least = Fraction(str(rule.threshold)) * whole
    return np.array([int(count) > least for count in counts], dtype=np.float32)


def main_class(counts: np.ndarray) -> int | None:
    """Position of the class with most pixels, the first of equal ones; None where none has any."""
    return int(np.argmax(counts)) if np.any(np.asarray(counts) > 0) else None
