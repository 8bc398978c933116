"""Cloud counted in the quality layer's own pixels."""

import numpy as np
import pytest
import shapely

from covermap.core.errors import ImageryError
from covermap.core.grid import Window
from covermap.imagery import mosaic
from covermap.imagery.file_scene import FileScene
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.quality import cloud_share
from covermap.imagery.settings import ImagerySettings
from tiny import tiny_geobox, write_scene


def scene_with_scl(folder, cloudy, resolution=20, shift=(0, 0), side=64):
    """Bands of 10 m with an SCL of its own resolution, 9 where `cloudy` (H, W)."""
    fine = tiny_geobox(side, side)
    coarse = tiny_geobox(*cloudy.shape, resolution)
    coarse = coarse.translate_pix(*shift)
    write_scene(folder / "B02.tif", bands=["B02"], geobox=fine, height=side, width=side, scale=1e-4)
    scl = np.where(cloudy, 9, 4)[None]
    write_scene(folder / "SCL.tif", bands=["SCL"], geobox=coarse, values=scl, dtype="uint8")
    return open_scene(folder)


@pytest.mark.parametrize(("cloudy", "above"), [(153, False), (154, True)])
def test_fifteen_percent_of_a_64_px_chip_are_154_of_its_1024_scl_pixels(tmp_path, cloudy, above):
    mask = np.zeros(1024, bool)
    mask[np.random.default_rng(0).permutation(1024)[:cloudy]] = True
    scene = scene_with_scl(tmp_path, mask.reshape(32, 32))
    share = cloud_share(scene, Window(0, 0, 64, 64))
    assert share == cloudy / 1024
    assert (share > 0.15) is above


def test_a_layer_that_is_not_nested_counts_by_centres(tmp_path):
    mask = np.zeros((22, 22), bool)
    mask[:, :6] = True
    # The layer begins a third of its pixel left of the scene: 6 centres of 30 m would be 18 px.
    scene = scene_with_scl(tmp_path, mask, resolution=30, shift=(-1 / 3, -1 / 3))
    # Centres lie at 0.5 + 3 k px: in columns 0..31 there are 11, of which 6 are cloudy.
    assert cloud_share(scene, Window(0, 0, 32, 32)) == pytest.approx(6 / 11)
    resampled = scene.cloud(Window(0, 0, 32, 32)).mean()
    assert resampled == pytest.approx(17 / 32)


def test_a_chip_without_any_centre_of_the_layer_counts_its_own_pixels(tmp_path):
    mask = np.array([[True, False]])
    scene = scene_with_scl(tmp_path, mask, resolution=640)
    assert cloud_share(scene, Window(0, 0, 16, 16)) == 1
    assert cloud_share(scene, Window(48, 0, 16, 16)) == 1


def test_ground_beyond_the_scene_counts_as_nothing(tmp_path):
    mask = np.zeros((32, 32), bool)
    mask[-8:] = True
    scene = scene_with_scl(tmp_path, mask)
    assert cloud_share(scene, Window(32, 0, 96, 96)) == 0.5
    assert cloud_share(scene, Window(64, 0, 32, 32)) == 0


def test_outside_an_area_there_is_no_cloud(tmp_path):
    scene = scene_with_scl(tmp_path, np.ones((32, 32), bool))
    left, top = scene.geobox.affine @ (0, 0)
    half = scene.clipped(shapely.box(left, top - 640, left + 320, top))
    assert cloud_share(half, Window(0, 0, 64, 64)) == 0.5


def test_without_a_layer_there_is_no_cloud(tmp_path):
    scene = open_scene(write_scene(tmp_path / "a.tif"))
    assert scene.cloud_grid is None
    assert cloud_share(scene, Window(0, 0, 32, 32)) == 0


def test_adjoining_tiles_count_the_cloud_of_both_layers(tmp_path):
    for name, first in (("a", 0), ("b", 64)):
        box = tiny_geobox(64, 128)[:, first : first + 64]
        quality = np.zeros((1, 64, 64), np.uint8)
        quality[:, :, :16] = first + 1
        values = np.concatenate([np.full((1, 64, 64), 500), quality])
        write_scene(tmp_path / f"{name}.tif", bands=["red", "fmask"], geobox=box, values=values)
    settings = ImagerySettings(
        path=["a.tif", "b.tif"], quality={"band": "fmask", "invalid": [1, 65]}
    )
    (scene,) = open_scenes(settings, tmp_path)
    assert scene.geobox.shape == (64, 128)
    assert cloud_share(scene, Window(0, 0, 64, 64)) == 0.25
    assert cloud_share(scene, Window(0, 48, 32, 32)) == 0.5


@pytest.mark.parametrize("crs", [32633, 4326])
def test_cloud_is_asked_of_the_tiles_under_a_window_alone(tmp_path, monkeypatch, crs):
    whole_box = tiny_geobox(32, 256, crs=crs)
    for first in range(0, 256, 32):
        values = np.stack([np.full((32, 32), 500), np.full((32, 32), first % 64 > 0)])
        box = whole_box[:, first : first + 32]
        path = tmp_path / f"{first:03}.tif"
        write_scene(path, bands=["red", "fmask"], geobox=box, values=values)
    (scene,) = open_scenes(ImagerySettings(path="*.tif", quality={"band": "fmask"}), tmp_path)
    asked, looked_up = [], []
    read, look_up = FileScene.cloud_on, mosaic.centres_inside
    monkeypatch.setattr(FileScene, "cloud_on", lambda t, *a: (asked.append(t.name), read(t, *a))[1])
    monkeypatch.setattr(mosaic, "centres_inside", lambda *a: (looked_up.append(a), look_up(*a))[1])
    expected = np.repeat(np.arange(8) % 2 > 0, 32)
    assert (scene.cloud(Window(0, 0, 32, 256)) == expected).all()
    asked.clear()
    looked_up.clear()
    window = Window(3, 40, 20, 50)
    assert (scene.cloud(window) == expected[40:90]).all()
    assert asked == ["032", "064"]
    assert len(looked_up) <= 3
    asked.clear()
    other = tiny_geobox(32, 256, resolution=5, crs=crs)
    assert (scene.cloud_on(other, Window(0, 80, 20, 100)) == expected[40:90].repeat(2)).all()
    assert asked == ["032", "064"]


def test_tiles_without_quality_layers_are_not_asked_for_cloud(tmp_path, monkeypatch):
    for first in (0, 32):
        write_scene(tmp_path / f"{first}.tif", geobox=tiny_geobox(32, 64)[:, first : first + 32])
    (scene,) = open_scenes(ImagerySettings(path="*.tif"), tmp_path)
    monkeypatch.setattr(FileScene, "cloud_on", None)
    assert not scene.cloud(Window(-5, -5, 100, 100)).any()


def masked(folder, mask, dtype, nodata=None, **quality):
    """Usable pixels of a row that a mask (W,) in a file of its own is laid over."""
    mask = np.asarray(mask)
    write_scene(folder / "a.tif", height=1, width=len(mask), bands=["red"])
    layer = folder / "mask.tif"
    values = mask[None, None]
    write_scene(layer, bands=["m"], values=values, dtype=dtype, nodata=nodata, descriptions=False)
    settings = ImagerySettings(path="a.tif", quality={"path": "mask.tif", **quality})
    (scene,) = open_scenes(settings, folder)
    window = Window(0, 0, 1, len(mask))
    return scene.read(["red"], window).valid[0, 0], scene.cloud(window)[0]


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("float32", np.nan), ("float64", -1.797e308), ("uint8", 255), ("int16", -1), ("float32", 9)],
)
@pytest.mark.parametrize("quality", [{}, {"invalid": [1]}])
def test_nodata_of_a_layer_is_never_clear(tmp_path, dtype, nodata, quality):
    usable, cloudy = masked(tmp_path, [nodata, 0, 1, nodata], dtype, nodata, **quality)
    assert usable.tolist() == [False, True, False, False]
    assert cloudy.tolist() == [False, False, True, False]


def test_no_number_in_a_layer_is_never_clear(tmp_path):
    usable, _ = masked(tmp_path, [np.nan, 0, np.inf, 1], "float32", invalid=[1])
    assert usable.tolist() == [False, True, False, False]


def test_zero_declared_nodata_is_ground_without_a_mark(tmp_path):
    usable, _ = masked(tmp_path, [0, 1], "uint8", 0)
    assert usable.tolist() == [True, False]
    usable, _ = masked(tmp_path, [0, 1, 2], "uint8", 0, invalid=[1])
    assert usable.tolist() == [False, False, True]


@pytest.mark.parametrize("share", [0.9, 1e300])
def test_shares_are_no_codes(tmp_path, share):
    with pytest.raises(ImageryError, match=r"mask.tif: quality: band 1 holds shares \(.*gdal_calc"):
        masked(tmp_path, [0, share], "float64")


@pytest.mark.parametrize("coarse", [10, 20])
def test_a_layer_tells_nothing_where_its_own_mask_says_so(tmp_path, coarse):
    write_scene(tmp_path / "a.tif", bands=["B02"], height=64, width=64, scale=1e-4)
    side = 640 // coarse
    codes = np.full((1, side, side), 4)
    codes[0, -1] = 9
    box = tiny_geobox(side, side, coarse)
    path = tmp_path / "scl.tif"
    write_scene(path, bands=["x"], geobox=box, values=codes, dtype="uint8", mask=True)
    settings = ImagerySettings(path="a.tif", quality={"path": "scl.tif"})
    (scene,) = open_scenes(settings, tmp_path)
    known = np.ones((side, side), bool)
    known[:8, :10] = False
    known[-1] = False
    expected = np.kron(known, np.ones((coarse // 10,) * 2, bool))
    assert (scene.read(["B02"], Window(0, 0, 64, 64)).valid[0] == expected).all()
