"""Batches of chips."""

import numpy as np
import torch

from covermap.chips.sample import Sample
from covermap.training.data import TrainingBatches, ValidationBatches


class Chips:
    """Chip number n is full of n."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        ones = np.ones((32, 32), bool)
        values = np.full((3, 32, 32), index, np.float32)
        return Sample(values, ones, np.full((32, 32), index, np.int64), ones)


def order(batches):
    return [batch.target[:, 0, 0].tolist() for batch in batches]


def test_every_chip_comes_once_an_epoch():
    epochs = [order(TrainingBatches(Chips(9), 4, 0, lambda e=e: e)) for e in range(3)]
    for batches in epochs:
        assert [len(batch) for batch in batches] == [4, 5]
        assert sorted(chip for batch in batches for chip in batch) == list(range(9))
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_depends_on_seed_and_epoch_only():
    torch.manual_seed(1)
    first = order(TrainingBatches(Chips(9), 4, 5, lambda: 2))
    torch.manual_seed(2)
    assert order(TrainingBatches(Chips(9), 4, 5, lambda: 2)) == first
    assert order(TrainingBatches(Chips(9), 4, 6, lambda: 2)) != first


def test_a_single_chip_stands_twice_in_its_batch():
    batches = TrainingBatches(Chips(1), 4, 0, lambda: 0)
    assert len(batches) == 1
    assert order(batches) == [[0, 0]]


def test_validation_keeps_the_order():
    batches = ValidationBatches(Chips(5), 2)
    assert len(batches) == 3
    assert order(batches) == [[0, 1], [2, 3], [4]]


def test_values_reach_the_device_channels_last():
    batch = next(iter(ValidationBatches(Chips(2), 2))).to(torch.device("cpu"))
    assert batch.values.is_contiguous(memory_format=torch.channels_last)
    assert batch.values.dtype == torch.float32
    assert batch.target.dtype == torch.int64
    assert batch.counted.dtype == torch.bool
