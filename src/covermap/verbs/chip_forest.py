"""A random forest of chip statistics: a model of its own, and what a classifier must beat."""

from __future__ import annotations

import numpy as np

from covermap.chips.sample import SampleSource
from covermap.mapping.chip_predictor import chip_features
from covermap.models.forest import Forest, fit_forest


def chip_forest(teach: SampleSource, classes: int, seed: int) -> Forest:
    """A forest of the counted chips, each of one class."""
    samples = (teach[number] for number in range(len(teach)))
    pairs = [
        (chip_features(sample.values), int(sample.target)) for sample in samples if sample.counted
    ]
    features = np.stack([pair[0] for pair in pairs])
    return fit_forest(features, np.array([pair[1] for pair in pairs]), classes, seed)
