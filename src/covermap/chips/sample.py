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
    target : ndarray
        The right answer, which means nothing where `counted` is False. For classes of pixels
        int64 (S, S), positions in the legend; for a chip's class int64 without an axis; for tags
        float32 (K,), 1 or 0; for densities float32 (S, S).
    counted : ndarray of bool, shape of `target`
        What enters loss and scores: usable, labelled, and on this part's own ground.
    """

    values: np.ndarray
    valid: np.ndarray
    target: np.ndarray
    counted: np.ndarray


class SampleSource(Protocol):
    """Chips of one part of a split; the same index gives the same sample each time."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
