"""The date of a place with the least cloud, of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from covermap.core.progress import progress
from covermap.imagery.pool import POOL


def clearest_dates(
    dates: Mapping[str, Mapping[str, Path]], clouded: Callable[[np.ndarray], np.ndarray]
) -> dict[str, str]:
    """For each place the date with the most clear pixels; of equals the first.

    Parameters
    ----------
    dates : mapping
        Of each place the quality layer of each date (`20180105`).
    clouded : callable
        From codes of a quality layer to where they mean cloud, shadow or no data.

    Raises
    ------
    ImageryError
        A layer cannot be read.
    """
    chosen = {}
    with progress("Looking for clear dates", len(dates), "places") as bar:
        for place, layers in dates.items():
            shares = {date: _share(path, clouded) for date, path in sorted(layers.items())}
            chosen[place] = max(shares, key=lambda date: shares[date])
            bar.advance()
    return chosen


def _share(path: Path, clouded: Callable[[np.ndarray], np.ndarray]) -> float:
    with POOL.lend(path) as dataset:
        return float(1 - clouded(dataset.read(1)).mean())


def in_codes(codes: Iterable[int]) -> Callable[[np.ndarray], np.ndarray]:
    """Where a layer holds any of these codes."""
    wanted = np.asarray(list(codes))
    return lambda layer: np.isin(layer, wanted)
