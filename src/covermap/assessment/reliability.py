"""Whether answers are right as often as the model says: counts by confidence, and what is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15
# What is on the upper edge of a bin belongs to it, whatever rounding makes of 0.6 * 15.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Reliability:
    """Counts by confidence, in 15 bins of equal width; bin m holds ((m - 1) / 15, m / 15].

    The confidence of an answer is the probability of the class that was chosen.

    Attributes
    ----------
    pixels, right : ndarray of int64, shape (15,)
        How many pixels (or chips) were answered with such a confidence, and how many rightly.
    confidence : ndarray of float64, shape (15,)
        The sum of their confidences.
    """

    pixels: np.ndarray
    right: np.ndarray
    confidence: np.ndarray

    @classmethod
    def zero(cls) -> Reliability:
        """Counts of nothing, which change no others when added."""
        return cls(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), np.zeros(BINS))

    @classmethod
    def of(cls, confidence: np.ndarray, right: np.ndarray, counted: np.ndarray) -> Reliability:
        """The counts of one window.

        Parameters
        ----------
        confidence : ndarray of float, any shape
            0..1 where `counted`; anything elsewhere.
        right, counted : ndarray of bool, same shape
            Which answers are right, and which are scored.

        Raises
        ------
        ValueError
            The shapes differ, or a counted confidence is not within 0..1.
        """
        if not confidence.shape == right.shape == counted.shape:
            raise ValueError(
                f"confidence {confidence.shape}, right {right.shape} and counted {counted.shape} "
                "should have one shape"
            )
        sure = confidence[counted].astype(np.float64)
        # So that a NaN is refused too.
        if not ((sure >= 0) & (sure <= 1 + _ROUNDING)).all():
            raise ValueError("a counted confidence is not within 0..1")
        place = np.clip(np.ceil(sure * BINS - _ROUNDING).astype(np.int64) - 1, 0, BINS - 1)
        return cls(
            np.bincount(place, minlength=BINS),
            np.bincount(place[right[counted]], minlength=BINS),
            np.bincount(place, weights=sure, minlength=BINS),
        )

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.pixels + other.pixels,
            self.right + other.right,
            self.confidence + other.confidence,
        )

    @property
    def ece(self) -> float | None:
        """Expected calibration error, 0..1; None of nothing.

        The mean over all answers of |accuracy - mean confidence| of their bin (Guo et al. 2017,
        eq. 3; Naeini et al. 2015), for the class that was chosen.
        """
        total = int(self.pixels.sum())
        if not total:
            return None
        return float(np.abs(self.right - self.confidence).sum() / total)

    def to_dict(self) -> dict[str, Any]:
        """`ece` and `reliability`, as `metrics.json` holds them; a bin of nothing has None."""
        return {
            "ece": self.ece,
            "reliability": {
                "pixels": self.pixels.tolist(),
                "accuracy": self._means(self.right),
                "confidence": self._means(self.confidence),
            },
        }

    def _means(self, sums: np.ndarray) -> list[float | None]:
        pairs = zip(sums.tolist(), self.pixels.tolist(), strict=True)
        return [value / count if count else None for value, count in pairs]
