"""Tiles as large as memory allows, smaller ones when it does not suffice."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from covermap.core.errors import ModelError
from covermap.mapping import memory
from covermap.mapping.engine import map_scene
from covermap.mapping.memory import foretold_bytes, sizes_for
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import plan_tiles
from oracle_predictors import Constant, Convolutions, tiny_bundle
from tiny import ArrayScene, tiny_geobox

BANDS = ("B02", "B03")


class Cramped(Convolutions):
    """A network on a machine where tiles of more than `most` pixels do not fit."""

    def __init__(self, most: int, **more: int) -> None:
        super().__init__(**more)
        self.most, self.shapes = most, []

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        self.shapes.append((len(values), *values.shape[2:]))
        if len(values) * values.shape[2] * values.shape[3] > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ...")
        return super().probabilities(values)


def noise(height: int, width: int) -> ArrayScene:
    values = np.random.default_rng(0).normal(size=(2, height, width)).astype(np.float32)
    return ArrayScene(values, None, tiny_geobox(height, width), BANDS)


@pytest.mark.parametrize(("pixel_bytes", "channels"), [(0, 1), (400, 4), (4000, 4), (400, 224)])
def test_the_largest_tile_fits_the_memory_for_it(pixel_bytes, channels):
    predictor = Constant(stride=32, halo=64, pixel_bytes=pixel_bytes)
    side = sizes_for(predictor, channels, MapSettings()).tile
    assert side % 32 == 0
    plan = plan_tiles((20_000, 20_000), side, 64, 32)
    nothing = plan_tiles((1, 1), 160, 64, 32)
    beside = foretold_bytes(predictor, channels, MapSettings(), nothing, 0)
    seams = 4 * 3 * 2 * plan.rows.ramp * plan.cols.span * 2
    needed = foretold_bytes(predictor, channels, MapSettings(), plan, 1) - beside - seams
    assert needed <= 1_100 * 2**20
    assert side == 4096 or needed > 0.8 * 1_100 * 2**20


def test_a_small_machine_gets_smaller_tiles(monkeypatch):
    predictor = Constant(stride=32, halo=64, pixel_bytes=400)
    large = sizes_for(predictor, 4, MapSettings()).tile
    monkeypatch.setattr(memory, "_tile_budget", lambda: 2**28)
    small = sizes_for(predictor, 4, MapSettings()).tile
    assert 0.4 * large < small < 0.55 * large


def test_no_memory_is_so_small_that_nothing_is_mapped(monkeypatch):
    monkeypatch.setattr(memory, "_tile_budget", lambda: 1)
    assert sizes_for(Constant(stride=32, halo=100), 4, MapSettings()).tile == 256


def test_the_forecast_does_not_grow_with_the_height_of_a_scene():
    predictor = Constant(stride=32, halo=64, pixel_bytes=400)
    plans = [plan_tiles((height, 10_000), 1024, 64, 32) for height in (10_000, 1_000_000)]
    told = [foretold_bytes(predictor, 4, MapSettings(), plan, 1) for plan in plans]
    assert abs(told[1] - told[0]) < 0.1 * told[0]


def test_where_memory_runs_out_smaller_tiles_give_the_map(tmp_path, capsys):
    scene, predictor = noise(500, 400), Cramped(most=150 * 150)
    result = map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", MapSettings())
    assert max(result.tile) <= 150
    assert "memory ran out" in capsys.readouterr().err
    plain = map_scene(
        scene, tiny_bundle(), Convolutions(), tmp_path / "plain.tif", MapSettings(tile=128)
    )
    with rasterio.open(result.paths["class"]) as one, rasterio.open(plain.paths["class"]) as two:
        assert (one.read() == two.read()).mean() > 0.9999


def test_a_batch_is_halved_before_tiles_are(tmp_path):
    predictor = Cramped(most=2 * 64 * 64)
    map_scene(noise(64, 400), tiny_bundle(), predictor, tmp_path / "m.tif", MapSettings(tile=64))
    together, *tile = predictor.shapes[0]
    assert together == 4
    assert set(predictor.shapes[1:]) == {(2, *tile)}


def test_what_memory_allowed_is_kept_when_the_map_goes_on(tmp_path):
    class Killed(Cramped):
        def probabilities(self, values: np.ndarray) -> np.ndarray:
            if len(self.shapes) == 20:
                raise KeyboardInterrupt
            return super().probabilities(values)

    scene, out, chosen = noise(400, 400), tmp_path / "map.tif", MapSettings(tile=64)
    with pytest.raises(KeyboardInterrupt):
        map_scene(scene, tiny_bundle(), Killed(most=2 * 64 * 64), out, chosen, key="k")
    again = Cramped(most=10**9)
    map_scene(scene, tiny_bundle(), again, out, chosen, key="k")
    assert {shape[0] for shape in again.shapes} == {2}
    whole = Cramped(most=2 * 64 * 64)
    map_scene(scene, tiny_bundle(), whole, tmp_path / "whole.tif", chosen, key="k")
    assert len(again.shapes) < len(whole.shapes)
    with rasterio.open(out) as one, rasterio.open(tmp_path / "whole.tif") as two:
        np.testing.assert_array_equal(one.read(), two.read())


def test_a_tile_that_was_asked_for_is_not_made_smaller(tmp_path):
    with pytest.raises(ModelError, match=r"memory does not suffice.*smaller --tile"):
        map_scene(
            noise(300, 300), tiny_bundle(), Cramped(most=9), tmp_path / "m.tif",
            MapSettings(tile=256),
        )  # fmt: skip


def test_another_fault_is_no_lack_of_memory(tmp_path):
    class Broken(Convolutions):
        def probabilities(self, values: np.ndarray) -> np.ndarray:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        map_scene(noise(90, 90), tiny_bundle(), Broken(), tmp_path / "m.tif", MapSettings())
