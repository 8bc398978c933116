"""Losses of chips against numbers computed independently in float64, and against scikit-learn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from covermap.models import chip_losses
from covermap.models.chip_losses import ChipLoss, TagLoss, binary_cross_entropy, binary_focal
from covermap.models.loss_settings import LossSettings

# Two chips with five tags: what a network answered, and what is true.
ANSWERED = torch.tensor([[0.9, 0.8, 0.2, 0.1, 0.6], [0.3, 0.7, 0.9, 0.4, 0.5]], dtype=torch.float64)
TRUE = torch.tensor([[1, 1, 0, 0, 1], [0, 1, 1, 0, 0]])
ALL = torch.ones(2, 5, dtype=torch.bool)
RATES = torch.tensor([0.784, 0.595, 0.638, 0.646, 0.733], dtype=torch.float64)


def tag_loss(**terms):
    return TagLoss(LossSettings(**terms))


@pytest.mark.parametrize(
    ("over_tags", "expected"), [("sum", 1.595258482785645), ("mean", 0.319051696557129)]
)
def test_binary_cross_entropy_equals_the_oracle(over_tags, expected):
    loss = tag_loss(binary_cross_entropy={"over_tags": over_tags})
    assert loss(ANSWERED.logit(), TRUE, ALL).item() == pytest.approx(expected, abs=1e-6)


def test_a_network_that_knows_the_rates_alone_has_their_entropy():
    chips = 1000
    order = torch.arange(chips)[:, None].double()
    truth = (order < RATES * chips).double()
    logits = RATES.logit().expand(chips, 5)
    counted = torch.ones(chips, 5, dtype=torch.bool)
    found = binary_cross_entropy(logits, truth, counted, "sum")
    assert found.item() == pytest.approx(3.0814854810, abs=1e-5)
    found = binary_cross_entropy(logits, truth, counted)
    assert found.item() == pytest.approx(0.6162970962, abs=1e-6)


def test_an_unknown_tag_leaves_the_others_of_its_chip():
    counted = ALL.clone()
    counted[0, 1] = False
    expected = log_loss(TRUE[counted].numpy(), ANSWERED[counted].numpy())
    found = binary_cross_entropy(ANSWERED.logit(), TRUE, counted)
    assert found.item() == pytest.approx(expected, abs=1e-6)
    found = binary_cross_entropy(ANSWERED.logit(), TRUE, counted, "sum")
    assert found.item() == pytest.approx(expected * 9 / 2, abs=1e-6)


def test_a_chip_of_which_nothing_is_known_is_no_chip():
    counted = ALL.clone()
    counted[1] = False
    found = binary_cross_entropy(ANSWERED.logit(), TRUE, counted, "sum")
    expected = binary_cross_entropy(ANSWERED[:1].logit(), TRUE[:1], ALL[:1], "sum")
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_binary_focal_weighs_by_what_was_missed():
    right = torch.where(TRUE > 0, ANSWERED, 1 - ANSWERED)
    expected = (-((1 - right) ** 2) * right.log()).mean().item()
    found = binary_focal(ANSWERED.logit(), TRUE, ALL)
    assert found.item() == pytest.approx(expected, abs=1e-6)
    shares = torch.where(TRUE > 0, 0.25, 0.75)
    expected = (-shares * (1 - right) ** 2 * right.log()).mean().item()
    found = tag_loss(binary_focal={"alpha": 0.25})(ANSWERED.logit(), TRUE, ALL)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_binary_focal_without_gamma_is_cross_entropy():
    found = binary_focal(ANSWERED.logit(), TRUE, ALL, gamma=0.0)
    assert found.item() == pytest.approx(0.319051696557129, abs=1e-6)


def test_a_chips_cross_entropy_is_that_of_a_pixel():
    logits = torch.tensor([[2.0, 0, -1], [0.5, 1.5, -0.5], [-1, 0.5, 2], [0, 0, 0]])
    loss = ChipLoss(LossSettings(cross_entropy=1.0))
    target = torch.tensor([0, 1, 2, 1])
    counted = torch.tensor([True, True, True, False])
    assert loss(logits, target, counted | True).item() == pytest.approx(0.4793438923, abs=1e-6)
    assert loss(logits, target, counted).item() == pytest.approx(0.2729210936, abs=1e-6)


def test_class_weights_come_from_the_training_chips():
    logits, target = torch.zeros(3, 2), torch.tensor([0, 0, 1])
    logits[2, 0] = 3.0
    settings = LossSettings(cross_entropy={"class_weights": "inverse-frequency"})
    loss = ChipLoss(settings, ["a", "b"], [2, 1])
    each = torch.nn.functional.cross_entropy(logits, target, reduction="none")
    expected = (each * torch.tensor([0.5, 0.5, 1.0])).sum() / 2
    found = loss(logits, target, torch.ones(3, dtype=torch.bool))
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_loss_is_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = tag_loss(binary_cross_entropy=1.0)(ANSWERED.logit().bfloat16(), TRUE, ALL)
    assert found.dtype == torch.float32


@st.composite
def cases(draw):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 6)))
    share = draw(st.sampled_from([0.0, 0.3, 0.9]))
    logits = 30 * torch.randn(shape, generator=generator)
    target = (torch.rand(shape, generator=generator) < 0.5).float()
    return logits, target, torch.rand(shape, generator=generator) < share


@pytest.mark.parametrize("terms", [
    {"binary_cross_entropy": 1.0},
    {"binary_cross_entropy": {"over_tags": "sum"}},
    {"binary_focal": 1.0},
    {"binary_focal": {"gamma": 0.5, "alpha": 0.3}},
])  # fmt: skip
@settings(max_examples=25, deadline=None, derandomize=True)
@given(case=cases(), junk=st.sampled_from([float("nan"), float("inf"), -1e30]))
def test_what_is_not_counted_changes_neither_loss_nor_gradient(terms, case, junk):
    logits, target, counted = case

    def run(logits, target):
        logits = logits.clone().requires_grad_()
        value = tag_loss(**terms)(logits, target, counted)
        value.backward()
        return value.detach(), logits.grad

    value, gradient = run(logits, target)
    other = run(torch.where(counted, logits, junk), torch.where(counted, target, 255.0))
    assert torch.equal(value, other[0])
    assert torch.equal(gradient, other[1])
    assert torch.all(gradient[~counted] == 0)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()
    if not counted.any():
        assert value == 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(case=cases())
def test_the_loss_is_that_of_the_counted_tags_alone(case):
    logits, target, counted = case
    for name in ("binary_cross_entropy", "binary_focal"):
        loss = getattr(chip_losses, name)
        alone = logits[counted][:, None], target[counted][:, None], counted[counted][:, None]
        torch.testing.assert_close(loss(logits, target, counted), loss(*alone))
