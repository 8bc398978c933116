"""STAC items beside bands: scale, offset, date and name of a scene."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest
import rasterio

from covermap.core.grid import whole
from covermap.imagery.opening import open_scene, open_scenes
from covermap.imagery.settings import ImagerySettings
from tiny import tiny_geobox, write_scene


def names(scene):
    return [band.name for band in scene.bands]


@pytest.mark.parametrize(
    ("applied", "offset", "expected"), [(True, -0.1, 0.0), (False, -0.1, -0.1), (False, 0.0, 0.0)]
)
def test_an_earth_search_item_gives_scale_and_offset(tmp_path, applied, offset, expected):
    write_scene(tmp_path / "B02.tif", bands=["B02"])
    band = {"scale": 0.0001, "offset": offset}
    item = {
        "stac_version": "1.0.0",
        "properties": {
            "datetime": "2023-08-15T09:58:11Z",
            "platform": "sentinel-2a",
            "earthsearch:boa_offset_applied": applied,
        },
        "assets": {"blue": {"href": "https://far.away/B02.tif", "raster:bands": [band]}},
    }
    (tmp_path / "item.json").write_text(json.dumps(item))
    scene = open_scene(tmp_path)
    with rasterio.open(tmp_path / "B02.tif") as dataset:
        raw = dataset.read(1)
    values = scene.read(["B02"], whole(scene.geobox)).values[0]
    np.testing.assert_allclose(values, raw / 10000 + expected, atol=1e-6)
    assert scene.date == datetime.date(2023, 8, 15)
    assert tmp_path / "item.json" in scene.files


FACTS = {"raster:scale": 0.0002, "raster:offset": -0.1}


@pytest.mark.parametrize(
    "told",
    [
        {"raster:bands": [{"scale": 0.0002, "offset": -0.1}]},
        {"bands": [{"name": "B02", **FACTS}]},
        {"bands": [{"name": "B02"}], **FACTS},
        {**FACTS},
        {"bands": [{"name": "B02", "raster:offset": -0.1}], "raster:scale": 0.0002},
    ],
)
def test_items_of_all_versions_give_scale_and_offset(tmp_path, told):
    path = write_scene(tmp_path / "B02.tif", bands=["B02"])
    assets = {"blue": {"href": "./B02.tif", **told}, "all": {"bands": [FACTS, FACTS]}}
    item = {"stac_version": "1.1.0", "type": "Feature", "properties": {}, "assets": assets}
    (tmp_path / "item.json").write_text(json.dumps(item))
    scene = open_scene(tmp_path)
    with rasterio.open(path) as dataset:
        raw = dataset.read(1)
    values = scene.read(["B02"], whole(scene.geobox)).values[0]
    np.testing.assert_allclose(values, raw * 0.0002 - 0.1, atol=1e-6)


def test_scenes_are_called_as_their_items_whose_files_have_one_name(tmp_path):
    for place, name in enumerate(("one_20180101", "two/20180101")):
        folder = tmp_path / str(place)
        box = tiny_geobox(64, 80).translate_pix(0, 200 * place)
        write_scene(folder / "B02.tif", bands=["B02"], geobox=box)
        item = {"stac_version": "1.0.0", "id": name, "properties": {}, "assets": {}}
        (folder / "stac.json").write_text(json.dumps(item))
    scenes = open_scenes(ImagerySettings(path="."), tmp_path)
    assert [scene.name for scene in scenes] == ["one_20180101", "two_20180101"]


def test_links_to_files_elsewhere_do_not_name_a_scene(tmp_path):
    for band in ("B02", "B04"):
        kept = write_scene(tmp_path / "cache" / band / "5d41402a", bands=[band])
        (tmp_path / "summer").mkdir(exist_ok=True)
        (tmp_path / "summer" / f"{band}.tif").symlink_to(kept)
    assert open_scene(tmp_path / "summer").name == "summer"


def test_items_and_collections_of_maps_beside_bands_say_nothing_of_them(tmp_path):
    write_scene(tmp_path / "B02.tif", bands=["B02"])
    before = open_scene(tmp_path)
    ours = {"stac_version": "1.1.0", "assets": {}}
    item = {**ours, "type": "Feature", "properties": {"covermap:bundle": "f00d"}}
    (tmp_path / "B02_item.json").write_text(json.dumps(item))
    (tmp_path / "collection.json").write_text(json.dumps({**ours, "type": "Collection"}))
    after = open_scene(tmp_path)
    assert (after.name, after.date, after.files) == (before.name, before.date, before.files)
