import numpy as np
import pytest

from covermap.assessment.chip_statistics import chip_statistics, statistics_classifier


def test_statistics_are_those_of_the_valid_pixels_of_each_band():
    random = np.random.default_rng(0)
    values = random.random((2, 6, 6)).astype(np.float32)
    valid = random.random((2, 6, 6)) < 0.6
    spoilt = np.where(valid, values, np.nan)
    found = chip_statistics(spoilt, valid)
    assert found.shape == (14,)
    own = values[1][valid[1]].astype(float)
    assert found[7:9] == pytest.approx([own.mean(), own.std()])
    assert found[9:] == pytest.approx(np.percentile(own, (5, 25, 50, 75, 95)))
    assert np.isnan(chip_statistics(values, np.zeros_like(valid))).all()


@pytest.mark.parametrize("kind", ["logistic-regression", "random-forest"])
def test_chips_of_different_brightness_are_told_apart_the_same_way_each_time(kind):
    random = np.random.default_rng(1)
    classes = np.arange(24) % 2
    chips = [random.normal(0.2 + 0.3 * k, 0.05, (2, 8, 8)) for k in classes]
    features = np.array([chip_statistics(chip, np.ones((2, 8, 8), bool)) for chip in chips])
    features[3, :7] = np.nan
    models = [statistics_classifier(kind, 0).fit(features[:12], classes[:12]) for _ in range(2)]
    assert (models[0].predict(features[12:]) == classes[12:]).all()
    first, second = (model.predict_proba(features) for model in models)
    assert np.array_equal(first, second)


def test_an_unknown_classifier_is_refused():
    with pytest.raises(ValueError, match="no classifier 'svm'"):
        statistics_classifier("svm", 0)
