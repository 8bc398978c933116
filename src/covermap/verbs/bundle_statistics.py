"""Normalisation as a bundle has it, so that scoring sees what mapping sees."""

from __future__ import annotations

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.chips.statistics import Statistics


def statistics_of_bundle(bundle: Bundle) -> Statistics:
    """Mean, deviation and percentiles of each channel over the training pixels."""
    rows = [(c.mean, c.std, c.low, c.high) for c in bundle.channels]
    return Statistics(*np.asarray(rows, dtype=np.float64).T)
