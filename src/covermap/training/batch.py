"""Chips stacked for a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from covermap.chips.sample import Sample, SampleSource

# Pixels of chips that are shown at once to a network that only answers: chips that judge are whole,
# and within their surroundings, where those that teach are cut to pieces.
SHOWN_AT_ONCE = 2**18


@dataclass(frozen=True)
class Batch:
    """Chips stacked: values float32 (N, C, S, S), valid bool (N, S, S), target and counted.

    As in `covermap.chips.sample.Sample`: values are 0 where nothing is valid, target and counted
    are of the shape that the task asks for, and target means nothing where counted is False.
    """

    values: Tensor
    valid: Tensor
    target: Tensor
    counted: Tensor

    @property
    def dense(self) -> bool:
        """Whether the target lies on the pixels, and has to move with them."""
        return self.target.ndim == self.valid.ndim

    def to(self, device: torch.device) -> Batch:
        """The same on a device; values in channels-last order, which convolutions prefer."""
        return Batch(
            self.values.to(device, memory_format=torch.channels_last),
            self.valid.to(device),
            self.target.to(device),
            self.counted.to(device),
        )


def stacked(samples: Iterable[Sample]) -> Batch:
    """Chips of one size as a batch."""
    chips = list(samples)
    return Batch(
        torch.from_numpy(np.stack([chip.values for chip in chips])),
        torch.from_numpy(np.stack([chip.valid for chip in chips])),
        torch.from_numpy(np.stack([chip.target for chip in chips])),
        torch.from_numpy(np.stack([chip.counted for chip in chips])),
    )


def shown_at_once(source: SampleSource) -> int:
    """How many chips a network that only answers is shown at once; at least one."""
    return max(1, SHOWN_AT_ONCE // source[0].valid.size)
