"""The moving average of weights."""

import torch
from torch import nn

from covermap.training.average import WeightAverage


def network(value):
    layer = nn.BatchNorm2d(1)
    with torch.no_grad():
        layer.weight.fill_(value)
    return layer


def test_the_average_follows_as_its_decay_says():
    average = WeightAverage(network(0.0), decay=0.5)
    average.update(network(1.0), step=1000)
    average.update(network(1.0), step=1001)
    assert average.weights["weight"].item() == 0.75


def test_a_young_average_forgets_faster():
    average = WeightAverage(network(0.0), decay=0.999)
    average.update(network(1.0), step=1)
    torch.testing.assert_close(average.weights["weight"], torch.tensor([1 - 2 / 11]))


def test_counters_are_copied():
    other = network(1.0)
    other.num_batches_tracked += 7
    average = WeightAverage(network(0.0), decay=0.9)
    average.update(other, step=5)
    assert average.weights["num_batches_tracked"] == 7


def test_swapping_twice_changes_nothing():
    own = network(3.0)
    average = WeightAverage(network(5.0), decay=0.9)
    average.swap(own)
    assert (own.weight.item(), average.weights["weight"].item()) == (5.0, 3.0)
    average.swap(own)
    assert (own.weight.item(), average.weights["weight"].item()) == (3.0, 5.0)


def test_the_average_is_its_own_copy():
    own = network(1.0)
    average = WeightAverage(own, decay=0.9)
    with torch.no_grad():
        own.weight.fill_(9.0)
    assert average.weights["weight"].item() == 1.0


def test_the_average_follows_a_network_that_moved_to_another_device():
    own = network(1.0)
    average = WeightAverage(own, decay=0.9)
    own.to("meta")
    average.update(own, step=1)
    assert {weight.device.type for weight in average.weights.values()} == {"meta"}
