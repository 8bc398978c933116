"""The optimiser and its learning rate."""

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from covermap.training.history import EpochRow, stops_early
from covermap.training.schedule import optimizer_for, rate_factor, set_rate
from covermap.training.settings import TrainingSettings, resolve

RATE = 0.1


def resolved(**settings):
    return resolve(TrainingSettings(**{"learning_rate": RATE, **settings}), 8, 64)


def network():
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1))


class WithEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 1)


def rates(settings, rows=()):
    return [RATE * rate_factor(step, settings, rows) for step in range(settings.steps)]


def rates_of_torch(make, settings, per_epoch=False):
    optimizer = torch.optim.SGD(network().parameters(), lr=RATE)
    schedule, found = make(optimizer), []
    for step in range(settings.steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not per_epoch or (step + 1) % settings.steps_per_epoch == 0:
            schedule.step()
    return found


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


def test_the_encoder_has_a_rate_of_its_own():
    model = WithEncoder()
    optimizer = optimizer_for(model, resolved(encoder_rate=0.2))
    set_rate(optimizer, 0.5)
    found = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for parameter in model.encoder.parameters():
        assert found[id(parameter)] == pytest.approx(RATE * 0.2 * 0.5)
    for parameter in model.head.parameters():
        assert found[id(parameter)] == pytest.approx(RATE * 0.5)


@pytest.mark.parametrize("epochs", [1, 2, 5, 50])
def test_one_cycle_is_that_of_torch(epochs):
    settings = resolved(epochs=epochs, batch_size=2)
    expected = rates_of_torch(
        lambda o: lr_scheduler.OneCycleLR(o, RATE, total_steps=settings.steps), settings
    )
    assert rates(settings) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_cosine_poly_and_step_are_those_of_torch(accumulate):
    def check(schedule, make, per_epoch=False):
        settings = resolved(epochs=9, batch_size=2, schedule=schedule, accumulate=accumulate)
        expected = rates_of_torch(lambda o: make(o, settings.steps), settings, per_epoch)
        assert rates(settings) == pytest.approx(expected, rel=1e-9, abs=1e-12)

    check("cosine", lambda o, n: lr_scheduler.CosineAnnealingLR(o, n))
    check({"name": "poly", "power": 0.7}, lambda o, n: lr_scheduler.PolynomialLR(o, n, power=0.7))
    check(
        {"name": "step", "every": 4, "factor": 0.5},
        lambda o, n: lr_scheduler.StepLR(o, 4, gamma=0.5),
        per_epoch=True,
    )


def test_forty_epochs_in_steps_of_fifteen_have_three_rates():
    settings = resolved(epochs=40, batch_size=2, learning_rate=1e-4, schedule="step")
    assert sorted({round(rate_factor(s, settings, ()), 9) for s in range(settings.steps)}) == [
        0.01,
        0.1,
        1.0,
    ]


def test_constant_stays():
    assert set(rates(resolved(epochs=3, schedule="constant"))) == {RATE}


def test_plateau_drops_after_each_standstill():
    settings = resolved(epochs=30, schedule={"name": "plateau", "every": 3, "factor": 0.5})

    def factor(scores):
        rows = [EpochRow(n, 1.0, 0.1, score, 0.1) for n, score in enumerate(scores, start=1)]
        return rate_factor(0, settings, rows)

    assert factor([]) == 1
    assert factor([0.1, 0.2, 0.3, 0.4, 0.5]) == 1
    assert factor([0.1, 0.9, 0.1, 0.1, 0.1, 0.1]) == 0.5
    assert factor([0.5] * 8) == 0.25
    assert factor([None] * 20) == 1


@pytest.mark.parametrize("name", ["step", "plateau"])
@pytest.mark.parametrize("epochs", range(1, 9))
@pytest.mark.parametrize("patience", ["none", 2, 3, 4])
def test_a_schedule_that_never_drops_the_rate_is_told(name, epochs, patience):
    schedule = {"name": name, "every": 3}
    settings = resolved(epochs=epochs, patience=patience, schedule=schedule)
    rows, factors = [], set()
    while len(rows) < epochs and not stops_early(rows, settings.patience):
        factors.add(rate_factor(len(rows) * settings.steps_per_epoch, settings, rows))
        rows.append(EpochRow(len(rows) + 1, 1.0, 1.0, 0.5, RATE))
    if name == "step" and settings.patience is not None:
        # It may stop before, and may not.
        factors.add(rate_factor((epochs - 1) * settings.steps_per_epoch, settings, rows))
    assert (settings.without_effect is None) == (len(factors) > 1)
