"""Statistics of channels, compared with numpy over all pixels at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.chips.statistics import Statistics, statistics_of
from covermap.core.errors import ImageryError


def test_zero_is_at_most_three_spreads_away():
    mean, std = np.array([90.0, 300.0, -20.0, 5.0]), np.array([60.0, 3.0, 4.0, 1e-6])
    assert Statistics(mean, std, mean, mean).zeros == pytest.approx((-1.5, -3.0, 3.0, -3.0))


def random_chips(number, seed, base=0.0, spread=1.0):
    random = np.random.default_rng(seed)
    values = base + spread * random.normal(size=(number, 2, 8, 8))
    return values.astype(np.float32), random.random(values.shape) < 0.6


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    number=st.integers(1, 6),
    seed=st.integers(0, 1000),
    base=st.sampled_from([0.0, 0.3, 300.0, 1e5]),
    spread=st.sampled_from([1e-3, 1.0, 50.0]),
)
def test_mean_and_spread_are_those_of_all_valid_pixels(number, seed, base, spread):
    values, valid = random_chips(number, seed, base, spread)
    found = statistics_of(zip(values, valid, strict=True), ("a", "b"))
    for band in range(2):
        pixels = values[:, band][valid[:, band]].astype(np.float64)
        np.testing.assert_allclose(found.mean[band], pixels.mean(), rtol=1e-12)
        np.testing.assert_allclose(
            found.std[band], max(pixels.std(), 1e-6 * abs(pixels.mean())), rtol=1e-7
        )
        np.testing.assert_allclose(
            [found.low[band], found.high[band]], np.percentile(pixels, [1, 99]), rtol=1e-6
        )


def test_what_is_not_valid_changes_nothing():
    values, valid = random_chips(3, seed=1)
    spoilt = np.where(valid, values, np.float32(1e30))
    one = statistics_of(zip(values, valid, strict=True), ("a", "b"))
    other = statistics_of(zip(spoilt, valid, strict=True), ("a", "b"))
    for name in ("mean", "std", "low", "high"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_normalised_training_pixels_have_mean_zero_and_spread_one():
    values, valid = random_chips(4, seed=2, base=0.2, spread=0.05)
    found = statistics_of(zip(values, valid, strict=True), ("a", "b"))
    pixels = np.stack([found.normalise(v, m) for v, m in zip(values, valid, strict=True)])
    assert pixels.dtype == np.float32
    assert np.all(pixels[~valid] == 0)
    for band in range(2):
        assert pixels[:, band][valid[:, band]].mean() == pytest.approx(0, abs=1e-5)
        assert pixels[:, band][valid[:, band]].std() == pytest.approx(1, abs=1e-5)


def test_a_band_that_does_not_vary_gives_no_infinity():
    values = np.full((1, 1, 4, 4), 0.25, np.float32)
    found = statistics_of([(values[0], np.ones((1, 4, 4), bool))], ("a",))
    assert found.std[0] > 0
    assert np.all(found.normalise(values[0], np.ones((1, 4, 4), bool)) == 0)


@pytest.mark.parametrize("scale", [1e-9, 1e-20, 1e-37])
def test_a_band_of_small_numbers_varies(scale):
    values, valid = random_chips(4, seed=2, base=5.0, spread=1.0)
    found = statistics_of(zip(values * np.float32(scale), valid, strict=True), ("a", "b"))
    small = found.normalise(values[0] * np.float32(scale), valid[0])
    plain = statistics_of(zip(values, valid, strict=True), ("a", "b"))
    np.testing.assert_allclose(small, plain.normalise(values[0], valid[0]), atol=1e-3)


def test_nan_where_a_value_is_not_valid_stays_outside():
    found = Statistics(np.zeros(1), np.ones(1), np.zeros(1), np.ones(1))
    values = np.array([[[np.nan, 2.0]]], np.float32)
    assert found.normalise(values, ~np.isnan(values)).tolist() == [[[0.0, 2.0]]]


def test_a_band_without_a_valid_pixel_is_named():
    values, valid = random_chips(2, seed=3)
    valid[:, 1] = False
    with pytest.raises(ImageryError, match="band b has no valid pixel on the training ground"):
        statistics_of(zip(values, valid, strict=True), ("a", "b"))


def test_percentiles_of_many_chips_are_close_though_only_some_pixels_are_kept():
    random = np.random.default_rng(4)
    values = random.gamma(2.0, 0.1, (20, 1, 64, 64)).astype(np.float32)
    valid = np.ones_like(values, bool)
    found = statistics_of(zip(values, valid, strict=True), ("a",))
    low, high = np.percentile(values, [1, 99])
    assert found.low[0] == pytest.approx(low, rel=0.1)
    assert found.high[0] == pytest.approx(high, rel=0.05)
