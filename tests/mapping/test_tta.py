import numpy as np
import pytest

from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from covermap.mapping.tta import AveragingPredictor
from oracle_predictors import Constant, Convolutions, tiny_bundle
from tiny import ArrayScene, tiny_geobox

VALUES = np.random.default_rng(0).normal(size=(2, 2, 32, 48)).astype(np.float32)


def test_the_eight_symmetries_of_the_square_are_averaged_each_once():
    inner = Convolutions()
    total = 0.0
    for values in (VALUES, VALUES.swapaxes(2, 3)):
        for rows in (1, -1):
            for cols in (1, -1):
                shares = inner.probabilities(values[:, :, ::rows, ::cols])[:, :, ::rows, ::cols]
                total = total + (shares if values is VALUES else shares.swapaxes(2, 3))
    found = AveragingPredictor(inner).probabilities(VALUES)
    np.testing.assert_allclose(found, total / 8, atol=1e-6)
    assert np.abs(found - inner.probabilities(VALUES)).max() > 1e-3


def test_a_turned_scene_gives_the_turned_answer():
    predictor = AveragingPredictor(Convolutions())
    turned = predictor.probabilities(np.rot90(VALUES, axes=(2, 3)))
    expected = np.rot90(predictor.probabilities(VALUES), axes=(2, 3))
    np.testing.assert_allclose(turned, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(70, 130), (64, 64)])
def test_a_constant_answer_stays_constant(tmp_path, shape):
    scene = ArrayScene(np.zeros((2, *shape)), None, tiny_geobox(*shape), ("B02", "B03"))
    predictor = AveragingPredictor(Constant())
    result = map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings(tile=64))
    assert result.class_pixels[1] == shape[0] * shape[1]
