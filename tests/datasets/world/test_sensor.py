import numpy as np
import pytest

from covermap.core.grid import Window
from covermap.datasets.world.clouds import sky
from covermap.datasets.world.cover import cover
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.sensor import COARSE_BANDS, MARGIN_PX, OFFSET, SCALE, expose
from covermap.datasets.world.spectra import reflectance

WORLD = Window(0, 0, 400, 400)


def picture(window, bands=BANDS, seed=2):
    return expose(cover(window.expanded(MARGIN_PX), seed), WORLD, bands, seed)


@pytest.fixture(scope="module")
def shot():
    return picture(WORLD)


def test_bands_have_their_own_resolution(shot):
    for band, numbers in shot.numbers.items():
        assert numbers.shape == ((200, 200) if band in COARSE_BANDS else (400, 400))
        assert numbers.dtype == np.uint16
    assert shot.quality.shape == (200, 200)
    assert shot.quality.dtype == np.uint8


@pytest.mark.parametrize("window", [Window(0, 0, 64, 64), Window(202, 318, 50, 82)])
def test_windows_commute(shot, window):
    part = picture(window)
    rows, cols = window.slices
    half = (slice(rows.start // 2, rows.stop // 2), slice(cols.start // 2, cols.stop // 2))
    for band, numbers in part.numbers.items():
        cut = half if band in COARSE_BANDS else (rows, cols)
        np.testing.assert_array_equal(numbers, shot.numbers[band][cut], err_msg=band)
    np.testing.assert_array_equal(part.quality, shot.quality[half])


def test_numbers_are_those_of_baseline_four(shot):
    ground = cover(WORLD, 2)
    clear = np.isin(shot.quality, (4, 5, 6, 7)).repeat(2, axis=0).repeat(2, axis=1)
    truth = reflectance(ground, 2)[BANDS.index("B08")]
    measured = shot.numbers["B08"] * SCALE + OFFSET
    difference = (measured - truth)[clear]
    # Blur and noise average out; a lost offset would show as 0.1.
    assert abs(difference.mean()) < 0.002
    assert np.corrcoef(measured[clear], truth[clear])[0, 1] > 0.95


def test_all_bands_end_at_the_swath_together(shot):
    dark = shot.quality == 0
    assert 0.03 < dark.mean() < 0.06
    assert dark[-1, -1]
    assert not dark[0].any()
    for band, numbers in shot.numbers.items():
        expected = dark if band in COARSE_BANDS else dark.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(numbers == 0, expected, err_msg=band)


def test_quality_flags_cover_every_visible_cloud_and_shadow(shot):
    above = sky(WORLD, 2)
    lit = shot.quality.repeat(2, axis=0).repeat(2, axis=1)
    seen = lit != 0
    assert np.isin(lit[(above.cloud > 0.02) & seen], (8, 9)).all()
    assert np.isin(lit[(above.shadow > 0.03) & seen], (3, 8, 9)).all()
    # The margin is small: most of what is flagged has some cloud or shadow.
    flagged = np.isin(lit, (3, 8, 9))
    assert np.mean((above.cloud + above.shadow)[flagged] > 0) > 0.7


def test_a_subset_of_bands_has_the_same_numbers(shot):
    few = picture(WORLD, bands=("B11", "B02"))
    assert list(few.numbers) == ["B11", "B02"]
    np.testing.assert_array_equal(few.numbers["B02"], shot.numbers["B02"])


def test_edges_between_covers_are_mixed():
    window = Window(0, 0, 200, 200)
    seen = picture(window).numbers["B08"] * SCALE + OFFSET
    sharp = reflectance(cover(window, 2), 2)[BANDS.index("B08")]
    assert np.abs(np.diff(seen, axis=1)).mean() < 0.75 * np.abs(np.diff(sharp, axis=1)).mean()
