"""The ways from class activation maps to a class for each pixel."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from covermap.core.errors import BundleError, SplitError
from covermap.models.combiners import (
    LabelledMaps,
    Largest,
    Standardised,
    choose_labelled,
    combiner_from_dict,
    fit_regression,
    positions,
)


def noisy_maps(seed, chips=12, classes=3, side=10):
    """Maps that stand out by 1 where their class is; later classes are larger throughout."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, (chips, side, side))
    here = (truth[:, None] == np.arange(classes)[None, :, None, None]).astype(np.float32)
    level = 3.0 * np.arange(classes, dtype=np.float32)[None, :, None, None]
    maps = here + level + generator.normal(0, 0.3, here.shape).astype(np.float32)
    return maps, truth


def names(count):
    return [f"chip-{number}" for number in range(count)]


def fit(maps, truth, counted, **more):
    images = (LabelledMaps(*image) for image in zip(maps, truth, counted, strict=True))
    return fit_regression(images, names(len(maps)), maps.shape[1], seed=0, **more)


def fitted(seed=0, **more):
    maps, truth = noisy_maps(seed)
    return fit(maps, truth, np.ones(truth.shape, bool), **more)


def test_largest_takes_the_maps_as_they_are():
    maps, truth = noisy_maps(0)
    found = positions(Largest().scores(maps))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, maps.argmax(1))
    # The level that is larger everywhere wins everywhere.
    assert (found == truth).mean() < 0.4


@pytest.mark.parametrize("centre", ["mean", "median"])
def test_standardised_maps_forget_their_level_and_scale(centre):
    maps, truth = noisy_maps(0)
    combiner = Standardised(centre)
    scores = combiner.scores(maps)
    scaled = maps * np.array([1.0, 7.0, 0.1])[:, None, None] + np.array([5, -3, 0])[:, None, None]
    np.testing.assert_allclose(combiner.scores(scaled), scores, atol=1e-4)
    if centre == "mean":
        assert (positions(scores) == truth).mean() > 0.8
        np.testing.assert_allclose(scores.mean((2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(scores.std((2, 3)), 1, atol=1e-5)


def test_the_median_is_not_moved_by_a_bright_cell():
    maps = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    bright = maps.copy()
    bright[0, 0, 2, 2] = 1e6
    expected = (maps - 4) / 2
    np.testing.assert_allclose(Standardised("median").scores(maps), expected)
    scores = Standardised("median").scores(bright)
    np.testing.assert_allclose(scores[..., :2, :], expected[..., :2, :])


@pytest.mark.parametrize("centre", ["mean", "median"])
def test_a_map_that_is_the_same_everywhere_says_nothing(centre):
    maps = np.full((1, 2, 4, 4), 0.1, np.float32)
    assert (Standardised(centre).scores(maps) == 0).all()


@pytest.mark.parametrize("centre", ["mean", "median"])
def test_invalid_pixels_have_no_part_in_the_standard(centre):
    maps, _ = noisy_maps(0, chips=2)
    valid = np.ones((2, 10, 10), bool)
    valid[0, :3], valid[1] = False, False
    changed = np.where(valid[:, None], maps, 1e9).astype(np.float32)
    scores, other = (Standardised(centre).scores(values, valid) for values in (maps, changed))
    np.testing.assert_array_equal(scores[0, :, 3:], other[0, :, 3:])
    assert (scores[1] == 0).all()


def test_regression_beats_both_where_levels_and_noise_differ():
    unseen, truth = noisy_maps(1)
    combiner = fitted()
    regressed = (positions(combiner.scores(unseen)) == truth).mean()
    assert regressed > (positions(Standardised().scores(unseen)) == truth).mean() - 0.02
    assert regressed > 0.85
    assert combiner.reported_as == "weak + few dense labels"
    assert Largest().reported_as == Standardised().reported_as == "weak labels"


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_regression_is_that_of_scikit_learn_on_scaled_maps(classes):
    maps, truth = noisy_maps(2, classes=classes)
    combiner = fit(maps, truth, np.ones(truth.shape, bool))
    values = maps.transpose(0, 2, 3, 1).reshape(-1, classes).astype(np.float64)
    middle, scale = values.mean(0), values.std(0)
    model = LogisticRegression(max_iter=1000).fit((values - middle) / scale, truth.ravel())
    logits = combiner.scores(maps).transpose(0, 2, 3, 1).reshape(-1, classes)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    expected = model.predict_proba((values - middle) / scale)
    np.testing.assert_allclose(shares, expected, atol=1e-4)


def test_a_class_that_no_labelled_pixel_has_is_never_given():
    maps, truth = noisy_maps(0, classes=4)
    combiner = fit(maps, truth, truth != 2)
    assert combiner.bias[2] is None
    unseen, _ = noisy_maps(1, classes=4)
    assert set(np.unique(positions(combiner.scores(unseen)))) == {0, 1, 3}


def test_pixels_that_do_not_count_teach_nothing():
    maps, truth = noisy_maps(0)
    counted = np.random.default_rng(5).random(truth.shape) < 0.5
    wrong = np.where(counted, truth, 99)
    other = np.where(counted[:, None], maps, np.nan)
    one = fit(maps, truth, counted)
    assert one == fit(other, wrong, counted)


def test_a_chip_gives_at_most_so_many_pixels_and_the_seed_says_which():
    assert fitted(per_chip=20) == fitted(per_chip=20)
    assert fitted(per_chip=20) != fitted(per_chip=21)
    assert fitted(per_chip=100) == fitted(per_chip=10_000)


def test_one_class_is_not_enough():
    maps, truth = noisy_maps(0)
    with pytest.raises(SplitError, match=r"12 labelled chips hold 1 class.*expected 2 or more"):
        fit(maps, truth, truth == 1)


@pytest.mark.parametrize(
    "combiner", [Largest(), Standardised("mean"), Standardised("median"), fitted()]
)
def test_a_combiner_comes_back_from_json_as_it_was(combiner):
    facts = json.loads(json.dumps(combiner.to_dict(), allow_nan=False))
    assert combiner_from_dict(facts, "here") == combiner


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"kind": "forest"},
        {"kind": "standardised", "centre": "mode"},
        {"kind": "regressed", "weight": [[1.0, 2.0]], "bias": [0.0, 1.0], "chips": []},
        {"kind": "regressed", "weight": [["x"]], "bias": [0.0], "chips": []},
    ],
)
def test_what_is_no_combiner_is_named(facts):
    with pytest.raises(BundleError, match="here: combiner: ") as caught:
        combiner_from_dict(facts, "here")
    assert "\n" not in str(caught.value)


def test_labelled_chips_are_drawn_by_the_seed_alone():
    known = names(40)
    drawn = choose_labelled(known, 10, seed=3)
    assert len(set(drawn)) == 10
    assert list(drawn) == sorted(drawn)
    assert drawn == choose_labelled(known[::-1], 10, seed=3)
    assert drawn != choose_labelled(known, 10, seed=4)
    assert choose_labelled(known, 500, seed=0) == tuple(sorted(known))
