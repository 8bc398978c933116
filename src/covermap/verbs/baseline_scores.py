"""The baselines of one model: taught by the same ground, asked for the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from covermap.assessment.baselines import majority
from covermap.chips.sample import Sample, SampleSource
from covermap.models.forest import Forest, fit_forest
from covermap.verbs.forest_pixels import forest_answer, labelled_pixels


@dataclass(frozen=True)
class Baselines:
    """The commonest class, as a position in the legend, and a random forest by pixel."""

    majority: int
    forest: Forest

    def predict(self, sample: Sample) -> np.ndarray:
        """The forest's class of each counted pixel of a chip; int16 (H, W), 0 elsewhere."""
        return forest_answer(self.forest, sample)


def fit_baselines(
    teach: SampleSource, classes: int, assessed: Sequence[int], seed: int
) -> Baselines:
    """Fit both baselines to the labelled pixels of the chips that taught.

    The commonest class is one of those `assessed`, by position.
    """
    pixels = labelled_pixels(teach, 1, classes, seed)
    forest = fit_forest(pixels.features, pixels.index, classes, seed)
    return Baselines(majority(pixels.counts, assessed), forest)
