"""One chip as a network sees it, and the protocol of whatever yields chips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Sample:
    """A chip ready for a network.

    Attributes
    ----------
    values : ndarray of float32, shape (C, S, S)
        Normalised (mean 0, standard deviation 1 over training pixels); 0, the training mean, where
        a band is invalid.
    valid : ndarray of bool, shape (S, S)
        Usable pixels.
    target : ndarray of int64, shape (S, S)
        Position of the class in the legend; means nothing where `counted` is False.
    counted : ndarray of bool, shape (S, S)
        Pixels that enter loss and scores: usable, labelled, and on this part's own ground.
    """

    values: np.ndarray
    valid: np.ndarray
    target: np.ndarray
    counted: np.ndarray


class SampleSource(Protocol):
    """Chips of one part of a split; the same index gives the same sample each time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
