"""Law 5: reading and index computing by window equals doing it whole and cutting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.grid import Window, whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import tiny_geobox, write_scene

HEIGHT, WIDTH = 46, 58
NAMES = ["B02", "B08", "B04", "B11", "ndvi", "nbr", "B12"]

windows = st.builds(
    Window,
    st.integers(-9, HEIGHT + 3),
    st.integers(-9, WIDTH + 3),
    st.integers(1, HEIGHT + 9),
    st.integers(1, WIDTH + 9),
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """10 m bands, a 20 m band and quality layer, and a 30 m band in another CRS, with holes."""
    folder = tmp_path_factory.mktemp("mixed")
    fine, coarse = tiny_geobox(HEIGHT, WIDTH), tiny_geobox(23, 29, resolution=20)
    other = fine.to_crs("EPSG:32632", resolution=30)
    random = np.random.default_rng(5)
    for seed, band in enumerate(("B02", "B04", "B08")):
        values = random.integers(200, 3000, (1, HEIGHT, WIDTH))
        values[0, random.random((HEIGHT, WIDTH)) < 0.1] = 0
        write_scene(folder / f"{band}.tif", bands=[band], geobox=fine, values=values, nodata=0,
                    scale=1e-4, seed=seed)  # fmt: skip
    for band, box in (("B11", coarse), ("B12", other)):
        values = random.integers(200, 3000, (1, *box.shape))
        values[0, random.random(box.shape) < 0.1] = 0
        write_scene(folder / f"{band}.tif", bands=[band], geobox=box, values=values, nodata=0,
                    scale=1e-4)  # fmt: skip
    scl = random.choice([4, 5, 9], (1, 23, 29))
    write_scene(folder / "SCL.tif", bands=["SCL"], geobox=coarse, values=scl, dtype="uint8")
    scene = open_scene(folder)
    return scene, scene.read(NAMES, whole(scene.geobox)), scene.cloud(whole(scene.geobox))


def assert_cut(raster, full, window):
    inner = window.intersection(whole(full.geobox))
    valid = np.zeros(raster.valid.shape, bool)
    if inner is not None:
        target = (slice(None), *inner.relative_to(window).slices)
        source = (slice(None), *inner.slices)
        valid[target] = full.valid[source]
        both = full.valid[source]
        np.testing.assert_allclose(
            raster.values[target][both], full.values[source][both], rtol=1e-6, atol=1e-6
        )
    assert np.array_equal(raster.valid, valid)
    assert np.isfinite(raster.values).all()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(window=windows)
def test_mixed_resolutions_and_indices_read_by_window_as_whole(mixed, window):
    scene, full, cloud = mixed
    assert full.valid.mean() > 0.3
    assert_cut(scene.read(NAMES, window), full, window)
    inner = window.intersection(whole(scene.geobox))
    if inner is not None:
        by_window = scene.cloud(window)[inner.relative_to(window).slices]
        assert np.array_equal(by_window, cloud[inner.slices])


@pytest.fixture(scope="module")
def tiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiled")
    box = tiny_geobox(HEIGHT, WIDTH)
    for number, part in enumerate([np.s_[0:30, 0:30], np.s_[0:30, 26:58], np.s_[24:46, 10:58]]):
        tile = box[part]
        write_scene(folder / f"t{number}.tif", bands=["B02", "B08"], geobox=tile, nodata=0,
                    height=tile.shape[0], width=tile.shape[1], seed=number)  # fmt: skip
    scenes = open_scenes(ImagerySettings(path=str(folder), scale=1e-4), folder)
    assert len(scenes) == 1
    return scenes[0], scenes[0].read(["B02", "B08"], whole(scenes[0].geobox))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(window=windows)
def test_mosaics_read_by_window_as_whole(tiled, window):
    scene, full = tiled
    assert_cut(scene.read(["B02", "B08"], window), full, window)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(window=windows)
def test_clipping_by_window_is_clipping_whole(mixed, window):
    from shapely.geometry import Point

    scene = mixed[0].clipped(Point(500_300, 4_999_750).buffer(170.3))
    full = scene.read(["B02", "B11"], whole(scene.geobox))
    assert 0 < full.valid.mean() < 0.6
    assert_cut(scene.read(["B02", "B11"], window), full, window)
