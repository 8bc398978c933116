"""Mean, spread and range of each channel over the valid pixels that may teach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from covermap.core.errors import ImageryError, listed

# Pixels kept of each chip for the percentiles; taken evenly, so that no random state is needed.
_KEPT = 512
# A band that does not vary is divided by this share of its mean instead of its own spread: some are
# small numbers (columns of gases in mol/m2), and their spread is not none.
_LEAST_STD, _TINY = 1e-6, float(np.finfo(np.float32).tiny)
# Zero of a temperature in Kelvin or of a height lies a hundred spreads away: nothing is that dark.
_DARKEST = 3.0
# Bands that a message lists.
_NAMED = 3


@dataclass(frozen=True)
class Statistics:
    """Of each channel, float64 (C,): mean, standard deviation, 1st and 99th percentile."""

    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def normalise(self, values: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Values (C, H, W) with mean 0 and spread 1; the mean, 0, where not valid."""
        mean = self.mean[:, None, None].astype(np.float32)
        std = self.std[:, None, None].astype(np.float32)
        return np.where(valid, (values - mean) / std, np.float32(0)).astype(np.float32)

    @property
    def zeros(self) -> tuple[float, ...]:
        """The normalised value of 0 in each channel, at most three spreads from the mean."""
        return tuple(np.clip(-self.mean / self.std, -_DARKEST, _DARKEST).tolist())


def statistics_of(
    chips: Iterable[tuple[np.ndarray, np.ndarray]], names: tuple[str, ...]
) -> Statistics:
    """Statistics over chips of (values (C, H, W), valid (C, H, W)).

    Chunks are merged as by Chan, Golub and LeVeque (1983), so that memory does not grow and the
    order of magnitude of a band costs no digits.

    Raises
    ------
    ImageryError
        A channel has no valid value in any chip.
    """
    bands = len(names)
    count, mean, spread = np.zeros(bands), np.zeros(bands), np.zeros(bands)
    kept: list[list[np.ndarray]] = [[] for _ in range(bands)]
    for values, valid in chips:
        for band in range(bands):
            found = values[band][valid[band]].astype(np.float64)
            if not len(found):
                continue
            own_mean = found.mean()
            own_spread = ((found - own_mean) ** 2).sum()
            total = count[band] + len(found)
            gap = own_mean - mean[band]
            spread[band] += own_spread + gap**2 * count[band] * len(found) / total
            mean[band] += gap * len(found) / total
            count[band] = total
            kept[band].append(found[:: max(1, len(found) // _KEPT)].astype(np.float32))
    empty = [name for name, number in zip(names, count, strict=True) if not number]
    if empty:
        raise ImageryError(
            f"{_listed(empty)} no valid pixel on the training ground; leave what has none out of "
            "bands:, check nodata and the quality layer, or, of dates in a stack, leave cloudy "
            "ones out: imagery: [{..., max_invalid: 0.5}]"
        )
    least = np.maximum(_LEAST_STD * np.where(mean == 0, 1, np.abs(mean)), _TINY)
    ends = [np.percentile(np.concatenate(items), [1, 99]) for items in kept]
    return Statistics(
        mean,
        np.maximum(np.sqrt(spread / count), least),
        np.asarray([end[0] for end in ends], dtype=np.float64),
        np.asarray([end[1] for end in ends], dtype=np.float64),
    )


def _listed(names: list[str]) -> str:
    shown = listed(names, _NAMED)
    return f"band {shown} has" if len(names) == 1 else f"bands {shown} have"
