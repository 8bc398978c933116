"""Flips and quarter turns of a chip: the eight symmetries of a square.

Seen from above no direction is special, so each is as likely a chip as the one that was cut.
"""

from __future__ import annotations

import numpy as np

from covermap.chips.sample import Sample


def turned(sample: Sample, turns: int, flip: bool) -> Sample:
    """The chip after `turns` quarter turns counter-clockwise, then mirrored left to right.

    Values, validity, classes and what counts move together.
    """

    def move(array: np.ndarray) -> np.ndarray:
        moved = np.rot90(array, turns, axes=(-2, -1))
        return np.ascontiguousarray(moved[..., ::-1] if flip else moved)

    return Sample(
        values=move(sample.values),
        valid=move(sample.valid),
        target=move(sample.target),
        counted=move(sample.counted),
    )


def augmented(sample: Sample, seed: int, epoch: int, place: int) -> Sample:
    """One of the eight symmetries, drawn by (seed, epoch, place in the epoch) and nothing else.

    Nothing is carried over from draw to draw, so an epoch after a restart sees what it would have
    seen without one.
    """
    draw = int(np.random.default_rng([seed, epoch, place]).integers(8))
    return turned(sample, turns=draw % 4, flip=draw >= 4)
