"""Batches of chips."""

import numpy as np
import torch

from covermap.chips.sample import Sample
from covermap.training.data import TrainingBatches, ValidationBatches
from covermap.training.settings import TrainingSettings, resolve


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


def training(chips, batch_size, seed, epoch, **settings):
    settings = TrainingSettings(batch_size=batch_size, **settings)
    return TrainingBatches(Chips(chips), resolve(settings, chips, 32), seed, epoch)


def order(batches):
    return [batch.target[:, 0, 0].tolist() for batch in batches]


def test_every_chip_comes_once_an_epoch():
    epochs = [order(training(9, 4, 0, lambda e=e: e)) for e in range(3)]
    for batches in epochs:
        assert [len(batch) for batch in batches] == [4, 5]
        assert sorted(chip for batch in batches for chip in batch) == list(range(9))
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_depends_on_seed_and_epoch_only():
    torch.manual_seed(1)
    first = order(training(9, 4, 5, lambda: 2))
    torch.manual_seed(2)
    assert order(training(9, 4, 5, lambda: 2)) == first
    assert order(training(9, 4, 6, lambda: 2)) != first


def test_a_single_chip_stands_twice_in_its_batch():
    batches = training(1, 4, 0, lambda: 0)
    assert len(batches) == 1
    assert order(batches) == [[0, 0]]


def test_validation_keeps_the_order():
    batches = ValidationBatches(Chips(5), 2)
    assert len(batches) == 3
    assert order(batches) == [[0, 1], [2, 3], [4]]


def test_large_chips_validate_in_smaller_batches():
    """Pieces teach, whole chips validate: a batch of these would not fit into memory."""

    class Large(Chips):
        def __getitem__(self, index):
            values = np.full((1, 640, 384), index, np.float32)
            ones = np.ones((640, 384), bool)
            return Sample(values, ones, np.full((640, 384), index, np.int64), ones)

    assert order(ValidationBatches(Large(3), 8)) == [[0], [1], [2]]


def test_values_reach_the_device_channels_last():
    batch = next(iter(ValidationBatches(Chips(2), 2))).to(torch.device("cpu"))
    assert batch.values.is_contiguous(memory_format=torch.channels_last)
    assert batch.values.dtype == torch.float32
    assert batch.target.dtype == torch.int64
    assert batch.counted.dtype == torch.bool


def test_chances_decide_which_chips_come():
    settings = resolve(
        TrainingSettings(batch_size=4, sampling={"b": 1.0}),
        8,
        32,
        np.array([[9, 0]] * 6 + [[9, 1]] * 2),
        ("a", "b"),
    )
    batches = order(TrainingBatches(Chips(8), settings, 0, lambda: 0))
    drawn = [chip for batch in batches for chip in batch]
    assert sorted(drawn) == [6] * 4 + [7] * 4


def test_an_epoch_is_augmented_by_its_number_alone():
    def values(seed, epoch):
        batches = training(4, 2, seed, lambda: epoch, augmentation={"noise": 1.0})
        return torch.cat([batch.values for batch in batches])

    torch.manual_seed(1)
    first = values(0, 3)
    torch.manual_seed(2)
    assert torch.equal(first, values(0, 3))
    assert not torch.equal(first, values(0, 4))


def test_an_epoch_draws_as_many_pieces_as_fill_the_chips():
    settings = resolve(TrainingSettings(batch_size=4, crop=32), 3, 64, cuts=True)

    class Large(Chips):
        def __getitem__(self, index):
            ones = np.ones((64, 64), bool)
            values = np.full((3, 64, 64), index, np.float32)
            return Sample(values, ones, np.full((64, 64), index, np.int64), ones)

    batches = list(TrainingBatches(Large(3), settings, 0, lambda: 0))
    assert (settings.crop, settings.draws, settings.batches) == (32, 4, 3)
    assert [tuple(batch.values.shape) for batch in batches] == [(4, 3, 32, 32)] * 3
    shown = sorted(int(chip) for batch in batches for chip in batch.target[:, 0, 0])
    assert shown == [chip for chip in range(3) for _ in range(4)]
