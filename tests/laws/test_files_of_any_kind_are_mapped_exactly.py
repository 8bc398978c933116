"""Laws 7 and 8 from file to file: any dtype, orientation, CRS, size and cut into tiles.

The scene is a file on disk, read with the program's own reader; three models answer for it: one
that says the same everywhere, one that says where a pixel is, and a small real network.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.bundle.facts import Quantity
from covermap.core.legend import Legend
from covermap.imagery.opening import open_scene
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from oracle_predictors import Constant, Convolutions, in_one_pass, tiny_bundle
from tiny import write_scene

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
GRIDS = {
    "north_up": {},
    "south_up": {"south_up": True},
    "rotated": {"rotated": True},
    "geographic": {"crs": 4326},
    "geographic_south_up": {"crs": 4326, "south_up": True},
}
# Tiles of 32 px with a halo of 0 stand edge to edge; others overlap by more and more.
CUTS = ((64, 0), (64, 6), (96, 12), (128, 30), (512, 12))


@dataclasses.dataclass
class Position(Constant):
    """Answers what the first band holds: where the pixel is."""

    shares: tuple[float, ...] = (1.0,)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        return values[:, :1].astype(np.float32)


@st.composite
def files(draw):
    """How a scene is stored, and how it is cut."""
    dtype = draw(st.sampled_from(DTYPES))
    marks = [None, 0, 99]
    if dtype.startswith("float"):
        marks += [float("nan"), -9999.0]
    return {
        "dtype": dtype,
        "nodata": draw(st.sampled_from(marks)),
        "grid": draw(st.sampled_from(sorted(GRIDS))),
        "shape": (draw(st.integers(1, 150)), draw(st.integers(1, 150))),
        "cut": draw(st.sampled_from(CUTS)),
        "seed": draw(st.integers(0, 3)),
    }


def stored(folder, told):
    """A file of two bands; the scene, its numbers as stored, and which pixels hold data."""
    random = np.random.default_rng(told["seed"])
    height, width = told["shape"]
    rows, cols = np.mgrid[:height, :width]
    # Neighbours differ by other numbers down than across: no shift goes unseen.
    first = 100 + (rows * 7 + cols) % 28
    values = np.stack([first, random.integers(1, 90, first.shape)]).astype(told["dtype"])
    holes = random.random(first.shape) < 0.15
    holes[0, 0] = False
    if told["nodata"] is None:
        holes[:] = False
    else:
        values[:, holes] = told["nodata"]
    path = write_scene(
        folder / "scene.tif",
        bands=("B02", "B03"),
        dtype=told["dtype"],
        nodata=told["nodata"],
        values=values,
        **GRIDS[told["grid"]],
    )
    return open_scene(path), values.astype(np.float64), ~holes


def bundle_for(scene, **more):
    """A bundle in the scene's own unit."""
    bundle = tiny_bundle(("B02", "B03"), **more)
    units = {band.name: band.unit for band in scene.bands}
    channels = [dataclasses.replace(c, unit=units[c.name]) for c in bundle.channels]
    return dataclasses.replace(bundle, channels=tuple(channels))


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(), dataset.nodata, dataset.transform, dataset.crs


files_of_any_kind = settings(max_examples=30, deadline=None, derandomize=True)


@files_of_any_kind
@given(files())
def test_a_constant_model_fills_all_that_is_valid_and_nothing_else(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("constant")
    scene, _, valid = stored(folder, told)
    tile, halo = told["cut"]
    chosen = MapSettings(tile=tile, outputs=("probability",), probability_type="float32")
    predictor = Constant(shares=(0.5, 0.25, 0.25), halo=halo)
    result = map_scene(scene, bundle_for(scene), predictor, folder / "map.tif", chosen)
    ids, nodata, transform, crs = read(result.paths["class"])
    np.testing.assert_array_equal(ids[0] != nodata, valid)
    assert (ids[0][valid] == 0).all(), "class 0 is a class like any other"
    shares, _, _, _ = read(result.paths["probability"])
    np.testing.assert_array_equal(np.isnan(shares[0]), ~valid)
    np.testing.assert_allclose(shares[:, valid].T, [[0.5, 0.25, 0.25]] * valid.sum(), atol=1e-6)
    assert transform.almost_equals(scene.geobox.affine)
    assert crs == scene.geobox.crs


@files_of_any_kind
@given(files())
def test_a_model_that_says_where_it_is_says_so_in_the_map(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("position")
    scene, numbers, valid = stored(folder, told)
    tile, halo = told["cut"]
    bundle = dataclasses.replace(
        bundle_for(scene), task="regression", legend=Legend(()), quantity=Quantity("place", "1")
    )
    out = folder / "map.tif"
    map_scene(scene, bundle, Position(halo=halo), out, MapSettings(tile=tile))
    found, nodata, _, _ = read(out)
    assert np.isnan(nodata)
    np.testing.assert_array_equal(np.isnan(found[0]), ~valid)
    # Where two tiles meet, a number is the sum of two shares of itself.
    np.testing.assert_allclose(found[0][valid], numbers[0][valid], rtol=1e-6)


@files_of_any_kind
@given(files())
def test_a_network_by_tiles_of_a_file_is_the_network_in_one_pass(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("network")
    scene, numbers, valid = stored(folder, told)
    network = Convolutions(seed=told["seed"])
    tile = max(told["cut"][0], 64)
    chosen = MapSettings(tile=tile, outputs=("probability",), probability_type="float32")
    bundle = bundle_for(scene, mean=60.0, std=40.0)
    result = map_scene(scene, bundle, network, folder / "map.tif", chosen)
    shares, _, _, _ = read(result.paths["probability"])
    expected = in_one_pass(network, ((numbers - 60) / 40).astype(np.float32), valid[None])
    np.testing.assert_array_equal(np.isnan(shares[0]), ~valid)
    np.testing.assert_allclose(shares[:, valid], expected[:, valid], atol=2e-5)


@pytest.mark.parametrize("how", ["alpha", "mask"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_alpha_band_or_a_mask_of_the_file_is_the_nodata_of_the_map(tmp_path, how, dtype):
    path = write_scene(tmp_path / "s.tif", bands=("B02", "B03", "B04"), dtype=dtype, **{how: True})
    scene = open_scene(path)
    bundle = tiny_bundle(("B02", "B03", "B04"))
    result = map_scene(scene, bundle, Constant(), tmp_path / "map.tif", MapSettings(tile=64))
    ids, nodata, _, _ = read(result.paths["class"])
    expected = np.ones(ids.shape[1:], bool)
    expected[:8, :10] = False
    np.testing.assert_array_equal(ids[0] != nodata, expected)
