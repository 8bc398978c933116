"""Law 1: whether a pixel is valid is a mask beside the values; no value means "invalid"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.grid import whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import tiny_geobox, write_scene


def opened(tmp_path, values, **more):
    chosen = {key: more.pop(key) for key in ("settings",) if key in more}
    write_scene(tmp_path / "a.tif", bands=["B02", "B03"], values=values, **more)
    given_settings = ImagerySettings(path="a.tif", **chosen.get("settings", {}))
    scene = open_scenes(given_settings, tmp_path)[0]
    return scene.read(["B02", "B03"], whole(scene.geobox))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_exactly_the_nodata_pixels_are_invalid_band_by_band(tmp_path_factory, data):
    dtype = data.draw(st.sampled_from(["uint8", "int16", "uint16", "int32", "float32"]))
    low, high = (-9, 9) if dtype in ("int16", "int32", "float32") else (0, 9)
    nodata = data.draw(st.integers(low, high) | st.just(None))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = random.integers(low, high, (2, 6, 7), endpoint=True)
    raster = opened(tmp_path_factory.mktemp("a"), values, dtype=dtype, nodata=nodata)
    expected = np.ones(values.shape, bool) if nodata is None else values != nodata
    assert np.array_equal(raster.valid, expected)
    assert np.array_equal(raster.values[expected], values[expected])


@pytest.mark.parametrize("nodata", [None, float("nan"), -9999])
def test_nan_and_infinity_are_invalid_and_values_stay_finite(tmp_path, nodata):
    values = np.ones((2, 4, 5))
    values[0, 1, 1], values[1, 2, 2], values[1, 0, 0] = np.nan, np.inf, -np.inf
    raster = opened(tmp_path, values, dtype="float32", nodata=nodata)
    assert np.array_equal(raster.valid, np.isfinite(values))
    assert np.isfinite(raster.values).all()


def test_zero_is_a_value_like_any_other_without_a_declaration(tmp_path):
    raster = opened(tmp_path, np.zeros((2, 4, 5)))
    assert raster.valid.all()


def test_nodata_of_the_project_is_a_number_of_the_file_not_of_the_unit(tmp_path):
    values = np.full((2, 4, 5), 5000)
    values[:, 0, 0] = 255
    settings_given = {"scale": 1e-4, "nodata": 255}
    raster = opened(tmp_path, values, settings=settings_given)
    assert (~raster.valid).sum() == 2
    assert not raster.valid[:, 0, 0].any()


def test_nodata_that_the_dtype_cannot_hold_marks_nothing(tmp_path):
    raster = opened(tmp_path, np.ones((2, 4, 5)), dtype="uint8", settings={"nodata": -9999})
    assert raster.valid.all()


@pytest.mark.parametrize("how", [{"mask": True}, {"alpha": True, "dtype": "uint16"}])
def test_masks_and_alpha_forbid_all_bands(tmp_path, how):
    scene = open_scene(write_scene(tmp_path / "a.tif", bands=["B02", "B03"], **how))
    valid = scene.read(["B02", "B03"], whole(scene.geobox)).valid
    expected = np.ones((64, 80), bool)
    expected[:8, :10] = False
    assert np.array_equal(valid, np.stack([expected] * 2))


def test_validity_does_not_grow_by_resampling(tmp_path):
    fine, coarse = tiny_geobox(40, 40), tiny_geobox(20, 20, resolution=20)
    hole = np.random.default_rng(3).random((20, 20)) < 0.4
    values = np.where(hole, 0, 900)[None]
    write_scene(tmp_path / "B02.tif", bands=["B02"], geobox=fine, height=40, width=40)
    write_scene(tmp_path / "B11.tif", bands=["B11"], geobox=coarse, values=values, nodata=0)
    scene = open_scene(tmp_path)
    raster = scene.read(["B11"], whole(scene.geobox))
    assert np.array_equal(raster.valid[0], ~np.kron(hole, np.ones((2, 2), bool)))
    np.testing.assert_allclose(raster.values[raster.valid], 900, rtol=1e-6)


def test_clipping_forbids_and_changes_no_value(tmp_path):
    from shapely.geometry import box

    scene = open_scene(write_scene(tmp_path / "a.tif", nodata=0))
    window = whole(scene.geobox)
    clipped = scene.clipped(box(500_000, 4_999_700, 500_400, 5_000_000)).read(["B02"], window)
    plain = scene.read(["B02"], window)
    inside = np.zeros((64, 80), bool)
    inside[:30, :40] = True
    assert np.array_equal(clipped.valid[0], plain.valid[0] & inside)
    assert np.array_equal(clipped.values[clipped.valid], plain.values[clipped.valid])
