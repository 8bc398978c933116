import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import Resampling, reproject
from scipy.ndimage import map_coordinates

from covermap.core.errors import ImageryError
from covermap.core.grid import Window, whole
from covermap.imagery import sources
from covermap.imagery.places import centres_inside, window_around
from covermap.imagery.raster import Band
from covermap.imagery.sources import BandSource, read_codes, read_sources
from tiny import tiny_geobox, write_scene

FINE = tiny_geobox(40, 60, resolution=10)


def source(path, geobox, **more):
    return BandSource(Band("B11", "dn"), path, 1, geobox, **more)


def coarse_file(tmp_path, **more):
    box = tiny_geobox(20, 30, resolution=20)
    return write_scene(
        tmp_path / "B11.tif", bands=["B11"], geobox=box, height=20, width=30, **more
    ), box


def test_nested_grids_agree_with_scipys_linear_interpolation(tmp_path):
    path, box = coarse_file(tmp_path)
    values, valid = read_sources([source(path, box)], FINE, whole(FINE))
    with rasterio.open(path) as dataset:
        raw = dataset.read(1).astype(float)
    rows, cols = np.mgrid[0:40, 0:60]
    expected = map_coordinates(
        raw, [(rows + 0.5) / 2 - 0.5, (cols + 0.5) / 2 - 0.5], order=1, mode="nearest"
    )
    assert valid.all()
    np.testing.assert_allclose(values[0], expected, rtol=1e-6)


def test_another_crs_agrees_with_gdals_bilinear_warp(tmp_path):
    box = tiny_geobox(50, 50, resolution=20, crs=4326)
    path = write_scene(tmp_path / "geo.tif", bands=["B11"], geobox=box, height=50, width=50)
    x, y = 15.005, 44.995
    west, north = box.crs.transformer_to_crs("EPSG:32633")(x, y)
    target = GeoBox((12, 14), Affine(11, 0, west - 80, 0, -11, north + 70), "EPSG:32633")
    values, valid = read_sources([source(path, box)], target, whole(target))
    expected = np.zeros((12, 14), np.float32)
    with rasterio.open(path) as dataset:
        reproject(
            dataset.read(1).astype(np.float32), expected, src_transform=dataset.transform,
            src_crs=dataset.crs, dst_transform=target.affine, dst_crs="EPSG:32633",
            resampling=Resampling.bilinear, tolerance=0,
        )  # fmt: skip
    assert valid.all()
    np.testing.assert_allclose(values[0], expected, rtol=2e-3)


def test_invalid_neighbours_do_not_bleed_into_values(tmp_path):
    box = tiny_geobox(20, 30, resolution=20)
    data = np.full((1, 20, 30), 500)
    data[0, 5:9, 5:9] = 0
    path = write_scene(tmp_path / "B11.tif", bands=["B11"], geobox=box, values=data)
    values, valid = read_sources([source(path, box, nodata=(0.0,))], FINE, whole(FINE))
    assert np.array_equal(~valid[0], np.kron(data[0] == 0, np.ones((2, 2), bool)))
    np.testing.assert_allclose(values[0][valid[0]], 500, rtol=1e-6)


def test_codes_take_the_nearest_pixel_and_end_with_the_layer(tmp_path):
    box = tiny_geobox(10, 30, resolution=20)
    data = np.arange(300).reshape(1, 10, 30)
    path = write_scene(tmp_path / "SCL.tif", bands=["SCL"], geobox=box, values=data)
    codes, inside = read_codes(source(path, box), FINE, whole(FINE))
    assert inside[:20].all()
    assert not inside[20:].any()
    assert np.array_equal(codes[:20], np.kron(data[0], np.ones((2, 2), int)))


@pytest.mark.parametrize("cached", [1, 130, 2**16])
def test_scale_is_applied_in_double_precision(tmp_path, monkeypatch, cached):
    monkeypatch.setattr(sources, "_CACHED_NUMBERS", cached)
    path = write_scene(tmp_path / "B11.tif", bands=["B11"], height=40, width=60)
    values, _ = read_sources([source(path, FINE, scale=1e-4, offset=-0.1)], FINE, whole(FINE))
    with rasterio.open(path) as dataset:
        expected = dataset.read(1).astype(np.float64) * 1e-4 - 0.1
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0], expected.astype(np.float32))


def test_a_window_beyond_the_file_is_invalid(tmp_path):
    path = write_scene(tmp_path / "B11.tif", bands=["B11"], height=40, width=60)
    values, valid = read_sources([source(path, FINE)], FINE, Window(-3, 55, 10, 20))
    assert valid.sum() == 7 * 5
    assert values[~valid].max() == 0


def test_threads_read_the_same_as_one(tmp_path):
    path = write_scene(tmp_path / "B11.tif", bands=["B11"], height=40, width=60)
    windows = [Window(row, col, 7, 9) for row in range(0, 33, 4) for col in range(0, 50, 5)]
    one = [read_sources([source(path, FINE)], FINE, window)[0] for window in windows]
    with ThreadPoolExecutor(6) as pool:
        many = list(pool.map(lambda w: read_sources([source(path, FINE)], FINE, w)[0], windows))
    assert all(np.array_equal(a, b) for a, b in zip(one, many, strict=True))


def test_a_truncated_file_is_named_when_its_blocks_are_read(tmp_path):
    path = write_scene(tmp_path / "B11.tif", bands=["B11"], height=400, width=600)
    path.write_bytes(path.read_bytes()[:200_000])
    box = tiny_geobox(400, 600)
    with pytest.raises(ImageryError, match=r"B11\.tif"):
        read_sources([source(path, box)], box, whole(box))


@pytest.mark.parametrize("rescaled", [{}, {"scale": 2.0}])
def test_nodata_beyond_float32_is_masked_in_silence(tmp_path, rescaled):
    box = tiny_geobox(1, 3)
    values = np.array([-1.797e308, 1e300, 5])[None, None]
    path = write_scene(tmp_path / "a.tif", bands=["a"], values=values, dtype="float64")
    band = source(path, box, nodata=(-1.797e308,), **rescaled)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        read, valid = read_sources([band], box, whole(box))
    assert valid[0, 0].tolist() == [False, False, True]
    assert read[0, 0].tolist() == [0, 0, 5 * rescaled.get("scale", 1)]


def test_no_whole_number_is_infinite(tmp_path):
    box = tiny_geobox(1, 2)
    path = write_scene(tmp_path / "a.tif", bands=["a"], values=np.array([[[0, 65535]]]))
    _, valid = read_sources([source(path, box, nodata=(np.inf,))], box, whole(box))
    assert valid.all()


def in_degrees(shape, west, step=0.25, crs="EPSG:4326", turn=0):
    spun = Affine.rotation(turn) @ Affine.scale(step, -step)
    return GeoBox(shape, Affine.translation(west, 50) @ spun, crs)


def around(tmp_path, west, width=8, step=0.25):
    """A file of degrees from `west` on, with a hole, and the band in it."""
    box = in_degrees((4, width), west, step)
    values = np.arange(4 * width).reshape(1, 4, width) + 1
    values[0, 1, 2] = 0
    path = write_scene(tmp_path / f"{west}.tif", bands=["a"], geobox=box, values=values)
    return source(path, box, nodata=(0,))


@pytest.mark.parametrize("step", [0.25, 0.1, 0.07])
@pytest.mark.parametrize(("west", "other"), [(180, -180), (179, -181), (-180, 180), (10, 370)])
def test_longitudes_a_turn_apart_are_the_same_place(tmp_path, step, west, other):
    band = around(tmp_path, west, step=step)
    values, valid = read_sources([band], band.geobox, whole(band.geobox))
    grid = in_degrees((4, 8), other, step)
    turned, there = read_sources([band], grid, whole(grid))
    assert valid.sum() == there.sum() == 31
    np.testing.assert_allclose(turned, values, atol=1e-3)
    codes, inside = read_codes(band, grid, whole(grid))
    assert (inside == valid[0]).all()
    assert (codes == values[0]).all()
    assert centres_inside(band.geobox, whole(band.geobox), grid, whole(grid)).all()
    held = window_around(band.geobox, grid, whole(grid))
    assert (held.row_off, held.height) == (-1, 6)
    assert abs(held.col_off + 1) <= 1


@pytest.mark.parametrize("turn", [0, 5])
def test_a_grid_around_the_world_reads_both_ends_of_a_scene_across_its_edge(tmp_path, turn):
    band = around(tmp_path, 179)
    grid = in_degrees((4, 1440), -180, turn=turn)
    full, valid = read_sources([band], grid, whole(grid))
    assert valid[0, :, :100].any()
    assert valid[0, :, -100:].any() or turn
    for cut in (Window(0, 0, 4, 3), Window(1, 1430, 2, 10), Window(0, 2, 3, 1436)):
        values, there = read_sources([band], grid, cut)
        assert (there[0] == valid[0][cut.slices]).all()
        np.testing.assert_allclose(values[0], full[0][cut.slices], atol=1e-4)


def test_a_grid_in_metres_across_the_antimeridian_reads_both_sides(tmp_path):
    band = around(tmp_path, 179, step=0.25)
    x, y = band.geobox.crs.transformer_to_crs("EPSG:32601")(180.0, 49.5)
    grid = GeoBox((8, 8), Affine(5000, 0, x - 20_000, 0, -5000, y + 20_000), "EPSG:32601")
    _, valid = read_sources([band], grid, whole(grid))
    assert valid.sum() >= 62
