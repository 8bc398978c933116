"""Scores of one number a chip."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from covermap.verbs.evaluate_chip_numbers import (
    NumberedChip,
    _meaningless,
    _Scored,
    _tallied,
)
from covermap.verbs.evaluate_numbers import number_scores


def test_one_number_far_off_does_not_flatten_the_ranks_of_the_others():
    random = np.random.default_rng(0)
    truth = random.normal(10, 1, 100)
    said = truth + random.normal(0, 0.5, 100)
    said[0] = 2000
    scored = [
        _Scored(NumberedChip("final", f"p{n}", 0, 0, t, p), n // 10, {"model": p})
        for n, (t, p) in enumerate(zip(truth, said, strict=True))
    ]
    scores = number_scores(_tallied(scored, "model"), seed=0)
    assert scores["spearman"] == pytest.approx(spearmanr(truth, said).statistic)


def test_numbers_below_0_are_no_amounts():
    assert "ruzicka" in _meaningless([-3.0, 5.0])
    assert "ruzicka" not in _meaningless([0.0, 5.0])
