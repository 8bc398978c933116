"""RGB kernels carried over to other bands."""

import pytest
import torch

from covermap.models.stems import place_kernels

RGB = torch.randn(32, 3, 3, 3, generator=torch.Generator().manual_seed(0))
RED, GREEN, BLUE = 665.0, 560.0, 490.0


def test_red_green_blue_take_exactly_their_kernels():
    assert torch.equal(place_kernels(RGB, [RED, GREEN, BLUE]), RGB)


def test_blue_green_red_take_them_swapped():
    assert torch.equal(place_kernels(RGB, [BLUE, GREEN, RED]), RGB.flip(1))


def test_a_band_between_takes_its_share_of_both():
    placed = place_kernels(RGB, [RED, (RED + GREEN) / 2, GREEN, BLUE])
    middle = (placed[:, 0] + placed[:, 2]) / 2
    torch.testing.assert_close(placed[:, 1], middle)


@pytest.mark.parametrize(("wavelength", "channel"), [(443.0, 2), (410.0, 2), (705.0, 0)])
def test_the_rest_of_the_visible_range_takes_the_nearest(wavelength, channel):
    placed = place_kernels(RGB, [RED, GREEN, BLUE, wavelength])
    assert torch.equal(placed[:, 3], placed[:, channel])


@pytest.mark.parametrize("wavelength", [842.0, 1610.0, 11000.0, 350.0, None])
def test_beyond_it_a_band_takes_the_mean(wavelength):
    placed = place_kernels(RGB, [RED, GREEN, BLUE, wavelength])
    torch.testing.assert_close(placed[:, 3], placed[:, :3].mean(1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 10, 13, 224])
def test_activations_keep_their_variance(count):
    wavelengths = [None if i % 5 == 4 else 400.0 + 2100.0 * i / count for i in range(count)]
    placed = place_kernels(RGB, wavelengths)
    assert placed.shape == (32, count, 3, 3)
    generator = torch.Generator().manual_seed(1)
    before = torch.randn(4, 3, 40, 40, generator=generator)
    after = torch.randn(4, count, 40, 40, generator=generator)
    expected = torch.nn.functional.conv2d(before, RGB).var()
    found = torch.nn.functional.conv2d(after, placed).var()
    assert found.item() == pytest.approx(expected.item(), rel=0.05)
