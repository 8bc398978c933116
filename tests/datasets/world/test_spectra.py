import numpy as np
import pytest

from covermap.core.grid import Window
from covermap.datasets.world.cover import BARE, BUILT_UP, FIELD, FOREST, WATER, cover
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.spectra import reflectance

OUTER = Window(0, 0, 360, 360)


@pytest.fixture(scope="module")
def ground():
    return cover(OUTER, seed=1)


@pytest.fixture(scope="module")
def seen(ground):
    return reflectance(ground, seed=1)


def ndvi(values):
    red, infrared = values[BANDS.index("B04")], values[BANDS.index("B08")]
    return (infrared - red) / (infrared + red)


def test_reflectance_is_physical(seen):
    assert seen.shape == (10, 360, 360)
    assert seen.dtype == np.float32
    assert seen.min() > 0
    assert np.quantile(seen, 0.999) < 0.7


def test_windows_commute(ground, seen):
    inner = Window(120, 77, 60, 90)
    np.testing.assert_array_equal(reflectance(ground.cut(inner), 1), seen[:, 120:180, 77:167])


def test_covers_look_as_the_field_knows_them(ground, seen):
    index = ndvi(seen)
    assert np.median(index[ground.ids == FOREST]) > 0.7
    assert np.median(index[ground.ids == BARE]) < 0.3
    assert np.median(index[ground.ids == WATER]) < 0
    swir, infrared = seen[BANDS.index("B11")], seen[BANDS.index("B08")]
    assert np.median((swir / infrared)[ground.ids == WATER]) < 1
    assert np.median((swir / infrared)[ground.ids == BARE]) > 1.1
    assert np.median(seen[0][ground.ids == FOREST]) < np.median(seen[0][ground.ids == BUILT_UP])


def test_some_fields_look_like_bare_ground(ground, seen):
    bare_looking = ndvi(seen)[ground.ids == FIELD] < 0.3
    assert 0.1 < bare_looking.mean() < 0.6


def test_a_parcel_varies_less_than_its_class(ground, seen):
    field = ground.ids == FIELD
    infrared = seen[BANDS.index("B08")]
    keys, inverse = np.unique(ground.patch[field], return_inverse=True)
    sums = np.bincount(inverse, infrared[field])
    counts = np.bincount(inverse)
    within = infrared[field] - (sums / counts)[inverse]
    assert len(keys) > 100
    assert within.std() < 0.6 * infrared[field].std()


def test_neighbouring_bands_vary_together(ground, seen):
    forest = ground.ids == FOREST
    one, other = seen[BANDS.index("B07")][forest], seen[BANDS.index("B08")][forest]
    assert np.corrcoef(one, other)[0, 1] > 0.9
