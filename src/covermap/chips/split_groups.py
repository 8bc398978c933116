"""A hold-out or a k-fold of groups of ground, whatever a group is: scenes, regions, polygons."""

from __future__ import annotations

import numpy as np

from covermap.chips.assign import assign
from covermap.chips.ground import NO_PART
from covermap.chips.parts import (
    HOLDOUT_PARTS,
    GroundOf,
    Split,
    SplitCase,
    assessed_by_holdout,
    fold_count,
    fold_shares,
    holdout_training,
    kfold_of,
    told_parts,
)
from covermap.core.errors import SplitError

# With fewer groups a test part says little: a k-fold scores every one.
_FEWEST_FOR_HOLDOUT = 12


def split_of_groups(case: SplitCase, counts: np.ndarray, unit: str, ground_of: GroundOf) -> Split:
    """A hold-out, or a k-fold where groups or those of a class are few.

    Parameters
    ----------
    case : SplitCase
    counts : ndarray of int64, shape (G, K)
        Usable labelled pixels by group and class.
    unit : str
        What a group is, in the plural: `images`.
    ground_of : callable
        See `GroundOf`; groups without labels have code -1.

    Raises
    ------
    SplitError
        There is one group only.
    """
    settings, number = case.settings, int((counts.sum(axis=1) > 0).sum())
    if number < 2 + case.spare:
        raise SplitError(
            f"split: by {settings.by}: labels lie in {number} group of {unit} only, and too "
            "little else could be held out; use split: {by: blocks}"
        )
    held_by = (counts > 0).sum(axis=0)
    names = case.labels.legend.names
    thin = [f"{n} ({k})" for n, k in zip(names, held_by, strict=True) if 0 < k < 3]
    few = number < _FEWEST_FOR_HOLDOUT
    if settings.folds is None and not few and (settings.by != "auto" or not thin):
        return _holdout(case, counts, unit, ground_of)
    why = (
        "asked for by the project"
        if settings.folds is not None
        else f"only {number} {unit}"
        if few
        else f"classes in fewer than three {unit}: {', '.join(thin)}"
    )
    return _kfold(case, counts, unit, why, ground_of)


def _holdout(case: SplitCase, counts: np.ndarray, unit: str, ground_of: GroundOf) -> Split:
    share = case.settings.fractions
    codes = _assigned(counts, (share.train, share.val, share.test), case.seed)
    codes[_lonely(counts)] = 0
    assessed = assessed_by_holdout(counts, codes, case.labels.legend.names)
    ground = ground_of(codes, HOLDOUT_PARTS)
    reasons = (f"whole {unit}: {told_parts(codes)}",)
    return Split("holdout", ground, (holdout_training(),), assessed, reasons)


def _kfold(case: SplitCase, counts: np.ndarray, unit: str, why: str, ground_of: GroundOf) -> Split:
    number = int((counts.sum(axis=1) > 0).sum())
    most = number - case.spare
    folds = min(fold_count(case.settings, number), most)
    if case.settings.folds is None and number <= 5:
        # So few groups that each may as well be a fold of its own.
        folds = most
    teaches_always = _lonely(counts)
    if number - int(teaches_always.sum()) < folds + case.spare:
        teaches_always[:] = False
    shares = fold_shares(folds, case.spare)
    codes = _assigned(np.where(teaches_always[:, None], 0, counts), shares, case.seed)
    codes[teaches_always] = folds
    reasons = (
        why,
        f"so {folds} folds of whole {unit}, each scored by a model that never saw it; a last "
        "model on all labels makes the map",
    )
    return kfold_of(case, counts, codes, folds, ground_of, reasons)


def _lonely(counts: np.ndarray) -> np.ndarray:
    """Groups with a class that no other group holds, which must teach it; bool (G,)."""
    alone = (counts > 0).sum(axis=0) == 1
    return np.asarray((counts[:, alone] > 0).any(axis=1))


def _assigned(counts: np.ndarray, fractions: tuple[float, ...], seed: int) -> np.ndarray:
    """Part of each group, int16; -1 for groups without labels."""
    labelled = counts.sum(axis=1) > 0
    codes = np.full(len(counts), NO_PART, dtype=np.int16)
    if int(labelled.sum()) == len(fractions) and len(set(fractions)) == 1:
        codes[labelled] = np.arange(len(fractions))
    else:
        codes[labelled] = assign(counts[labelled], fractions, seed)
    return codes
