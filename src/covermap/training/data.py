"""Batches of chips: augmented and in drawn order to train on, as they are to validate on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from covermap.chips.sample import Sample, SampleSource
from covermap.training.augmentation import augmented
from covermap.training.batch import Batch, shown_at_once, stacked
from covermap.training.cropping import cropped
from covermap.training.sampling import drawn_chips
from covermap.training.settings import ResolvedTraining, batch_sizes


class TrainingBatches:
    """The chips of an epoch, chosen, ordered, cut and augmented as drawn by (seed, epoch).

    `epoch` says which epoch begins when an iterator is first asked; torch is seeded then too, for
    layers that draw (dropout), so that every epoch depends on its number alone. `zeros` are those
    of `augmentation.augmented`.
    """

    def __init__(
        self,
        source: SampleSource,
        settings: ResolvedTraining,
        seed: int,
        epoch: Callable[[], int],
        zeros: Sequence[float] = (),
    ) -> None:
        self._source, self._settings, self._seed, self._epoch = source, settings, seed, epoch
        self._zeros = zeros
        self._sizes = batch_sizes(len(source) * settings.draws, settings.batch_size)

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch()
        rng = np.random.default_rng([self._seed, epoch])
        torch.manual_seed(int(rng.integers(2**63)))
        # A single chip stands twice in its batch: see `batch_sizes`.
        order = drawn_chips(self._settings.chances, len(self._source), sum(self._sizes), rng)
        begin = 0
        for number, size in enumerate(self._sizes):
            batch = stacked(
                self._shown(int(chip), epoch, begin + place)
                for place, chip in enumerate(order[begin : begin + size])
            )
            augmentation = self._settings.augmentation
            yield augmented(batch, augmentation, self._seed, epoch, number, self._zeros)
            begin += size

    def _shown(self, chip: int, epoch: int, number: int) -> Sample:
        """A chip, or the piece of it that draw `number` of an epoch shows."""
        sample, settings = self._source[chip], self._settings
        if settings.crop is None:
            return sample
        rng = np.random.default_rng([self._seed, epoch, number])
        aims = None if settings.aims is None else settings.aims[chip]
        return cropped(sample, settings.crop, aims, rng)


class ValidationBatches:
    """All chips in their own order, as they are; of large ones fewer than `batch_size` at once."""

    def __init__(self, source: SampleSource, batch_size: int) -> None:
        self._source, self._batch_size = source, min(batch_size, shown_at_once(source))

    def __len__(self) -> int:
        return -(-len(self._source) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        count = len(self._source)
        for begin in range(0, count, self._batch_size):
            stop = min(begin + self._batch_size, count)
            yield stacked(self._source[index] for index in range(begin, stop))
