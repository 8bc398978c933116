"""Averages over the flips and quarter turns of a tile (test-time augmentation)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from covermap.mapping.predictor import Predictor

_TURNS = 4


class AveragingPredictor:
    """The mean of a predictor's answers to the eight flips and quarter turns of each tile.

    Sides of tiles are multiples of the stride, so each of the eight meets the network in the same
    phase, and the mean commutes with shifts as the predictor does.

    Parameters
    ----------
    inner : Predictor
    """

    def __init__(self, inner: Predictor) -> None:
        self.inner = inner
        self.classes, self.stride, self.halo = inner.classes, inner.stride, inner.halo
        self.engine, self.precision = inner.engine, inner.precision
        self.pixel_bytes = inner.pixel_bytes + 4 * inner.classes

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        total: np.ndarray | None = None
        for apply, undo in _SYMMETRIES:
            shares = undo(self.inner.probabilities(np.ascontiguousarray(apply(values))))
            total = shares.copy() if total is None else np.add(total, shares, out=total)
        assert total is not None
        total /= len(_SYMMETRIES)
        return total


_Turn = Callable[[np.ndarray], np.ndarray]


def _symmetry(turns: int, flip: bool) -> tuple[_Turn, _Turn]:
    def apply(planes: np.ndarray) -> np.ndarray:
        turned = np.rot90(planes, turns, axes=(2, 3))
        return turned[..., ::-1] if flip else turned

    def undo(planes: np.ndarray) -> np.ndarray:
        unflipped = planes[..., ::-1] if flip else planes
        return np.rot90(unflipped, -turns, axes=(2, 3))

    return apply, undo


_SYMMETRIES = tuple(_symmetry(turns, flip) for turns in range(_TURNS) for flip in (False, True))
