"""What a network for whole chips must beat: a classifier of a chip's plain statistics."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

PERCENTILES = (5, 25, 50, 75, 95)
Classifier = Literal["logistic-regression", "random-forest"]
_TREES = 300


def chip_statistics(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and percentiles of each band, float32 (C * 7,).

    Band by band: mean, standard deviation, percentiles 5, 25, 50, 75 and 95; NaN in all for a band
    without a valid pixel.

    Parameters
    ----------
    values : ndarray of float32, shape (C, H, W)
    valid : ndarray of bool, shape (C, H, W)
    """
    found = np.full((len(values), 2 + len(PERCENTILES)), np.nan)
    for band, (own, there) in enumerate(zip(values, valid, strict=True)):
        pixels = own[there].astype(np.float64)
        if len(pixels):
            found[band] = [pixels.mean(), pixels.std(), *np.percentile(pixels, PERCENTILES)]
    return found.ravel().astype(np.float32)


def statistics_classifier(kind: Classifier, seed: int) -> Any:
    """An unfitted scikit-learn classifier of `chip_statistics`.

    Missing statistics take the mean of those that it is fitted to, so that only training chips
    teach.

    Parameters
    ----------
    kind : {"logistic-regression", "random-forest"}
    seed : int
        The same chips and seed give the same answers.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(keep_empty_features=True)
    if kind == "random-forest":
        return make_pipeline(imputer, RandomForestClassifier(_TREES, random_state=seed, n_jobs=1))
    if kind == "logistic-regression":
        return make_pipeline(
            imputer, StandardScaler(), LogisticRegression(max_iter=2000, random_state=seed)
        )
    raise ValueError(f"no classifier '{kind}'; expected logistic-regression or random-forest")
