"""What a model learnt from, kept with it so that scenes which are unlike it are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from covermap.bundle.applicability import PIXELS, Applicability, applicability_of
from covermap.chips.loading import Share
from covermap.chips.statistics import Statistics
from covermap.imagery.inspection import spread

# Chips that pixels are taken of, so that a large training ground is not read once more.
_CHIPS = 100


def applicability_on(share: Share, statistics: Statistics) -> Applicability | None:
    """The area of applicability of a model that a share teaches."""
    some = replace(share, windows=tuple(spread(share.windows, _CHIPS)))
    return applicability_of(_pixels(some, statistics, -(-PIXELS // len(some.windows))))


def _pixels(share: Share, statistics: Statistics, wanted: int) -> Iterator[np.ndarray]:
    """At most so many usable pixels of each window, evenly chosen, normalised (C, N)."""
    for values, valid in share.pixels():
        usable = np.flatnonzero(valid.any(axis=0)).tolist()
        rows, cols = np.divmod(np.asarray(spread(usable, wanted), int), valid.shape[2])
        kept = (slice(None), rows[None], cols[None])
        yield statistics.normalise(values[kept], valid[kept])[:, 0]
