"""Losses against numbers computed independently in float64, and against other libraries."""

import pytest
import torch

from covermap.models import losses
from covermap.models.libraries import smp
from covermap.models.loss_settings import LossSettings
from covermap.models.losses import CombinedLoss
from covermap.models.tasks import TASKS

# Class logits of the four pixels of a 2 by 2 image, row by row.
PIXELS = [(2.0, 0.0, -1.0), (0.5, 1.5, -0.5), (-1.0, 0.5, 2.0), (0.0, 0.0, 0.0)]
LOGITS = torch.tensor(PIXELS).T.reshape(1, 3, 2, 2)
TARGET = torch.tensor([[[0, 1], [2, 1]]])
ALL = torch.ones(1, 2, 2, dtype=torch.bool)
IGNORING_LAST = torch.tensor([[[True, True], [True, False]]])
WEIGHTS = [1.0, 2.0, 0.5]

# Term, its settings, the value of all four pixels, the value without the last.
ORACLE = [
    ("cross_entropy", {}, 0.4793438923, 0.2729210936),
    ("cross_entropy", {"class_weights": WEIGHTS}, 0.6005342135, 0.3159181705),
    (
        "cross_entropy",
        {"class_weights": WEIGHTS, "weighted_mean": "pixels"},
        0.8257345435,
        0.3685711989,
    ),
    ("cross_entropy", {"label_smoothing": 0.1}, 0.5835105590, 0.4118099824),
    ("focal", {}, 0.1372967337, 0.0203049355),
    ("focal", {"alpha": 0.25}, 0.0343241834, 0.0050762339),
    ("focal", {"gamma": 0.0}, 0.4793438923, 0.2729210936),
    ("dice", {}, 0.3362855666, 0.2356123754),
    ("dice", {"smooth": 1.0}, 0.2445350246, 0.1569023777),
    ("dice", {"over": "pixels"}, 0.3430084855, 0.2351224251),
    ("jaccard", {}, 0.5019885002, 0.3776319473),
    ("jaccard", {"over": "pixels"}, 0.5108061329, 0.3807273195),
    ("tversky", {}, 0.3230488131, 0.2358075588),
    ("tversky", {"alpha": 0.5, "beta": 0.5}, 0.3362855666, 0.2356123754),
    ("tversky", {"alpha": 1.0, "beta": 1.0}, 0.5019885002, 0.3776319473),
    ("focal_tversky", {}, 0.4259628955, 0.3362173669),
]
PLAIN = {name: everything for name, knobs, everything, _ in ORACLE if not knobs}


def combined(**terms):
    return CombinedLoss(LossSettings(**terms), ["a", "b", "c"], [10, 20, 30])


def random_case(classes=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 6, 7, generator=generator)
    target = torch.randint(0, classes, (2, 6, 7), generator=generator)
    return logits, target, torch.rand(2, 6, 7, generator=generator) < 0.5


@pytest.mark.parametrize(("name", "knobs", "everything", "ignoring"), ORACLE)
def test_the_loss_equals_the_oracle(name, knobs, everything, ignoring):
    loss = combined(**{name: knobs})
    assert loss(LOGITS, TARGET, ALL).item() == pytest.approx(everything, abs=1e-6)
    assert loss(LOGITS, TARGET, IGNORING_LAST).item() == pytest.approx(ignoring, abs=1e-6)


@pytest.mark.parametrize("alpha", [None, 0.25])
def test_the_one_vs_rest_focal_loss_is_that_of_smp(alpha):
    logits, target, counted = random_case()
    theirs = smp().losses.FocalLoss("multiclass", alpha=alpha, ignore_index=255)
    expected = theirs(logits, torch.where(counted, target, 255))
    found = losses.focal_ovr(logits, target, counted, alpha=alpha)
    torch.testing.assert_close(found, expected)


def test_the_lovasz_loss_is_that_of_smp():
    logits, target, counted = random_case()
    theirs = smp().losses.LovaszLoss("multiclass", ignore_index=255)
    expected = theirs(logits, torch.where(counted, target, 255))
    torch.testing.assert_close(losses.lovasz(logits, target, counted), expected)


def test_the_lovasz_loss_of_certain_answers_is_the_jaccard_loss():
    target = torch.tensor([[[0, 0, 1, 1, 2, 2]]])
    answer = torch.tensor([[[0, 1, 1, 1, 2, 0]]])
    logits = 60.0 * torch.nn.functional.one_hot(answer, 3).permute(0, 3, 1, 2).float()
    counted = torch.ones(1, 1, 6, dtype=torch.bool)
    expected = 1 - (1 / 3 + 2 / 3 + 1 / 2) / 3
    assert losses.lovasz(logits, target, counted).item() == pytest.approx(expected, abs=1e-6)


def test_the_weighted_cross_entropy_is_that_of_torch():
    logits, target, counted = random_case(3)
    expected = torch.nn.functional.cross_entropy(
        logits,
        torch.where(counted, target, -1),
        weight=torch.tensor(WEIGHTS),
        ignore_index=-1,
        label_smoothing=0.2,
    )
    found = losses.cross_entropy(logits, target, counted, WEIGHTS, label_smoothing=0.2)
    torch.testing.assert_close(found, expected)


def test_pixels_that_weigh_nothing_give_zero():
    found = losses.cross_entropy(LOGITS, TARGET * 0, ALL, [0.0, 1.0, 1.0])
    assert found.item() == 0


def test_an_absent_class_is_not_in_the_mean():
    target = torch.tensor([[[0, 1], [1, 1]]])
    wider = torch.cat([LOGITS, torch.full((1, 1, 2, 2), -60.0)], 1)
    for loss in (losses.dice, losses.jaccard, losses.tversky, losses.focal_tversky, losses.lovasz):
        expected = loss(LOGITS, target, ALL).item()
        assert loss(wider, target, ALL).item() == pytest.approx(expected, abs=1e-6)


def test_counts_are_summed_over_the_batch_before_the_ratio():
    tall = torch.cat([LOGITS[:, :, :1], LOGITS[:, :, 1:]], 0)
    target = torch.cat([TARGET[:, :1], TARGET[:, 1:]], 0)
    for name, expected in PLAIN.items():
        split = getattr(losses, name)(tall, target, torch.ones_like(target, dtype=torch.bool))
        assert split.item() == pytest.approx(expected, abs=1e-6)


def test_logits_go_in_not_probabilities():
    counted = torch.ones(1, 1, 1, dtype=torch.bool)
    none = torch.zeros(1, 1, 1, dtype=torch.int64)
    logits = torch.tensor([8.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    once = losses.cross_entropy(logits, none, counted)
    twice = losses.cross_entropy(logits.softmax(1), none, counted)
    assert once.item() == pytest.approx(0.0006707003, abs=1e-7)
    assert twice.item() == pytest.approx(0.5518711423, abs=1e-6)


def test_the_sum_weighs_its_terms():
    loss = combined(cross_entropy=2.0, dice={"weight": 0.5})
    expected = 2 * PLAIN["cross_entropy"] + 0.5 * PLAIN["dice"]
    assert loss(LOGITS, TARGET, ALL).item() == pytest.approx(expected, abs=1e-6)


def test_class_weights_come_from_the_training_pixels():
    loss = combined(cross_entropy={"class_weights": "inverse-frequency"})
    expected = losses.cross_entropy(LOGITS, TARGET, ALL, [1 / 10, 1 / 20, 1 / 30])
    assert loss(LOGITS, TARGET, ALL).item() == pytest.approx(expected.item(), abs=1e-6)


def test_class_weights_without_training_pixels_are_a_mistake():
    settings = LossSettings(cross_entropy={"class_weights": "inverse-frequency"})
    with pytest.raises(ValueError, match="training pixels"):
        CombinedLoss(settings)


def test_the_loss_is_float32_under_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = CombinedLoss(LossSettings())(LOGITS.bfloat16(), TARGET, ALL)
    assert value.dtype == torch.float32
    expected = PLAIN["cross_entropy"] + PLAIN["dice"]
    assert value.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", TASKS["segmentation"].terms)
def test_memory_format_changes_nothing(name):
    logits, target, counted = random_case()
    last = logits.to(memory_format=torch.channels_last)
    loss = getattr(losses, name)
    assert torch.equal(loss(logits, target, counted), loss(last, target, counted))


@pytest.mark.parametrize("name", TASKS["segmentation"].terms)
def test_a_huge_margin_keeps_value_and_gradient_finite(name):
    logits = (LOGITS * 1e4).requires_grad_()
    value = combined(**{name: 1.0})(logits, TARGET, ALL)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()
