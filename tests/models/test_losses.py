"""Losses against numbers computed independently in float64."""

import pytest
import torch

from covermap.models import losses
from covermap.models.losses import CombinedLoss
from covermap.models.settings import LossSettings

# Class logits of the four pixels of a 2 by 2 image, row by row.
PIXELS = [(2.0, 0.0, -1.0), (0.5, 1.5, -0.5), (-1.0, 0.5, 2.0), (0.0, 0.0, 0.0)]
LOGITS = torch.tensor(PIXELS).T.reshape(1, 3, 2, 2)
TARGET = torch.tensor([[[0, 1], [2, 1]]])
ALL = torch.ones(1, 2, 2, dtype=torch.bool)
IGNORING_LAST = torch.tensor([[[True, True], [True, False]]])

ORACLE = {
    "cross_entropy": (0.4793438923, 0.2729210936),
    "focal": (0.1372967337, 0.0203049355),
    "dice": (0.3362855666, 0.2356123754),
    "jaccard": (0.5019885002, 0.3776319473),
    "tversky": (0.3230488131, 0.2358075588),
}


@pytest.mark.parametrize("name", ORACLE)
def test_the_loss_equals_the_oracle(name):
    everything, ignoring = ORACLE[name]
    loss = getattr(losses, name)
    assert loss(LOGITS, TARGET, ALL).item() == pytest.approx(everything, abs=1e-6)
    assert loss(LOGITS, TARGET, IGNORING_LAST).item() == pytest.approx(ignoring, abs=1e-6)


def test_an_absent_class_is_not_in_the_mean():
    target = torch.tensor([[[0, 1], [1, 1]]])
    wider = torch.cat([LOGITS, torch.full((1, 1, 2, 2), -60.0)], 1)
    assert losses.dice(wider, target, ALL).item() == pytest.approx(
        losses.dice(LOGITS, target, ALL).item(), abs=1e-6
    )


def test_counts_are_summed_over_the_batch_before_the_ratio():
    tall = torch.cat([LOGITS[:, :, :1], LOGITS[:, :, 1:]], 0)
    target = torch.cat([TARGET[:, :1], TARGET[:, 1:]], 0)
    for name in ORACLE:
        loss = getattr(losses, name)
        split = loss(tall, target, torch.ones_like(target, dtype=torch.bool))
        assert split.item() == pytest.approx(ORACLE[name][0], abs=1e-6)


def test_logits_go_in_not_probabilities():
    logits = torch.tensor([8.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    counted = torch.ones(1, 1, 1, dtype=torch.bool)
    value = losses.cross_entropy(logits, torch.zeros(1, 1, 1, dtype=torch.int64), counted)
    assert value.item() == pytest.approx(0.0006707003, abs=1e-7)


def test_the_sum_weighs_its_terms():
    combined = CombinedLoss(LossSettings(cross_entropy=2.0, dice=0.5))
    expected = 2 * ORACLE["cross_entropy"][0] + 0.5 * ORACLE["dice"][0]
    assert combined(LOGITS, TARGET, ALL).item() == pytest.approx(expected, abs=1e-6)


def test_the_loss_is_float32_under_autocast():
    combined = CombinedLoss(LossSettings())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = combined(LOGITS.bfloat16(), TARGET, ALL)
    assert value.dtype == torch.float32
    expected = ORACLE["cross_entropy"][0] + ORACLE["dice"][0]
    assert value.item() == pytest.approx(expected, abs=1e-6)


def test_memory_format_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 6, 7, generator=generator)
    target = torch.randint(0, 5, (2, 6, 7), generator=generator)
    counted = torch.rand(2, 6, 7, generator=generator) < 0.5
    last = logits.to(memory_format=torch.channels_last)
    for name in ORACLE:
        loss = getattr(losses, name)
        assert torch.equal(loss(logits, target, counted), loss(last, target, counted))


def test_a_huge_margin_keeps_value_and_gradient_finite():
    logits = (LOGITS * 1e4).requires_grad_()
    value = CombinedLoss(LossSettings(focal=1.0, cross_entropy=1.0))(logits, TARGET, ALL)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
