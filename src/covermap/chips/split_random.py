"""Chips drawn at random, as much published work has it: leaky, and stamped so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from covermap.chips.ground import ANY_PART, NO_PART
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    Split,
    SplitCase,
    assessed_by_holdout,
    holdout_training,
    told_parts,
)
from covermap.chips.split_blocks import Blocks, ground_of_blocks
from covermap.core.errors import SplitError


def split_by_random(case: SplitCase) -> Split:
    """Chips drawn at random, with no buffer and no care for classes.

    No pixel is shared, but tested chips touch chips that taught: good only to be compared with
    scores that were measured so. The audit says how many do.

    Raises
    ------
    SplitError
        There are fewer than three chips, or fewer than two classes can be assessed.
    """
    if case.settings.buffer_m is None:
        case = replace(case, settings=case.settings.model_copy(update={"buffer_m": 0.0}))
    blocks = Blocks.of(case, case.size, buffer=0)
    home = home_at_random(case, blocks)
    counts = blocks.counts.counting(home, len(case.labels.legend))
    held = np.asarray(counts.any(axis=1))
    number = int(held.sum())
    if number < 3:
        raise SplitError(
            f"split: by random: only {number} chips of {case.size} px hold labels; use smaller "
            "ones: chips: {size: 32}"
        )
    codes = np.full(len(held), NO_PART, dtype=np.int16)
    codes[held] = _drawn(number, case)
    assessed = assessed_by_holdout(counts, codes, case.labels.legend.names)
    ground = ground_of_blocks(case, blocks, codes, home, HOLDOUT_PARTS)
    reasons = (
        f"chips of {case.size} px drawn at random: {told_parts(codes)}",
        "random chips lie beside each other: compare the scores only with those of random splits",
    )
    return Split("holdout", ground, (holdout_training(),), assessed, reasons, at_random=True)


def home_at_random(case: SplitCase, blocks: Blocks) -> np.ndarray:
    """As `Blocks.home`; polygons are cut like chips, but for those that are chips."""
    if case.regions:
        return blocks.home()
    return np.full(case.labels.sources + 1, ANY_PART, dtype=np.int64)


def _drawn(number: int, case: SplitCase) -> np.ndarray:
    """Part of each chip, int16 (N,): the fractions as nearly as whole chips allow."""
    share = case.settings.fractions
    tested = max(1, round(share.test * number))
    validated = max(1, round(share.val * number)) if share.val else 0
    codes = np.zeros(number, dtype=np.int16)
    order = np.random.Generator(np.random.PCG64(case.seed)).permutation(number)
    codes[order[:tested]] = 2
    codes[order[tested : tested + validated]] = 1
    return codes
