"""Several scenes as one map: the documented formula, nodata, and no seam."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.core.errors import ImageryError, OutputError
from covermap.core.grid import Window, whole, window_geobox
from covermap.core.ground_area import row_areas_m2
from covermap.core.legend import Legend
from covermap.mapping.engine import map_scene
from covermap.mapping.mosaic import Part, common_grid, feather, merge
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Scratch, plan_layers
from oracle_predictors import Convolutions, tiny_bundle
from tiny import ArrayScene, tiny_geobox

LEGEND = Legend.of({1: "water", 2: "forest", 3: "urban"})
FLOATS = MapSettings(outputs=("confidence", "probability"), probability_type="float32")
BIG = tiny_geobox(90, 260)


def part_of(folder, name: str, shares: np.ndarray, geobox: GeoBox) -> Part:
    """Probabilities (K, H, W), NaN where invalid, as a file."""
    path = folder / f"{name}.tif"
    profile = {"count": len(shares), "height": shares.shape[1], "width": shares.shape[2]}
    profile |= {"crs": str(geobox.crs), "transform": geobox.affine, "nodata": np.nan}
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", **profile) as out:
        out.write(shares.astype(np.float32))
    return Part(name, path, geobox, len(shares))


def constant(shares, window: Window, grid: GeoBox = BIG) -> tuple[np.ndarray, GeoBox]:
    planes = np.array(shares, np.float32)[:, None, None]
    return np.broadcast_to(planes, (len(shares), *window.shape)).copy(), window_geobox(grid, window)


def merged(folder, parts, grid, ramp=8, settings=FLOATS, legend=LEGEND) -> dict[str, np.ndarray]:
    scratch = Scratch(plan_layers(folder / "mosaic.tif", legend, settings), grid)
    scratch.create({}, legend)
    merge(parts, grid, scratch, legend, settings, "mosaic", ramp)
    read = {}
    for layer in scratch.layers:
        with rasterio.open(layer.scratch) as dataset:
            read[layer.output] = dataset.read()
    return read


def noise(rng, window: Window) -> tuple[np.ndarray, GeoBox]:
    shares = rng.dirichlet(np.ones(3), window.shape).transpose(2, 0, 1).astype(np.float32)
    shares[:, rng.random(window.shape) < 0.02] = np.nan
    shares[:, 10:25, 30:50] = np.nan
    return shares, window_geobox(BIG, window)


def by_brute_force(parts, grid: GeoBox, ramp: int) -> np.ndarray:
    """The formula of `merge`, distance by distance; parts are (shares, window)."""
    height, width = grid.shape
    total, weights = np.zeros((3, height, width)), np.zeros((height, width))
    # One row and column of invalid pixels all around stands for all that lies beyond.
    for shares, window in parts:
        planes = np.full((3, height + 2, width + 2), np.nan)
        planes[:, 1:-1, 1:-1][(slice(None), *window.slices)] = shares
        bad = np.argwhere(np.isnan(planes[0]))
        for row, col in np.argwhere(~np.isnan(planes[0])):
            nearest = np.sqrt(((bad - (row, col)) ** 2).sum(axis=1).min())
            weight = min(nearest, ramp) / ramp
            total[:, row - 1, col - 1] += weight * planes[:, row, col]
            weights[row - 1, col - 1] += weight
    with np.errstate(invalid="ignore"):
        return total / weights


def test_the_mosaic_is_the_documented_mean(tmp_path):
    rng, grid = np.random.default_rng(1), window_geobox(BIG, Window(0, 0, 40, 110))
    windows = (Window(0, 0, 40, 70), Window(4, 40, 30, 70))
    scenes = [noise(rng, window) for window in windows]
    parts = [part_of(tmp_path, f"s{n}", *scene) for n, scene in enumerate(scenes)]
    expected = by_brute_force(
        [(s, w) for (s, _), w in zip(scenes, windows, strict=True)], grid, ramp=6
    )
    found = merged(tmp_path, parts, grid, ramp=6)
    np.testing.assert_allclose(found["probability"], expected, atol=1e-6)
    seen = ~np.isnan(expected[0])
    best = np.where(seen, np.nan_to_num(expected).argmax(axis=0) + 1, 255)
    ties = np.sort(np.nan_to_num(expected), axis=0)
    clear = ~seen | (ties[-1] - ties[-2] > 1e-5)
    assert (found["class"][0] == best)[clear].all()
    highest = np.where(seen, np.rint(np.nan_to_num(expected).max(axis=0) * 100), 255)
    assert (np.abs(found["confidence"][0] - highest) <= 1).all()


def test_nodata_is_where_no_scene_is_valid_and_one_alone_stands_unchanged(tmp_path):
    rng, windows = np.random.default_rng(2), (Window(0, 0, 90, 150), Window(20, 100, 60, 160))
    scenes = [noise(rng, window) for window in windows]
    parts = [part_of(tmp_path, f"s{n}", *scene) for n, scene in enumerate(scenes)]
    found = merged(tmp_path, parts, BIG)
    planes = np.full((2, 3, *BIG.shape), np.nan, np.float32)
    for plane, (shares, _), window in zip(planes, scenes, windows, strict=True):
        plane[(slice(None), *window.slices)] = shares
    valid = ~np.isnan(planes[:, 0])
    assert ((found["class"][0] != 255) == valid.any(axis=0)).all()
    for own, other in ((0, 1), (1, 0)):
        alone = valid[own] & ~valid[other]
        assert (found["probability"][:, alone] == planes[own][:, alone]).all()


def test_a_window_does_not_search_all_scenes(tmp_path, monkeypatch):
    grid = tiny_geobox(4, 64 * 64)
    windows = [Window(0, 64 * number, 4, 64) for number in range(64)]
    planes = np.ones((1, 4, 64), np.float32)
    parts = [
        part_of(tmp_path, f"{number:02}", planes, window_geobox(grid, window))
        for number, window in enumerate(windows)
    ]
    compared, meet = [], Window.intersection
    monkeypatch.setattr(Window, "intersection", lambda *a: (compared.append(a), meet(*a))[1])
    merged(tmp_path, parts, grid, legend=Legend.of({1: "all"}))
    # Eight windows on 64 scenes: 512 pairs, of which 64 meet.
    assert len([pair for pair in compared if pair[1].width == 512]) < 200


def test_the_order_of_the_scenes_does_not_matter(tmp_path):
    rng = np.random.default_rng(3)
    windows = (Window(0, 0, 90, 150), Window(0, 60, 90, 200), Window(10, 30, 70, 100))
    parts = [part_of(tmp_path, f"s{n}", *noise(rng, w)) for n, w in enumerate(windows)]
    grid = common_grid([part.geobox for part in parts], "abc")
    first = merged(tmp_path, parts, grid)
    for some in itertools.permutations(parts):
        assert common_grid([part.geobox for part in some], "abc") == grid
        again = merged(tmp_path, some, grid)
        assert all((again[name].tobytes() == first[name].tobytes()) for name in first)


def test_no_seam_is_left_where_scenes_of_two_dates_disagree(tmp_path):
    ramp, left, right = 40, Window(0, 0, 90, 180), Window(0, 80, 90, 180)
    parts = [
        part_of(tmp_path, "one", *constant((0.9, 0.1, 0), left)),
        part_of(tmp_path, "two", *constant((0.1, 0.9, 0), right)),
    ]
    across = merged(tmp_path, parts, BIG, ramp)["probability"][0, 45]
    assert (across[:80], across[180:]) == (pytest.approx(0.9), pytest.approx(0.1))
    assert (np.diff(across) <= 1e-7).all()
    # One scene over the other would jump by 0.8 from one pixel to the next.
    assert np.abs(np.diff(across)).max() < 2 * 0.8 / ramp


@pytest.mark.parametrize("crs", [32633, 32634, 3035, 4326])
def test_a_constant_stays_constant_whatever_the_projection(tmp_path, crs):
    shares, geobox = constant((0.2, 0.5, 0.3), Window(0, 0, 90, 150))
    other = geobox if crs == 32633 else geobox.to_crs(f"EPSG:{crs}", resolution="auto")
    other = window_geobox(other, Window(5, 60, 80, 90))
    planes = np.broadcast_to(shares[:, :1, :1], (3, *other.shape)).copy()
    planes[:, 30:40, 30:40] = np.nan
    parts = [part_of(tmp_path, "a", shares, geobox), part_of(tmp_path, "b", planes, other)]
    grid = common_grid([geobox, other], "ab")
    found = merged(tmp_path, parts, grid)
    seen = found["class"][0] != 255
    np.testing.assert_allclose(
        found["probability"][:, seen],
        np.broadcast_to(np.array([[0.2], [0.5], [0.3]]), (3, seen.sum())),
        atol=1e-6,
    )
    # The grid holds all of the other scene: nothing of it is cut off.
    alone = merged(tmp_path, parts[1:], grid)["class"][0] != 255
    area = alone.sum() * abs(grid.resolution.x * grid.resolution.y)
    held = (np.isfinite(planes[0]) * row_areas_m2(other)[:, None]).sum()
    assert area == pytest.approx(held, rel=0.03)


@pytest.mark.parametrize("form", [{}, {"south_up": True}, {"rotated": True}])
def test_the_grid_is_that_of_the_first_scene_extended(form):
    whole_grid = tiny_geobox(200, 300, **form)
    windows = (Window(50, 60, 40, 50), Window(0, 100, 90, 200), Window(150, 0, 50, 10))
    boxes = [window_geobox(whole_grid, window) for window in windows]
    grid = common_grid(boxes, "abc")
    assert grid.shape == (200, 300)
    assert np.allclose(grid.affine, whole_grid.affine)


@pytest.mark.parametrize("west", [179.98, -179.99])
def test_a_scene_across_the_antimeridian_stays_beside_one_in_degrees(tmp_path, west):
    first = GeoBox((100, 100), Affine(1e-4, 0, west, 0, -1e-4, 50.005), "EPSG:4326")
    x, y = first.crs.transformer_to_crs("EPSG:32601")(180.0, 50.0)
    other = GeoBox((100, 100), Affine(10, 0, x - 500, 0, -10, y + 500), "EPSG:32601")
    grid = common_grid([first, other], ["degrees", "metres"])
    assert grid.shape[1] < 400
    shares = np.ones((3, 100, 100)) / 3
    part = part_of(tmp_path, "metres", shares, other)
    planes = merged(tmp_path, [part], grid)["probability"]
    # On both sides of the antimeridian.
    held = np.isfinite(planes[0]).sum() * row_areas_m2(grid).mean()
    assert held == pytest.approx(1000**2, rel=0.02)


@pytest.mark.parametrize("wests", [(179.995, -179.999), (-179.999, 179.995), (-180, 180.005)])
def test_scenes_in_degrees_on_both_sides_of_the_antimeridian_make_one_mosaic(tmp_path, wests):
    boxes = [GeoBox((60, 100), Affine(1e-4, 0, west, 0, -1e-4, 50), "EPSG:4326") for west in wests]
    grid = common_grid(boxes, ["a", "b"])
    assert grid.shape[0] == 60
    assert grid.shape[1] in (150, 160)
    shares = np.stack([np.full((60, 100), share) for share in (0.7, 0.2, 0.1)])
    parts = [part_of(tmp_path, name, shares, box) for name, box in zip("ab", boxes, strict=True)]
    planes = merged(tmp_path, parts, grid)["probability"]
    assert np.isfinite(planes).all()
    np.testing.assert_allclose(planes[0], 0.7, atol=1e-6)


def test_a_scene_around_a_pole_is_no_part_of_a_mosaic_in_degrees():
    first = GeoBox((100, 100), Affine(0.1, 0, 10, 0, -0.1, 85), "EPSG:4326")
    polar = GeoBox((100, 100), Affine(10_000, 0, -500_000, 0, -10_000, 500_000), "EPSG:3413")
    with pytest.raises(OutputError, match=r"reaches around a pole.*name another scene first"):
        common_grid([first, polar], ["degrees", "polar"])


def test_scenes_that_make_no_mosaic_are_named():
    here = tiny_geobox(50, 50)
    with pytest.raises(ImageryError, match="photo: has no CRS"):
        common_grid([here, tiny_geobox(50, 50, crs=None)], ["scene", "photo"])
    far = window_geobox(here, Window(30_000, 30_000, 50, 50))
    with pytest.raises(ImageryError, match="so far apart"):
        common_grid([here, far], ["scene", "far"])


def test_weights_rise_from_edges_and_are_one_without_any():
    assert (feather(np.ones((5, 5), bool), 3) == 1).all()
    valid = np.zeros((1, 9), bool)
    valid[0, 1:] = True
    np.testing.assert_allclose(feather(valid, 4)[0], [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


def test_values_of_a_regression_are_averaged(tmp_path):
    values = np.full((1, 90, 150), 2.0)
    parts = [
        part_of(tmp_path, "a", values, window_geobox(BIG, Window(0, 0, 90, 150))),
        part_of(tmp_path, "b", 2 * values, window_geobox(BIG, Window(0, 110, 90, 150))),
    ]
    found = merged(tmp_path, parts, BIG, 4, MapSettings(), Legend(()))["value"][0]
    assert (found[45, 50], found[45, 130], found[45, 230]) == (2, 3, 4)


@pytest.mark.slow
def test_two_overlapping_halves_give_the_map_of_the_whole(tmp_path):
    rng = np.random.default_rng(5)
    values = rng.normal(size=(2, 90, 260)).astype(np.float32)
    bundle, settings = tiny_bundle(first_id=1), FLOATS.model_copy(update={"tile": 64})
    ramp, halo = 20, 12

    def shares_of(name: str, window: Window) -> Part:
        cut = values[(slice(None), *window.slices)]
        scene = ArrayScene(cut, None, window_geobox(BIG, window), ("B02", "B03"), name)
        result = map_scene(scene, bundle, Convolutions(), tmp_path / f"{name}.tif", settings)
        return Part(name, result.paths["probability"], scene.geobox, 3)

    halves = [shares_of("a", Window(0, 0, 90, 160)), shares_of("b", Window(0, 100, 90, 160))]
    entire = shares_of("c", whole(BIG))
    found = merged(tmp_path, halves, BIG, ramp, settings, bundle.legend)["probability"]
    with rasterio.open(entire.path) as dataset:
        difference = np.abs(found - dataset.read()).max(axis=(0, 1))
    # Within reach of an edge of a half the network sees less than in the whole scene.
    edges = np.r_[100 : 100 + halo, 160 - halo : 160]
    assert np.delete(difference, edges).max() < 1e-5
    assert difference[edges].max() > 1e-3
