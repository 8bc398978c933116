"""How near pixels lie to those that a model learnt from."""

import dataclasses

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from covermap.bundle.applicability import Applicability, applicability_of
from covermap.bundle.folder import bundle_digest, read_applicability, read_bundle, write_bundle
from covermap.core.errors import BundleError
from oracle_predictors import tiny_bundle

WEIGHTS = {"w": np.zeros(1, np.float32)}


def test_distances_are_those_of_scikit_learn():
    generator = np.random.default_rng(3)
    pixels = generator.normal(size=(300, 5)).astype(np.float32)
    values = generator.normal(size=(9000, 5)).astype(np.float32)
    distances, _ = NearestNeighbors(n_neighbors=1).fit(pixels).kneighbors(values)
    for limit in np.quantile(distances, [0.1, 0.5, 0.9]):
        beyond = Applicability(pixels, float(limit)).beyond(values)
        # The median is a distance of its own: there rounding decides.
        clear = np.abs(distances[:, 0] - limit) > 1e-6
        assert (beyond == (distances[:, 0] > limit))[clear].all()


def test_the_limit_is_that_of_pixels_of_other_parts():
    generator = np.random.default_rng(4)
    chips = [generator.normal(size=(3, 20)).astype(np.float32) for _ in range(10)]
    distances = []
    for place, chip in enumerate(chips):
        others = np.concatenate([other for other in chips if other is not chip], axis=1)
        near, _ = NearestNeighbors(n_neighbors=1).fit(others.T).kneighbors(chips[place].T)
        distances.append(near[:, 0])
    lower, upper = np.percentile(np.concatenate(distances), [25, 75])
    found = applicability_of(chips)
    assert found.limit == pytest.approx(upper + 1.5 * (upper - lower), rel=1e-6)
    assert found.pixels.shape == (200, 3)


def test_more_of_a_kind_is_like_and_a_kind_of_another_colour_is_not():
    generator = np.random.default_rng(5)
    water, forest = np.array([-1.5, -1.0]), np.array([0.6, 0.4])

    def ground(middle, count):
        return (middle[:, None] + 0.2 * generator.normal(size=(2, count))).astype(np.float32)

    chips = [np.concatenate([ground(water, 10), ground(forest, 90)], axis=1) for _ in range(10)]
    found = applicability_of(chips)
    assert found.beyond(ground(water, 500).T).mean() < 0.25
    # Each band alone is as it was: only their combination is new.
    assert found.beyond(ground(np.array([-1.5, 0.4]), 500).T).mean() > 0.95


def test_values_that_all_parts_share_leave_room_for_small_differences():
    same = np.tile(np.array([[-1.0, 1.0]], np.float32), (3, 50))
    found = applicability_of([same, same])
    assert not found.beyond(same.T + 0.04).any()
    assert found.beyond(same.T + 0.2).all()


def test_hardly_any_ground_says_nothing():
    assert applicability_of([np.zeros((2, 0), np.float32)]) is None
    assert applicability_of([np.zeros((2, 49), np.float32)]) is None


def test_a_bundle_keeps_it_and_maps_do_not_depend_on_it(tmp_path):
    kept = applicability_of([np.random.default_rng(0).normal(size=(2, 60)).astype(np.float32)])
    written = write_bundle(tmp_path / "with", tiny_bundle(), WEIGHTS, applicability=kept)
    found = read_applicability(read_bundle(written.folder))
    np.testing.assert_array_equal(found.pixels, kept.pixels)
    assert found.limit == kept.limit
    without = write_bundle(tmp_path / "without", tiny_bundle(), WEIGHTS)
    assert read_applicability(without) is None
    assert bundle_digest(without.folder) == bundle_digest(written.folder)


def test_one_of_another_bundle_is_named(tmp_path):
    kept = Applicability(np.zeros((60, 5), np.float32), 1.0)
    written = write_bundle(tmp_path / "bundle", tiny_bundle(), WEIGHTS, applicability=kept)
    with pytest.raises(BundleError, match="expected pixels of 2 channels"):
        read_applicability(written)
    (tmp_path / "bundle" / "applicability.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="copy the whole bundle again"):
        read_applicability(dataclasses.replace(written))
