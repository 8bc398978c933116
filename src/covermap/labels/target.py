"""What the labels say of each pixel of a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Target:
    """Class and origin of each labelled pixel of a grid.

    Attributes
    ----------
    index : ndarray of int16, shape (H, W)
        Position of the class in the legend (the network's output), 0..K-1; means nothing where
        `labelled` is False.
    labelled : ndarray of bool, shape (H, W)
        False where nobody drew or the class is ignored.
    source : ndarray of int32, shape (H, W)
        Row number of the polygon that a pixel's label comes from; -1 where none does.
    """

    index: np.ndarray
    labelled: np.ndarray
    source: np.ndarray
