"""Groups of labelled ground dealt out to parts so that every class is met in every part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# A class missing from a part weighs more than any miss of the fractions.
_MISSING = 10.0
_RESTARTS, _WORK = 20, 20_000


def assign(
    counts: np.ndarray,
    fractions: Sequence[float],
    seed: int,
    keep_first: np.ndarray | None = None,
) -> np.ndarray:
    """Part of each group, chosen so that each class meets the fractions as nearly as it can.

    Greedy from the rarest class on, from several seeded orders; the best result is kept.

    Parameters
    ----------
    counts : ndarray of int, shape (G, K)
        Pixels of each class in each group.
    fractions : sequence of float, length P
        Wanted share of each part; they add up to 1. A part with share 0 stays empty.
    seed : int
        Same seed, same answer.
    keep_first : ndarray of bool, shape (K,), optional
        Classes whose groups must go to the first part.

    Returns
    -------
    ndarray of int16, shape (G,)
        Number of the part, 0..P-1.
    """
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum(axis=0)
    shares = counts[:, total > 0] / total[total > 0]
    # Besides pixels, the groups of each class and all groups follow the fractions: a class that is
    # tested in one place only, however large, is hardly tested.
    present = counts[:, total > 0] > 0
    shares = np.column_stack(
        [shares, present / present.sum(axis=0), np.full(len(counts), 1 / max(1, len(counts)))]
    )
    wanted = np.asarray(fractions, dtype=np.float64)
    fixed = np.zeros(len(counts), dtype=bool)
    if keep_first is not None and keep_first.any():
        fixed |= (counts[:, keep_first] > 0).any(axis=1)
    rng = np.random.Generator(np.random.PCG64(seed))
    best: tuple[float, np.ndarray] | None = None
    for _ in range(int(np.clip(_WORK // max(1, len(counts)), 1, _RESTARTS))):
        codes = _deal(shares, wanted, fixed, rng)
        cost = _cost(shares, codes, wanted)
        if best is None or cost < best[0] - 1e-12:
            best = (cost, codes)
    assert best is not None
    return best[1]


def _deal(
    shares: np.ndarray, wanted: np.ndarray, fixed: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    groups = len(shares)
    codes = np.zeros(groups, dtype=np.int16)
    held = np.zeros((len(wanted), shares.shape[1]))
    held[0] = shares[fixed].sum(axis=0)
    has = shares > 0
    # Groups with the rarest class first: they have the least choice.
    rarity = np.where(has, has.sum(axis=0), groups + 1).min(axis=1)
    open_parts = np.nonzero(wanted > 0)[0]
    for group in np.lexsort((rng.random(groups), rarity)):
        if fixed[group]:
            continue
        here = has[group]
        after = held[open_parts][:, here] + shares[group, here]
        before = held[open_parts][:, here]
        goal = wanted[open_parts, None]
        gain = ((after - goal) ** 2 - (before - goal) ** 2).sum(axis=1)
        gain -= _MISSING * ((before == 0) & (goal > 0)).sum(axis=1) * goal[:, 0]
        part = open_parts[int(np.argmin(gain))]
        codes[group] = part
        held[part] += shares[group]
    return codes


def _cost(shares: np.ndarray, codes: np.ndarray, wanted: np.ndarray) -> float:
    held = np.stack([shares[codes == part].sum(axis=0) for part in range(len(wanted))])
    missing = ((held == 0) & (wanted[:, None] > 0)).sum()
    return float(((held - wanted[:, None]) ** 2).sum() + _MISSING * missing)
