"""Faults in any stage end a map at once, by name, and leave no thread behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import rasterio

from covermap.core.errors import ImageryError, ModelError, OutputError
from covermap.imagery.opening import open_scene
from covermap.mapping import pipeline
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from oracle_predictors import Constant, tiny_bundle
from tiny import ArrayScene, tiny_geobox, write_scene

TILED = MapSettings(tile=64)


def plain(height: int = 300, width: int = 300) -> ArrayScene:
    return ArrayScene(
        np.zeros((2, height, width)), None, tiny_geobox(height, width), ("B02", "B03")
    )


def test_a_damaged_file_is_named_and_the_map_does_not_appear_d39_d48(tmp_path):
    path = write_scene(
        tmp_path / "scene.tif", height=600, width=600, bands=("B02", "B03"), scale=0.0001,
        tiled=True, blockxsize=64, blockysize=64, compress="deflate",
    )  # fmt: skip
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[: half - 20_000] + b"\xff" * 40_000 + content[half + 20_000 :])
    scene = open_scene(path)
    predictor = Constant()
    with pytest.raises(ImageryError, match=r"scene\.tif: damaged or cut short"):
        map_scene(scene, tiny_bundle(), predictor, tmp_path / "out" / "map.tif", TILED)
    assert not (tmp_path / "out" / "map.tif").exists()
    assert predictor.tiles < 200


class Full:
    """A dataset on a disk that is full."""

    def write(self, *arguments: object, **more: object) -> None:
        raise rasterio.errors.RasterioIOError("no space left on device")

    def close(self) -> None:
        pass


def test_a_fault_while_writing_ends_the_map_before_all_is_computed(tmp_path, monkeypatch):
    opened = rasterio.open

    def open_full(path: object, mode: str = "r", **more: object) -> object:
        return Full() if mode == "r+" else opened(path, mode, **more)

    monkeypatch.setattr(rasterio, "open", open_full)
    predictor = Constant()
    with pytest.raises(OutputError, match=r"map\.tif: cannot be written \(no space left"):
        map_scene(plain(), tiny_bundle(), predictor, tmp_path / "map.tif", TILED)
    assert predictor.tiles <= 3 * 4


def test_large_numbers_are_numbers_and_one_that_is_none_is_found():
    values = np.full((1, 2, 64, 64), 3e38, np.float32)
    pipeline._check(values, values.shape)
    values[0, 1, 5, 7] = np.nan
    with pytest.raises(ModelError, match="no numbers"):
        pipeline._check(values, values.shape)


@pytest.mark.parametrize("where", ["read", "predict", "write", "nowhere"])
def test_no_thread_is_left_behind(tmp_path, monkeypatch, where):
    def fault(*arguments: object) -> None:
        raise KeyboardInterrupt

    scene, predictor = plain(), Constant()
    if where == "read":
        monkeypatch.setattr(ArrayScene, "read", fault)
    elif where == "predict":
        predictor.fail_at = 9
    elif where == "write":
        monkeypatch.setattr(pipeline, "encode", fault)
    before = threading.active_count()
    if where == "nowhere":
        map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", TILED)
    else:
        with pytest.raises(KeyboardInterrupt):
            map_scene(scene, tiny_bundle(), predictor, tmp_path / "map.tif", TILED)
    assert threading.active_count() == before


def test_the_stages_say_where_the_time_went(tmp_path):
    result = map_scene(plain(), tiny_bundle(), Constant(), tmp_path / "map.tif", TILED)
    seconds = result.seconds
    assert min(seconds.read, seconds.forward, seconds.blend_and_write, seconds.finish) > 0
