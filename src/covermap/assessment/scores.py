"""Scores as pure functions of a tally; None where a score is undefined, never 0 and never NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from covermap.assessment.tally import Tally

# One score for each class in the legend's order; None where undefined.
ClassScores = tuple[float | None, ...]


def overall_accuracy(tally: Tally) -> float | None:
    """Share of the counted pixels that were predicted right, 0..1."""
    return _ratio(tally.correct.sum(), tally.total)


def class_iou(tally: Tally) -> ClassScores:
    """Intersection over union of each class, 0..1.

    None for a class with neither reference nor prediction; 0 for one that was predicted but has no
    reference.
    """
    return _ratios(tally.correct, tally.reference + tally.prediction - tally.correct)


def class_mean_iou(tally: Tally, classes: Sequence[int] | None = None) -> float | None:
    """Mean of the classes' IoU, 0..1; classes whose IoU is undefined are skipped.

    Parameters
    ----------
    tally : Tally
        Pooled over all that is scored: the mean over pictures of such means is another number.
    classes : sequence of int, optional
        Positions in the legend to take the mean over; all by default.
    """
    scores = class_iou(tally)
    chosen = range(tally.classes) if classes is None else classes
    return _mean([scores[k] for k in chosen])


def true_classes(tally: Tally) -> list[int]:
    """Positions of the classes that the reference holds.

    Where models are compared the mean is taken over these: a class that lies nowhere on the ground
    has an IoU of 0 as soon as one pixel is mapped as it, and none else.
    """
    return np.flatnonzero(tally.reference).tolist()


def micro_iou(tally: Tally) -> float | None:
    """IoU of all classes' pixels taken together: OA / (2 - OA), 0..1."""
    correct = tally.correct.sum()
    return _ratio(correct, 2 * tally.total - correct)


def frequency_weighted_iou(tally: Tally) -> float | None:
    """Mean IoU weighted by each class's share of the reference, 0..1 (Long et al. 2015, sec. 5)."""
    weighted = [
        score * count
        for score, count in zip(class_iou(tally), tally.reference.tolist(), strict=True)
        if score is not None
    ]
    return _ratio(sum(weighted), tally.total)


def users_accuracy(tally: Tally) -> ClassScores:
    """Of what is mapped as a class, the share that is it (precision), 0..1."""
    return _ratios(tally.correct, tally.prediction)


def producers_accuracy(tally: Tally) -> ClassScores:
    """Of what is a class, the share that is mapped as it (recall), 0..1."""
    return _ratios(tally.correct, tally.reference)


def f1(tally: Tally) -> ClassScores:
    """Harmonic mean of user's and producer's accuracy (the Dice coefficient), 0..1."""
    return _ratios(2 * tally.correct, tally.reference + tally.prediction)


def kappa(tally: Tally) -> float | None:
    """Agreement beyond chance, -1..1 (Cohen 1960); None when chance alone agrees wholly."""
    if not tally.total:
        return None
    total = float(tally.total)
    expected = float((tally.reference / total) @ (tally.prediction / total))
    observed = float(tally.correct.sum() / total)
    return _ratio(observed - expected, 1 - expected)


def matthews_correlation(tally: Tally) -> float | None:
    """Correlation of reference and prediction over K classes, -1..1 (Gorodkin 2004, R_K).

    None when the reference or the prediction is of one class only.
    """
    # Shares instead of counts: products of counts of large maps overflow 64 bits.
    if not tally.total:
        return None
    total = float(tally.total)
    reference, prediction = tally.reference / total, tally.prediction / total
    covariance = tally.correct.sum() / total - reference @ prediction
    spread = float((1 - reference @ reference) * (1 - prediction @ prediction))
    return _ratio(covariance, math.sqrt(max(spread, 0.0)))


def quantity_disagreement(tally: Tally) -> float | None:
    """Error from wrong class totals, 0..1 (Pontius and Millones 2011, eq. 3)."""
    return _ratio(np.abs(tally.reference - tally.prediction).sum(), 2 * tally.total)


def allocation_disagreement(tally: Tally) -> float | None:
    """Error from right totals in wrong places, 0..1 (Pontius and Millones 2011, eq. 5)."""
    omitted = tally.reference - tally.correct
    committed = tally.prediction - tally.correct
    return _ratio(np.minimum(omitted, committed).sum(), tally.total)


def _ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None


def _ratios(parts: np.ndarray, wholes: np.ndarray) -> ClassScores:
    return tuple(_ratio(p, w) for p, w in zip(parts.tolist(), wholes.tolist(), strict=True))


def _mean(scores: Sequence[float | None]) -> float | None:
    defined = [score for score in scores if score is not None]
    return sum(defined) / len(defined) if defined else None
