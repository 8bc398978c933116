import numpy as np
import pytest

from covermap.core.grid import Window
from covermap.datasets.world.clouds import SHADOW_PX, Sky, sky

OUTER = Window(0, 0, 500, 500)


@pytest.fixture(scope="module")
def above():
    return sky(OUTER, seed=2)


def test_windows_commute(above):
    inner = Window(333, 95, 120, 71)
    cut = inner.slices
    np.testing.assert_array_equal(sky(inner, 2).cloud, above.cloud[cut])
    np.testing.assert_array_equal(sky(inner, 2).shadow, above.shadow[cut])


def test_clouds_cover_some_of_the_ground(above):
    share = np.mean((above.cloud > 0) | (above.shadow > 0))
    assert 0.02 < share < 0.15
    assert above.cloud.max() == 1


def test_clouds_have_soft_edges(above):
    assert np.abs(np.diff(above.cloud, axis=1)).max() < 0.6
    thin = (above.cloud > 0) & (above.cloud < 1)
    assert thin.sum() > 0.1 * (above.cloud == 1).sum()


def test_shadow_is_the_cloud_thrown_aside(above):
    down, right = (int(part) for part in SHADOW_PX)
    moved = above.cloud[-down:, -right:]
    np.testing.assert_allclose(above.shadow[:down, :right], 0.9 * moved, atol=1e-5)


def test_clouds_brighten_and_shadows_darken():
    ground = np.full((10, 1, 3), 0.2, np.float32)
    cloud, shadow = np.array([[0, 1, 0]]), np.array([[0, 0, 0.9]])
    seen = Sky(cloud.astype(np.float32), shadow.astype(np.float32)).over(ground)
    np.testing.assert_allclose(seen[:, 0, 0], 0.2)
    assert np.all(seen[:, 0, 1] > 0.35)
    assert np.all(seen[:, 0, 2] < 0.15)
