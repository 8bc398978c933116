"""Which chips an epoch is made of: all alike, or drawn so that rare classes come often enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from covermap.chips.sample import SampleSource
from covermap.core.errors import ModelError, nearest

# A class with less than this part of an even share of the labelled pixels can be lost by training.
_RARE_PART = 0.5

Sampling = Literal["auto", "uniform", "balanced"]


def count_class_pixels(source: SampleSource, classes: int) -> np.ndarray:
    """Counted pixels of each class in each chip, int64 (chips, classes); reads every chip once.

    Where a chip has one class, or a set of tags, it counts as one pixel of each.
    """
    counts = np.zeros((len(source), classes), np.int64)
    for number in range(len(source)):
        sample = source[number]
        if np.issubdtype(sample.target.dtype, np.floating):
            counts[number] = (sample.target > 0) & sample.counted
        else:
            counts[number] = np.bincount(sample.target[sample.counted], minlength=classes)
    return counts


def check_sampling(sampling: Sampling | Mapping[str, float], totals: Mapping[str, int]) -> None:
    """Refuse shares of classes that no training of a run could draw.

    Parameters
    ----------
    sampling : str or dict of str to float
        As for `resolved_sampling`.
    totals : mapping of str to int
        Labelled pixels, or chips, of each class of the legend on all ground that teaches.

    Raises
    ------
    ModelError
        A class is not in the legend, or nothing of it teaches.
    """
    for name in sampling if isinstance(sampling, Mapping) else ():
        if name not in totals:
            raise ModelError(
                f"training: sampling names the class '{name}', which is not in the legend; "
                f"{nearest(name, totals)}"
            )
        if totals[name] == 0:
            raise ModelError(
                f"training: sampling asks for the class '{name}', which no training chip shows; "
                "leave it out"
            )


def undrawn_classes(
    sampling: Sampling | Mapping[str, float], class_pixels: np.ndarray, names: Sequence[str]
) -> tuple[str, ...]:
    """Classes that a mapping names and these chips lack, as in a k-fold the fold that has them."""
    if not isinstance(sampling, Mapping):
        return ()
    totals = class_pixels.sum(0)
    return tuple(name for name in sampling if totals[names.index(name)] == 0)


def resolved_sampling(
    sampling: Sampling | Mapping[str, float],
    class_pixels: np.ndarray | None,
    names: Sequence[str] = (),
) -> tuple[float, ...] | None:
    """How likely each chip is drawn; None where each comes once an epoch.

    Parameters
    ----------
    sampling : str or dict of str to float
        `auto` is `balanced` when a class holds less than half of an even share of the labelled
        pixels, and `uniform` else. A mapping gives each class its share of the draws; classes left
        out get none of their own, and the share of one that these chips lack goes to the others.
    class_pixels : ndarray of int64, shape (chips, classes), optional
        Of `count_class_pixels`; `auto` without it is `uniform`.
    names : sequence of str
        The classes; a mapping names no others, see `check_sampling`.
    """
    if sampling == "uniform" or (sampling == "auto" and class_pixels is None):
        return None
    if class_pixels is None:
        raise ValueError(f"sampling {sampling} needs the class pixels of the chips")
    totals = class_pixels.sum(0)
    if isinstance(sampling, Mapping):
        wished = _wished(sampling, totals, names)
        return _as_tuple(_aimed(class_pixels, wished)) if wished.any() else None
    present = totals > 0
    if sampling == "auto" and not np.any(totals[present] < _RARE_PART * totals[present].mean()):
        return None
    # Half of the draws take all chips alike: aimed draws alone would show a rare class's few chips
    # over and over, and common ground, which makes most of the map, hardly at all.
    alike = np.full(len(class_pixels), 1 / len(class_pixels))
    if not present.any():
        return None
    return _as_tuple((alike + _aimed(class_pixels, present / present.sum())) / 2)


def drawn_chips(
    chances: Sequence[float] | None, chips: int, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Numbers of the chips of an epoch, int64 (count,), in drawn order.

    Without chances each chip comes once (over and over where `count` is larger). With them chip i
    comes `count` x chance times, rounded down or up (systematic resampling, Kitagawa 1996): a chip
    that is due is not missed by bad luck.
    """
    if chances is None:
        return np.resize(rng.permutation(chips), count)
    edges = np.cumsum(chances) * (count / sum(chances))
    marks = rng.random() + np.arange(count)
    numbers = np.searchsorted(edges, marks, side="right").clip(max=chips - 1)
    return rng.permutation(numbers)


def class_aims(
    sampling: Sampling | Mapping[str, float], class_pixels: np.ndarray, names: Sequence[str]
) -> tuple[tuple[float, ...], ...]:
    """Of each chip that was drawn, how likely a piece of it is placed at a pixel of each class.

    Rows add up to half, or to 1 where a mapping aims all draws, so that pieces show the classes
    that the chips were drawn for; to 0 where a chip has no pixel of them.

    Parameters
    ----------
    sampling, class_pixels, names
        As for `resolved_sampling`, where it gives chances.
    """
    within = class_pixels / np.maximum(class_pixels.sum(0), 1)
    aimed = 0.5
    if isinstance(sampling, Mapping):
        within, aimed = within * _wished(sampling, class_pixels.sum(0), names), 1.0
    rows = aimed * within / np.maximum(within.sum(1, keepdims=True), np.finfo(float).tiny)
    return tuple(tuple(float(share) for share in row) for row in rows)


def _aimed(class_pixels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Draw a class by its share, then one of its labelled pixels, and take that pixel's chip."""
    within = class_pixels / np.maximum(class_pixels.sum(0), 1)
    return np.asarray(within @ shares, float)


def _wished(sampling: Mapping[str, float], totals: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Each class's share of the draws, float64 (K,); 0 in all where none of them is there."""
    shares = np.zeros(len(totals))
    for name, share in sampling.items():
        place = names.index(name)
        shares[place] = share if totals[place] else 0.0
    return shares / (shares.sum() or 1.0)


def _as_tuple(chances: np.ndarray) -> tuple[float, ...]:
    return tuple(float(chance) for chance in chances / chances.sum())
