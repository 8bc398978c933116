"""Law 6, losses: they equal what is computed after deleting the ignored pixels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.models import losses
from covermap.models.loss_settings import LossSettings
from covermap.models.losses import CombinedLoss
from covermap.models.tasks import TASKS

NAMES = TASKS["segmentation"].terms


@st.composite
def cases(draw):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    batch, classes = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    logits = 3 * torch.randn(batch, classes, height, width, generator=generator)
    target = torch.randint(0, classes, (batch, height, width), generator=generator)
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
    counted = torch.rand(batch, height, width, generator=generator) < share
    return logits, target, counted


def with_gradient(loss, logits, target, counted):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target, counted)
    value.backward()
    return value.detach(), logits.grad


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(case=cases(), junk=st.sampled_from([1e3, -50.0, float("inf"), float("nan")]))
def test_logits_of_ignored_pixels_change_neither_loss_nor_gradient(name, case, junk):
    loss = getattr(losses, name)
    logits, target, counted = case
    value, gradient = with_gradient(loss, logits, target, counted)
    changed = torch.where(counted[:, None], logits, torch.full_like(logits, junk))
    other_target = torch.where(counted, target, torch.full_like(target, 255))
    other_value, other_gradient = with_gradient(loss, changed, other_target, counted)
    assert torch.equal(value, other_value)
    assert torch.equal(gradient, other_gradient)
    ignored = ~counted[:, None].expand_as(logits)
    assert torch.all(gradient[ignored] == 0)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(case=cases())
def test_the_loss_is_that_of_the_counted_pixels_alone(name, case):
    loss = getattr(losses, name)
    logits, target, counted = case
    alone = logits.permute(0, 2, 3, 1)[counted].T[None, :, None, :]
    everything = torch.ones(1, 1, alone.shape[-1], dtype=torch.bool)
    expected = loss(alone, target[counted][None, None, :], everything)
    assert torch.equal(loss(logits, target, counted), expected)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(case=cases())
def test_with_nothing_counted_every_loss_and_gradient_is_zero(case):
    logits, target, counted = case
    combined = CombinedLoss(LossSettings(**dict.fromkeys(NAMES, 1.0)))
    value, gradient = with_gradient(combined, logits, target, torch.zeros_like(counted))
    assert value == 0
    assert torch.all(gradient == 0)
