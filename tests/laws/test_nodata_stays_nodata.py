"""Law 8: no invalid pixel gets a class, and no valid one becomes nodata.

The names D1 ... D47 are defects of other programs that must not be found here.
"""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import affine_transform
from shapely.geometry import Point, box

from covermap.core.errors import ImageryError
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from oracle_predictors import Constant, Convolutions, Echo, in_one_pass, tiny_bundle
from tiny import ArrayScene, tiny_geobox

TILES = MapSettings(tile=64, outputs=("confidence", "margin", "entropy", "probability"))
GRIDS = {
    "north_up": {},
    "south_up": {"south_up": True},
    "rotated": {"rotated": True},
    "geographic": {"crs": 4326},
    "picture": {"crs": None},
}


def to_scene_crs(pixels, geobox):
    """A geometry in pixels (x = column) carried to the coordinates of a grid."""
    affine = geobox.affine
    return affine_transform(pixels, [affine.a, affine.b, affine.d, affine.e, affine.c, affine.f])


def written(result):
    layers = {}
    for name, path in result.paths.items():
        with rasterio.open(path) as dataset:
            layers[name] = dataset.read(), dataset.nodata
    return layers


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    grid=st.sampled_from(sorted(GRIDS)),
    share=st.sampled_from([0.0, 0.02, 0.5, 0.98]),
    wide_ids=st.booleans(),
    seed=st.integers(0, 9),
)
def test_validity_of_the_map_is_validity_of_the_scene_d29_d31(
    tmp_path_factory, height, width, grid, share, wide_ids, seed
):
    rng = np.random.default_rng(seed)
    valid = rng.random((2, height, width)) >= share
    valid[:, 0, 0] = True
    # Nothing of what stands at invalid pixels may matter, 0 and huge numbers alike.
    values = np.where(valid, rng.normal(size=valid.shape), rng.choice([0, 1e30, -9999]))
    scene = ArrayScene(values, valid, tiny_geobox(height, width, **GRIDS[grid]), ("B02", "B03"))
    bundle = tiny_bundle(first_id=300 if wide_ids else 0)
    out = tmp_path_factory.mktemp("map") / "map.tif"
    result = map_scene(scene, bundle, Constant(), out, TILES)
    usable = valid.all(axis=0)
    assert result.valid_pixels == usable.sum()
    assert result.total_pixels == height * width
    for values_written, nodata in written(result).values():
        for band in values_written:
            np.testing.assert_array_equal(band != nodata, usable)


def test_class_zero_is_a_class_d31(tmp_path):
    scene = ArrayScene(np.zeros((1, 30, 30)), None, tiny_geobox(30, 30), ("B02",))
    result = map_scene(scene, tiny_bundle(("B02",)), Echo(), tmp_path / "map.tif", MapSettings())
    ids, nodata = written(result)["class"]
    assert nodata == 255
    assert (ids == 0).all()


def test_one_invalid_band_of_two_is_seen_as_the_training_mean(tmp_path):
    values = np.full((2, 20, 20), 3.0)
    valid = np.ones_like(values, bool)
    valid[1, :, :10] = False
    values[1, :, :10] = np.float32(1e30)
    predictor = Constant(halo=0)
    scene = ArrayScene(values, valid, tiny_geobox(20, 20), ("B02", "B03"))
    map_scene(scene, tiny_bundle(mean=1, std=4), predictor, tmp_path / "map.tif", MapSettings())
    seen = predictor.seen[0][0]
    assert (seen[1, :20, :10] == 0).all()
    assert (seen[1, :20, 10:20] == 0.5).all()
    assert (seen[0, :20, :20] == 0.5).all()
    assert (seen[:, 20:] == 0).all()


def test_empty_tiles_are_never_computed_d30(tmp_path):
    values = np.zeros((2, 200, 200), np.float32)
    valid = np.ones_like(values, bool)
    whole, half = Constant(halo=8), Constant(halo=8)
    geobox, bands = tiny_geobox(200, 200), ("B02", "B03")
    one = MapSettings(tile=64)
    map_scene(ArrayScene(values, valid, geobox, bands), tiny_bundle(), whole, tmp_path / "a", one)
    valid[:, :, 100:] = False
    scene = ArrayScene(values, valid, geobox, bands)
    result = map_scene(scene, tiny_bundle(), half, tmp_path / "b.tif", one)
    assert result.valid_pixels == 200 * 100
    assert half.tiles < 0.7 * whole.tiles


def test_a_scene_without_usable_pixels_is_an_error_of_one_line_d12_d30(tmp_path):
    valid = np.zeros((2, 50, 50), bool)
    scene = ArrayScene(np.zeros((2, 50, 50)), valid, tiny_geobox(50, 50), ("B02", "B03"), "fog")
    predictor = Constant()
    with pytest.raises(ImageryError, match=r"^fog: no usable pixel[^\n]*$"):
        map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings())
    assert predictor.tiles == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("grid", sorted(GRIDS))
def test_mapping_a_part_gives_the_very_pixels_of_the_whole_map_d15(tmp_path, grid):
    shape = (150, 190)
    geobox = tiny_geobox(*shape, **GRIDS[grid])
    values = np.random.default_rng(3).normal(size=(2, *shape)).astype(np.float32)
    scene = ArrayScene(values, None, geobox, ("B02", "B03"))
    pixels = Point(70, 60).buffer(38.3)
    ground = to_scene_crs(pixels, geobox)
    network = Convolutions(seed=3)
    whole = written(map_scene(scene, tiny_bundle(), network, tmp_path / "whole.tif", TILES))
    result = map_scene(scene, tiny_bundle(), network, tmp_path / "part.tif", TILES, ground)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    inside = np.hypot(cols + 0.5 - 70, rows + 0.5 - 60) < 38
    outside = np.hypot(cols + 0.5 - 70, rows + 0.5 - 60) > 38.6
    for name, (values_written, nodata) in written(result).items():
        for band, full in zip(values_written, whole[name][0], strict=True):
            np.testing.assert_array_equal(band[inside], full[inside])
            assert (band[outside] == nodata).all()
    assert result.valid_pixels == result.total_pixels


def test_a_wanted_area_of_one_tile_computes_one_tile_d15(tmp_path):
    geobox = tiny_geobox(300, 300)
    scene = ArrayScene(np.ones((2, 300, 300)), None, geobox, ("B02", "B03"))
    predictor = Constant(halo=8)
    ground = to_scene_crs(box(5, 5, 20, 20), geobox)
    chosen = MapSettings(tile=512)
    result = map_scene(scene, tiny_bundle(), predictor, tmp_path / "a.tif", chosen, ground)
    assert result.valid_pixels == 15 * 15
    assert result.total_pixels == 15 * 15
    predictor = Constant(halo=8)
    map_scene(scene, tiny_bundle(), predictor, tmp_path / "b.tif", MapSettings(tile=64), ground)
    # Small tiles go through the network in batches of 4, filled up with empty ones.
    assert predictor.tiles == 4
    assert sum(bool(values.any()) for batch in predictor.seen for values in batch) == 1


def test_an_area_beside_the_scene_is_an_error_of_one_line(tmp_path):
    geobox = tiny_geobox(30, 30)
    scene = ArrayScene(np.zeros((2, 30, 30)), None, geobox, ("B02", "B03"), "here")
    with pytest.raises(ImageryError, match=r"^here: the area to map lies outside[^\n]*$"):
        map_scene(
            scene, tiny_bundle(), Constant(), tmp_path / "map.tif", MapSettings(), box(0, 0, 1, 1)
        )


def test_invalid_ground_does_not_change_what_the_network_sees_of_valid_ground(tmp_path):
    rng = np.random.default_rng(4)
    values = rng.normal(size=(2, 120, 90)).astype(np.float32)
    valid = np.broadcast_to(rng.random((120, 90)) > 0.3, values.shape).copy()
    values[~valid] = np.float32(1e20)
    scene = ArrayScene(values, valid, tiny_geobox(120, 90), ("B02", "B03"))
    network = Convolutions(seed=4)
    result = map_scene(scene, tiny_bundle(), network, tmp_path / "map.tif", TILES)
    expected = 100 * in_one_pass(network, values, valid)
    percent = written(result)["probability"][0].astype(float)
    usable = valid.all(axis=0)
    assert np.abs(percent - expected)[:, usable].max() <= 0.51
