"""Batches of chips: augmented and in drawn order to train on, as they are to validate on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from covermap.chips.sample import Sample, SampleSource
from covermap.training.augmentation import augmented
from covermap.training.settings import batch_sizes


@dataclass(frozen=True)
class Batch:
    """Chips stacked: values float32 (N, C, S, S), target int64 and counted bool (N, S, S)."""

    values: Tensor
    target: Tensor
    counted: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device; values in channels-last order, which convolutions prefer."""
        return Batch(
            self.values.to(device, memory_format=torch.channels_last),
            self.target.to(device),
            self.counted.to(device),
        )


class TrainingBatches:
    """All training chips once an epoch, in an order and turned as drawn by (seed, epoch).

    `epoch` says which epoch begins when an iterator is first asked; torch is seeded then too, for
    layers that draw (dropout), so that every epoch depends on its number alone.
    """

    def __init__(
        self, source: SampleSource, batch_size: int, seed: int, epoch: Callable[[], int]
    ) -> None:
        self._source, self._seed, self._epoch = source, seed, epoch
        self._sizes = batch_sizes(len(source), batch_size)

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch()
        rng = np.random.default_rng([self._seed, epoch])
        torch.manual_seed(int(rng.integers(2**63)))
        # A single chip stands twice in its batch: see `batch_sizes`.
        order = np.resize(rng.permutation(len(self._source)), sum(self._sizes))
        begin = 0
        for size in self._sizes:
            places = range(begin, begin + size)
            yield _stacked(
                augmented(self._source[int(order[place])], self._seed, epoch, place)
                for place in places
            )
            begin += size


class ValidationBatches:
    """All chips in their own order, as they are."""

    def __init__(self, source: SampleSource, batch_size: int) -> None:
        self._source, self._batch_size = source, batch_size

    def __len__(self) -> int:
        return -(-len(self._source) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self._source)
        for begin in range(0, count, self._batch_size):
            stop = min(begin + self._batch_size, count)
            yield _stacked(self._source[index] for index in range(begin, stop))


def _stacked(samples: Iterable[Sample]) -> Batch:
    chips = list(samples)
    return Batch(
        torch.from_numpy(np.stack([chip.values for chip in chips])),
        torch.from_numpy(np.stack([chip.target for chip in chips])),
        torch.from_numpy(np.stack([chip.counted for chip in chips])),
    )
