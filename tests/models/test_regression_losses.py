"""Losses of regression against numbers by hand, and what is not counted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.models import regression_losses
from covermap.models.loss_settings import LossSettings
from covermap.models.regression_losses import RegressionLoss, huber, mae, mse, ruzicka

NAMES = ("mse", "mae", "huber", "ruzicka")
# Two counted values, then two to be ignored, the second of which holds the target -1.
VALUES = torch.tensor([0.2, 0.6, 0.9, 0.5])
TARGET = torch.tensor([0.0, 1.0, 0.3, -1.0])
COUNTED = torch.tensor([True, True, False, False])
ALL = torch.ones(4, dtype=torch.bool)


def test_the_masked_mse_leaves_out_prediction_and_target():
    values = VALUES.clone().requires_grad_()
    loss = mse(values, TARGET, COUNTED)
    loss.backward()
    assert loss.item() == pytest.approx(0.1, abs=1e-7)
    assert values.grad.tolist() == pytest.approx([0.2, -0.4, 0.0, 0.0], abs=1e-7)


def test_mae_and_huber_by_hand():
    assert mae(VALUES, TARGET, COUNTED).item() == pytest.approx(0.3)
    expected = (0.2**2 / 2 + 0.25 * (0.4 - 0.125)) / 2
    assert huber(VALUES, TARGET, COUNTED, delta=0.25).item() == pytest.approx(expected)
    combined = RegressionLoss(LossSettings(huber={"delta": 0.25, "weight": 2.0}))
    assert combined(VALUES[:, None], TARGET, COUNTED).item() == pytest.approx(2 * expected)


def test_ruzicka_is_minimum_over_maximum():
    one, other = torch.tensor([0, 0.2, 0.6, 1.0]), torch.tensor([0, 0.4, 0.3, 1.0])
    assert ruzicka(one, other, ALL).item() == pytest.approx(0.25)
    assert ruzicka(other, other, ALL).item() == pytest.approx(0.0)
    assert ruzicka(torch.zeros(4), torch.zeros(4), ALL).item() == 0


def test_ruzicka_lifts_a_value_that_fell_below_0():
    values = torch.tensor([-0.5, 0.5]).requires_grad_()
    ruzicka(values, torch.tensor([1.0, 0.5]), ALL[:2]).backward()
    assert values.grad[0] < 0


def test_a_sigmoid_is_applied_before_the_loss():
    outputs = VALUES.logit()[:, None]
    loss = RegressionLoss(LossSettings(mse=1.0), "sigmoid")
    assert loss(outputs, TARGET, COUNTED).item() == pytest.approx(0.1, abs=1e-6)


def test_the_sum_weighs_its_terms():
    loss = RegressionLoss(LossSettings(mse=2.0, mae=0.5))
    found = loss(VALUES.reshape(1, 1, 2, 2), TARGET.reshape(1, 2, 2), COUNTED.reshape(1, 2, 2))
    assert found.item() == pytest.approx(2 * 0.1 + 0.5 * 0.3, abs=1e-6)


def test_the_loss_is_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = RegressionLoss(LossSettings(mse=1.0))(VALUES.bfloat16()[:, None], TARGET, COUNTED)
    assert loss.dtype == torch.float32


@st.composite
def cases(draw):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    sides = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    shape = draw(st.sampled_from([sides, sides[:1]]))
    share = draw(st.sampled_from([0.0, 0.3, 0.9]))
    values = torch.randn(shape, generator=generator)
    target = torch.rand(shape, generator=generator).relu()
    return values, target, torch.rand(shape, generator=generator) < share


@pytest.mark.parametrize("activation", ["identity", "sigmoid"])
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(case=cases(), junk=st.sampled_from([float("nan"), float("inf"), -1.0]))
def test_what_is_not_counted_changes_neither_loss_nor_gradient(activation, name, case, junk):
    values, target, counted = case
    loss = RegressionLoss(LossSettings(**{name: 1.0}), activation)

    def run(values, target):
        outputs = values.unsqueeze(1).clone().requires_grad_()
        value = loss(outputs, target, counted)
        value.backward()
        return value.detach(), outputs.grad[:, 0]

    value, gradient = run(values, target)
    other = run(torch.where(counted, values, junk), torch.where(counted, target, junk))
    assert torch.equal(value, other[0])
    assert torch.equal(gradient, other[1])
    assert torch.all(gradient[~counted] == 0)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    if not counted.any():
        assert value == 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(case=cases())
def test_the_loss_is_that_of_the_counted_values_alone(name, case):
    values, target, counted = case
    loss = getattr(regression_losses, name)
    alone = loss(values[counted], target[counted], counted[counted])
    assert torch.equal(loss(values, target, counted), alone)
