"""The optimiser and its learning rate."""

import pytest
import torch
from torch import nn

from covermap.training.schedule import one_cycle, optimizer_for
from covermap.training.settings import TrainingSettings, resolve


def resolved(**settings):
    return resolve(TrainingSettings(**settings), 8, 64)


def network():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)],
)
def test_kernels_decay_and_norms_and_biases_do_not(name, kind):
    model = network()
    optimizer = optimizer_for(model, resolved(optimizer=name, weight_decay=0.3))
    assert type(optimizer) is kind
    decay = {
        id(parameter): group["weight_decay"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(decay) == len(list(model.parameters()))
    for parameter in model.parameters():
        assert decay[id(parameter)] == (0.3 if parameter.ndim == 4 else 0.0)


@pytest.mark.parametrize("epochs", [1, 5, 50])
def test_the_rate_rises_to_the_highest_and_falls_to_nearly_nothing(epochs):
    settings = resolved(epochs=epochs, batch_size=2, learning_rate=0.1)
    optimizer = optimizer_for(network(), settings)
    schedule = one_cycle(optimizer, settings)
    rates = []
    for _ in range(settings.steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[-1] < 1e-4
    if epochs > 1:
        assert max(rates) == pytest.approx(0.1, rel=0.05)
        assert 0.2 < rates.index(max(rates)) / len(rates) < 0.4
