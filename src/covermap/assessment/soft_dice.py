"""Dice coefficients of probabilities: several numbers go by one name, here each has its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SoftDiceTally:
    """Sums by class over the counted pixels, P the probability and Y 1 for the true class, else 0.

    Each float64 (K,).

    Attributes
    ----------
    overlap : ndarray
        Sum of P Y.
    prediction, reference : ndarray
        Sums of P and of Y.
    squares : ndarray
        Sum of P^2; that of Y^2 is `reference`.
    """

    overlap: np.ndarray
    prediction: np.ndarray
    reference: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(
        cls, probability: np.ndarray, reference: np.ndarray, counted: np.ndarray
    ) -> SoftDiceTally:
        """The sums of one window.

        Parameters
        ----------
        probability : ndarray of float, shape (K, ...)
            0..1, of each class.
        reference : ndarray of int, shape (...)
            Positions in the legend where `counted`.
        counted : ndarray of bool, shape (...)
        """
        chosen = probability[:, counted].astype(np.float64)
        truth = np.arange(len(chosen))[:, None] == reference[counted][None]
        return cls(
            overlap=(chosen * truth).sum(axis=1),
            prediction=chosen.sum(axis=1),
            reference=truth.sum(axis=1).astype(np.float64),
            squares=np.square(chosen).sum(axis=1),
        )

    def __add__(self, other: SoftDiceTally) -> SoftDiceTally:
        return SoftDiceTally(
            self.overlap + other.overlap,
            self.prediction + other.prediction,
            self.reference + other.reference,
            self.squares + other.squares,
        )


def soft_micro_dice(tally: SoftDiceTally, smooth: float = 0.0) -> float | None:
    """(2 sum PY + smooth) / (sum P + sum Y + smooth) over pixels and classes together, 0..1.

    Of certain answers it is the overall accuracy, and says nothing of rare classes. `smooth` 1 is
    what Keras examples call the Dice coefficient, when the sums are those of one batch.
    """
    return _ratio(
        2 * tally.overlap.sum() + smooth,
        tally.prediction.sum() + tally.reference.sum() + smooth,
    )


def squared_micro_dice(tally: SoftDiceTally) -> float | None:
    """2 sum PY / (sum P^2 + sum Y^2), 0..1 (Milletari et al. 2016, eq. of V-Net)."""
    return _ratio(2 * tally.overlap.sum(), tally.squares.sum() + tally.reference.sum())


def soft_class_dice(tally: SoftDiceTally) -> tuple[float | None, ...]:
    """2 sum PY / (sum P + sum Y) of each class, 0..1."""
    wholes = tally.prediction + tally.reference
    return tuple(_ratio(2 * a, b) for a, b in zip(tally.overlap, wholes, strict=True))


def class_mean_soft_dice(tally: SoftDiceTally) -> float | None:
    """Mean of the classes' soft Dice, 0..1; classes without any are skipped."""
    defined = [value for value in soft_class_dice(tally) if value is not None]
    return sum(defined) / len(defined) if defined else None


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None
