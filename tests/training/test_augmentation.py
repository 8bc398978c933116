"""What is changed at random in a batch."""

import math

import numpy as np
import pytest
import torch

from covermap.training.augmentation import augmented, resized_crops, turned, without
from covermap.training.batch import Batch
from covermap.training.settings import AugmentationSettings

OFF = {"flips": False, "turns": False}


def numbered(count=1, size=6):
    """Chips whose values are their pixels' numbers, negated in the second band."""
    number = torch.arange(size * size).reshape(1, size, size).repeat(count, 1, 1)
    valid = number % 5 > 0
    values = torch.stack([number, -number], 1).float() * valid[:, None]
    return Batch(values, valid, number, valid & (number % 2 > 0))


def smooth(count=2, size=64, valid_share=0.9):
    """Chips whose two bands are row and column, and whose class is the quarter."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    valid = torch.rand(count, size, size, generator=torch.Generator().manual_seed(0)) < valid_share
    values = torch.stack([rows, columns]).float().expand(count, 2, size, size)
    half = size // 2
    target = (2 * (rows >= half) + (columns >= half)).expand(count, size, size).clone()
    return Batch(values * valid[:, None], valid, target, valid.clone())


def change(batch, seed=0, epoch=0, number=0, **settings):
    return augmented(batch, AugmentationSettings(**settings), seed, epoch, number)


def test_everything_moves_together():
    for turns in range(4):
        for flip in (False, True):
            moved = turned(numbered(), [turns], [flip])
            valid = moved.target % 5 > 0
            assert torch.equal(moved.valid, valid)
            assert torch.equal(moved.values[:, 0], moved.target.float() * valid)
            assert torch.equal(moved.values[:, 1], -moved.target.float() * valid)
            assert torch.equal(moved.counted, valid & (moved.target % 2 > 0))


def test_a_quarter_turn_goes_counter_clockwise():
    first, last = numbered().target[0, 0, [0, -1]]
    assert turned(numbered(), [1], [False]).target[0, 0, 0] == last
    assert turned(numbered(), [0], [True]).target[0, 0, 0] == last
    assert turned(numbered(), [0], [False]).target[0, 0, 0] == first


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [({}, 8), ({"turns": False}, 4), ({"flips": False}, 4), (OFF, 1)],
)
def test_all_symmetries_are_drawn_alike(settings, kinds):
    drawn = [chip.numpy().tobytes() for chip in change(numbered(800), **settings).target]
    counts = {item: drawn.count(item) for item in drawn}
    assert len(counts) == kinds
    assert min(counts.values()) > 0.6 * 800 / kinds


EVERYTHING = {"smallest_crop": 0.5, "gain": 0.1, "noise": 0.1, "holes": 0.5}


@pytest.mark.parametrize("other", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_the_draw_depends_on_seed_epoch_and_batch(other):
    torch.manual_seed(1)
    one = change(smooth(), 0, 0, 0, **EVERYTHING)
    torch.manual_seed(2)
    assert torch.equal(one.values, change(smooth(), 0, 0, 0, **EVERYTHING).values)
    assert not torch.equal(one.values, change(smooth(), *other, **EVERYTHING).values)


def test_nobody_elses_random_numbers_change():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    change(smooth(), **EVERYTHING)
    assert torch.equal(torch.rand(3), expected)


def test_what_is_invalid_stays_zero_and_uncounted_and_the_batch_untouched():
    batch = smooth()
    before = batch.values.clone()
    for number in range(5):
        out = change(batch, number=number, **EVERYTHING)
        assert torch.all(out.values[(~out.valid)[:, None].expand_as(out.values)] == 0)
        assert not torch.any(out.counted & ~out.valid)
        assert out.target.dtype == torch.int64
        assert out.values.dtype == torch.float32
        assert torch.isfinite(out.values).all()
    assert torch.equal(batch.values, before)


def test_a_crop_of_everything_changes_nothing():
    batch = numbered(2, 8)
    same = resized_crops(batch, torch.tensor([[0.0, 0.0, 7.0, 7.0]] * 2))
    torch.testing.assert_close(same.values, batch.values, atol=1e-4, rtol=1e-4)
    assert torch.equal(same.valid, batch.valid)
    assert torch.equal(same.target, batch.target)
    assert torch.equal(same.counted, batch.counted)


def test_a_crop_interpolates_values_and_keeps_classes_whole():
    batch = smooth(1, 64, valid_share=2.0)
    box = torch.tensor([[10.0, 20.0, 40.0, 62.0]])
    out = resized_crops(batch, box)
    rows = torch.linspace(20, 62, 64)[:, None].expand(64, 64)
    columns = torch.linspace(10, 40, 64)[None].expand(64, 64)
    torch.testing.assert_close(out.values[0, 0], rows, atol=1e-3, rtol=0)
    torch.testing.assert_close(out.values[0, 1], columns, atol=1e-3, rtol=0)
    clear = ((rows - 31.5).abs() > 0.01) & ((columns - 31.5).abs() > 0.01)
    expected = 2 * (rows > 31.5) + (columns > 31.5)
    assert torch.equal(out.target[0][clear], expected.long()[clear])


def test_invalid_neighbours_do_not_bleed_into_a_crop():
    batch = smooth(3, 64, valid_share=0.7)
    constant = Batch(
        torch.where(batch.valid[:, None], 5.0, 0.0), batch.valid, batch.target, batch.counted
    )
    out = change(constant, **OFF, smallest_crop=0.4)
    inside = out.values[out.valid[:, None]]
    torch.testing.assert_close(inside, torch.full_like(inside, 5.0))


def test_crops_stay_within_the_chip_and_the_wished_area():
    batch = smooth(200, 16, valid_share=2.0)
    out = change(batch, **OFF, smallest_crop=0.25)
    spans = [out.values[:, band].amax((1, 2)) - out.values[:, band].amin((1, 2)) for band in (0, 1)]
    area = spans[0] * spans[1] / 15**2
    assert 0.2 < area.min() < 0.4
    assert area.max() <= 1 + 1e-4
    aspect = spans[0] / spans[1]
    assert aspect.max() < 4 / 3 + 0.05
    assert aspect.min() > 3 / 4 - 0.05


def test_a_gain_is_one_number_for_each_band_of_each_chip():
    batch = smooth(50, 8)
    out = change(batch, **OFF, gain=0.2)
    seen = batch.values > 0
    ratio = torch.where(seen, out.values / batch.values, torch.nan)
    for chip in ratio.flatten(0, 1):
        numbers = chip[~chip.isnan()]
        torch.testing.assert_close(numbers, numbers[:1].expand_as(numbers))
    factors = ratio.nan_to_num(0).amax((2, 3))
    assert 0.8 <= factors.min() < 0.85
    assert 1.15 < factors.max() <= 1.2


def test_a_gain_leaves_darkness_dark():
    batch = smooth(50, 8)
    zeros = (-2.0,) + (0.5,) * (batch.values.shape[1] - 1)
    dark = torch.tensor(zeros)[:, None, None]
    shaded = Batch(
        torch.where(batch.valid[:, None], dark + batch.values, 0.0),
        batch.valid,
        batch.target,
        batch.counted,
    )
    settings = AugmentationSettings(**OFF, gain=0.2)
    above = augmented(shaded, settings, 0, 0, 0, zeros).values - dark
    expected = augmented(batch, settings, 0, 0, 0).values
    inside = batch.valid[:, None].expand_as(expected)
    torch.testing.assert_close(above[inside], expected[inside])


def test_noise_has_the_wished_deviation():
    batch = smooth(4, 64)
    moved = (change(batch, **OFF, noise=0.3).values - batch.values)[
        batch.valid[:, None].expand_as(batch.values)
    ]
    assert moved.std().item() == pytest.approx(0.3, rel=0.03)
    assert abs(moved.mean().item()) < 0.01


def test_holes_are_invalid_zero_and_uncounted():
    holes = torch.zeros(1, 6, 6, dtype=torch.bool)
    holes[0, 2:4, 1:5] = True
    out = without(numbered(), holes)
    assert not out.valid[holes].any()
    assert not out.counted[holes].any()
    assert torch.all(out.values[holes[:, None].expand_as(out.values)] == 0)
    assert torch.equal(out.valid[~holes], numbered().valid[~holes])


def test_clouds_cover_the_wished_share_of_chips_in_one_or_few_pieces():
    from scipy.ndimage import label

    batch = smooth(300, 64, valid_share=2.0)
    out = change(batch, **OFF, holes=0.4)
    covered = (~out.valid).float().mean((1, 2))
    cloudy = covered > 0
    assert cloudy.float().mean().item() == pytest.approx(0.4, abs=0.08)
    assert covered[cloudy].min() > 0.04
    assert covered.max() < 0.31
    pieces = [label(chip)[1] for chip in (~out.valid[cloudy]).numpy()]
    assert np.median(pieces) <= 6


def test_small_chips_get_holes_too():
    out = change(smooth(20, 32, valid_share=2.0), **OFF, holes=1.0)
    assert math.isclose((~out.valid).any((1, 2)).float().mean().item(), 1.0)
