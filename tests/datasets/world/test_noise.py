import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.cover import coordinates

SOURCE = noise.stream(3, "test")
OUTER = Window(-40, -30, 90, 110)


def bent(window):
    x, y = coordinates(window)
    return x + 5.0 * noise.smooth(x, y, 11.0, SOURCE), y + 0.0 * x


def test_streams_of_other_names_and_seeds_differ():
    streams = {noise.stream(seed, name) for seed in range(20) for name in ("a", "b", "aa")}
    assert len(streams) == 60


def test_stream_is_the_same_in_every_process():
    digest = hashlib.blake2b(b"0/lake", digest_size=8).digest()
    assert noise.stream(0, "lake") == int.from_bytes(digest, "big")


def test_uniform_numbers_fill_the_unit_interval_evenly():
    values = noise.uniform(SOURCE, np.arange(200)[:, None], np.arange(200)[None, :])
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    assert counts.sum() == 40_000
    assert np.all(np.abs(counts - 4000) < 300)


def test_normal_numbers_have_mean_zero_and_deviation_one():
    values = noise.normal(SOURCE, np.arange(200)[:, None], np.arange(200)[None, :])
    assert abs(values.mean()) < 0.02
    assert abs(values.std() - 1) < 0.02
    assert np.abs(values).max() < 3.5


def test_neighbouring_keys_are_not_correlated():
    values = noise.uniform(SOURCE, np.arange(-150, 150)[:, None], np.arange(-150, 150)[None, :])
    for one, other in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_smooth_noise_is_the_random_number_at_lattice_points():
    points = np.arange(-3, 4) * 8.0
    values = noise.smooth(points[None, :], points[:, None], 8.0, SOURCE)
    keys = np.arange(-3, 4)
    expected = noise.uniform(SOURCE, keys[:, None], keys[None, :]) * 2 - 1
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_smooth_noise_has_no_jumps():
    x, y = coordinates(Window(0, 0, 64, 64))
    values = noise.smooth(x, y, 16.0, SOURCE)
    # The quintic's steepest slope is 15/8 over a period; the numbers span at most 2.
    assert np.abs(np.diff(values, axis=0)).max() <= 2 * 15 / 8 / 16


def test_scattered_points_agree_with_the_grid():
    x, y = coordinates(OUTER)
    grid = noise.smooth(x, y, 7.0, SOURCE)
    full_x, full_y = np.broadcast_arrays(x, y)
    np.testing.assert_array_equal(noise.smooth(full_x, full_y, 7.0, SOURCE), grid)


@pytest.mark.parametrize("octaves", [1, 4])
def test_fractal_noise_stays_within_one(octaves):
    x, y = coordinates(OUTER)
    assert np.abs(noise.fractal(x, y, 9.0, octaves, SOURCE)).max() <= 1


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 80), st.integers(0, 100), st.integers(1, 10), st.integers(1, 10))
def test_windows_commute(row, col, height, width):
    inner = Window(OUTER.row_off + row, OUTER.col_off + col, height, width)
    cut = inner.relative_to(OUTER).slices
    strewn = noise.Scatter(20.0, 0.6, 3.0, 11.0)
    fields = (
        lambda w: noise.smooth(*coordinates(w), 13.0, SOURCE),
        lambda w: noise.fractal(*bent(w), 13.0, 3, SOURCE),
        lambda w: noise.blobs(*bent(w), strewn, SOURCE).inside,
        lambda w: noise.blobs(*bent(w), strewn, SOURCE).key,
        lambda w: (cells := noise.mosaic(*bent(w), 9.0, SOURCE)).key[cells.index],
    )
    for make in fields:
        np.testing.assert_array_equal(make(inner), make(OUTER)[cut])


def test_each_pixel_belongs_to_a_near_site():
    x, y = np.broadcast_arrays(*coordinates(OUTER))
    cells = noise.mosaic(x, y, 10.0, SOURCE)
    distance = np.hypot(x - cells.x[cells.index], y - cells.y[cells.index])
    every = np.hypot(x[..., None] - cells.x, y[..., None] - cells.y).min(axis=-1)
    # Only the nine nearest squares are looked at, which hardly ever misses the nearest site.
    assert np.mean(distance == every) > 0.995
    assert distance.max() < 15


def test_blobs_reach_their_radius_and_no_further():
    x, y = np.broadcast_arrays(*coordinates(OUTER))
    strewn = noise.Scatter(60.0, 1.0, 8.0, 8.0)
    found = noise.blobs(x, y, strewn, SOURCE)
    _, counts = np.unique(found.key[found.inside > 0], return_counts=True)
    assert counts.max() == pytest.approx(np.pi * 64, rel=0.05)
    assert np.all(found.inside <= 1)
    assert np.all(found.key[found.inside == -1] == 0)
