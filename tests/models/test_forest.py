import warnings

import numpy as np
import pytest

from covermap.core.errors import BundleError
from covermap.models import forest as module
from covermap.models.forest import (
    features_of,
    fit_forest,
    forest_from_bytes,
    forest_to_bytes,
    quotas,
)

pytestmark = pytest.mark.slow


def blobs(generator, centres, count):
    """Pixels of several classes round their own spectra."""
    values = np.concatenate(
        [generator.normal(centre, 0.02, (count, 3)).astype(np.float32) for centre in centres]
    )
    return values, np.repeat(np.arange(len(centres)), count)


def test_the_forest_finds_classes_that_spectra_tell_apart():
    values, index = blobs(np.random.default_rng(0), [0.1, 0.3, 0.5], 60)
    forest = fit_forest(values, index, 3, seed=0)
    unseen, truth = blobs(np.random.default_rng(1), [0.1, 0.3, 0.5], 40)
    predicted = forest.predict(unseen)
    assert predicted.dtype == np.int16
    assert (predicted == truth).mean() > 0.97


def test_classes_absent_from_training_keep_their_place():
    values, index = blobs(np.random.default_rng(0), [0.1, 0.5], 30)
    forest = fit_forest(values, np.array([1, 4])[index], 6, seed=0)
    assert set(forest.predict(values).tolist()) == {1, 4}


def test_one_class_alone_is_always_the_answer():
    forest = fit_forest(np.ones((5, 2), np.float32), np.full(5, 2), 3, seed=0)
    assert forest.predict(np.zeros((4, 2), np.float32)).tolist() == [2, 2, 2, 2]


def test_the_same_seed_gives_the_same_map_however_it_is_cut(monkeypatch):
    generator = np.random.default_rng(3)
    values, index = generator.random((400, 3), np.float32), generator.integers(4, size=400)
    unseen = generator.random((1000, 3), np.float32)
    whole = fit_forest(values, index, 4, seed=1).predict(unseen)
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 77)
    assert np.array_equal(whole, fit_forest(values, index, 4, 1).predict(unseen))


def test_classes_keep_their_frequencies_and_rare_ones_all_their_pixels():
    assert quotas(np.array([500, 20, 0])).tolist() == [500, 20, 0]
    assert quotas(np.array([3_000_000, 1_000_000, 700, 40_000])).tolist()[2:] == [700, 1_000]
    many, fewer, *_ = quotas(np.array([3_000_000, 1_000_000, 700, 40_000]))
    assert many == pytest.approx(3 * fewer, rel=1e-3)


def test_no_pixel_gets_no_class():
    forest = fit_forest(np.ones((5, 2), np.float32), np.zeros(5, int), 1, seed=0)
    assert forest.predict(np.zeros((0, 2), np.float32)).shape == (0,)


def test_training_pixels_must_fit_together():
    with pytest.raises(ValueError, match=r"\(N, F\)"):
        fit_forest(np.ones((5, 2), np.float32), np.zeros(4, int), 2, seed=0)
    with pytest.raises(ValueError, match=r"expected 0\.\.1"):
        fit_forest(np.ones((2, 2), np.float32), np.array([0, 2]), 2, seed=0)


def test_a_forest_comes_back_from_its_file_and_two_files_are_the_same_bytes():
    values, index = blobs(np.random.default_rng(0), [0.1, 0.3, 0.5], 60)
    one, two = (forest_to_bytes(fit_forest(values, index, 4, seed=0)) for _ in range(2))
    assert one == two
    again = forest_from_bytes(one, 4, 1, "here")
    unseen, _ = blobs(np.random.default_rng(1), [0.1, 0.3, 0.5], 40)
    made = fit_forest(values, index, 4, seed=0)
    assert np.array_equal(again.probabilities(unseen), made.probabilities(unseen))
    assert again.probabilities(unseen).shape == (120, 4)
    assert (again.probabilities(unseen)[:, 3] == 0).all()


def test_a_file_that_is_no_forest_is_refused():
    from sklearn.linear_model import LogisticRegression
    from skops.io import dumps

    with pytest.raises(BundleError, match="here: not readable"):
        forest_from_bytes(b"nonsense", 2, 1, "here")
    with pytest.raises(BundleError, match="expected a random forest"):
        forest_from_bytes(dumps(LogisticRegression()), 2, 1, "here")


def test_a_file_that_wants_code_to_run_is_refused():
    import os

    from skops.io import dumps

    with pytest.raises(BundleError, match="not readable as a random forest"):
        forest_from_bytes(dumps(os.system), 2, 1, "here")


def test_a_window_describes_the_surroundings():
    values = np.zeros((1, 9, 9), np.float32)
    values[0, 4, 4] = 9.0
    alone, wide = features_of(values, 1), features_of(values, 3)
    assert alone.shape == (9, 9, 1)
    assert wide.shape == (9, 9, 3)
    assert wide[3, 3].tolist() == pytest.approx([0.0, 1.0, np.sqrt(9 - 1)])
    assert wide[0, 0].tolist() == [0.0, 0.0, 0.0]


def test_what_is_warned_of_stays_as_it_was(monkeypatch):
    # Threads of scikit-learn race for the filters of the whole process.
    monkeypatch.setattr(module, "_PIXELS_AT_ONCE", 20)
    values, index = blobs(np.random.default_rng(0), [0.1, 0.3, 0.5], 60)
    fit_forest(values, index, 3, seed=0)  # scikit-learn adds a filter as it is loaded
    filters = warnings.filters
    fit_forest(values, index, 3, seed=0).predict(values)
    assert warnings.filters is filters
