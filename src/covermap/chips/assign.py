"""Groups of labelled ground dealt out to parts so that every class is met in every part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# A class missing from a part weighs more than any miss of the fractions.
_MISSING = 10.0
_RESTARTS, _WORK = 20, 20_000
# Up to so many groups each deal is improved group by group, up to so many the best one only; what
# is dealt out of more is near enough. No more rounds than so.
_FEW, _MANY, _ROUNDS = 12, 500, 20
_ROUNDING = 1e-9


def assign(
    counts: np.ndarray,
    fractions: Sequence[float],
    seed: int,
    keep_first: np.ndarray | None = None,
    given: np.ndarray | None = None,
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
    given : ndarray of int, shape (G,), optional
        Parts that groups have already; -1 for those to be dealt out.

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
    start = np.full(len(counts), -1, dtype=np.int16)
    if given is not None:
        start[:] = given
    if keep_first is not None and keep_first.any():
        start[(start < 0) & (counts[:, keep_first] > 0).any(axis=1)] = 0
    rng = np.random.Generator(np.random.PCG64(seed))
    best: tuple[float, np.ndarray] | None = None
    for _ in range(int(np.clip(_WORK // max(1, len(counts)), 1, _RESTARTS))):
        codes = _deal(shares, wanted, start, rng)
        if len(counts) <= _FEW:
            codes = _improved(shares, codes, wanted, start < 0)
        cost = _cost(shares, codes, wanted)
        if best is None or cost < best[0] - 1e-12:
            best = (cost, codes)
    assert best is not None
    if _FEW < len(counts) <= _MANY:
        return _improved(shares, best[1], wanted, start < 0)
    return best[1]


def deal_folds(counts: np.ndarray, fractions: Sequence[float], folds: int, seed: int) -> np.ndarray:
    """Fold of each group; groups with a class that no other holds teach in every fold.

    Parameters
    ----------
    counts : ndarray of int, shape (G, K)
        Pixels of each class in each group.
    fractions : sequence of float
        See `covermap.chips.parts.fold_shares`.
    folds : int
    seed : int

    Returns
    -------
    ndarray of int16, shape (G,)
        From 0 on; `folds` for what always teaches. No fold is left empty by that: where too few
        groups would remain, none teaches always.
    """
    codes = assign(counts, fractions, seed)
    alone = (counts > 0).sum(axis=0) < 2
    teaches = (counts[:, alone] > 0).any(axis=1)
    if set(range(folds)) <= set(codes[~teaches].tolist()):
        codes[teaches] = folds
    elif int((~teaches).sum()) >= len(fractions):
        codes[teaches] = folds
        codes[~teaches] = assign(counts[~teaches], fractions, seed)
    return codes


def _deal(
    shares: np.ndarray, wanted: np.ndarray, start: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    groups = len(shares)
    codes = start.copy()
    held = _held(shares, codes, len(wanted))
    has = shares > 0
    # Groups with the rarest class first: they have the least choice.
    rarity = np.where(has, has.sum(axis=0), groups + 1).min(axis=1)
    open_parts = np.nonzero(wanted > 0)[0]
    for group in np.lexsort((rng.random(groups), rarity)):
        if start[group] >= 0:
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


def _improved(
    shares: np.ndarray, codes: np.ndarray, wanted: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """The codes after moving single groups to other parts as long as that lowers the cost."""
    open_parts = np.nonzero(wanted > 0)[0]
    held, goal = _held(shares, codes, len(wanted)), wanted[:, None]
    groups = np.nonzero(free)[0]
    for _ in range(_ROUNDS):
        moved = False
        for group in groups:
            here, own = codes[group], shares[group]
            # Sums of floats do not return to 0: rounding is no pixel.
            left = np.where(held[here] - own < _ROUNDING, 0, held[here] - own)
            joined = held[open_parts] + own
            change = (
                _part_cost(left, goal[here])
                - _part_cost(held[here], goal[here])
                + _part_cost(joined, goal[open_parts])
                - _part_cost(held[open_parts], goal[open_parts])
            )
            change[open_parts == here] = 0
            best = int(np.argmin(change))
            if change[best] < -_ROUNDING:
                there = open_parts[best]
                held[here], held[there] = left, joined[best]
                codes[group], moved = there, True
        if not moved:
            break
    return codes


def _held(shares: np.ndarray, codes: np.ndarray, parts: int) -> np.ndarray:
    return np.stack([shares[codes == part].sum(axis=0) for part in range(parts)])


def _part_cost(held: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """How far parts are from what is wanted of them; `held` is (..., C)."""
    return np.asarray(((held - goal) ** 2).sum(axis=-1) + _MISSING * (held == 0).sum(axis=-1))


def _cost(shares: np.ndarray, codes: np.ndarray, wanted: np.ndarray) -> float:
    wanted_parts = wanted > 0
    held = _held(shares, codes, len(wanted))[wanted_parts]
    return float(_part_cost(held, wanted[wanted_parts, None]).sum())
