"""What `covermap map` writes beside the class map, and what it refuses to write over."""

import dataclasses
import errno
import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from rasterio.shutil import copy

from covermap.bundle.facts import Quantity
from covermap.bundle.folder import bundle_digest, read_bundle, write_bundle
from covermap.core.errors import BundleError, OutputError, UnwritableError
from covermap.core.settings import parse
from covermap.imagery.opening import open_scene
from covermap.imagery.pool import POOL
from covermap.mapping import choice
from covermap.mapping.choice import Choice
from covermap.mapping.engine import map_scene
from covermap.mapping.engines import Engine
from covermap.mapping.files import map_files
from covermap.mapping.polygons import polygons_path
from covermap.mapping.settings import MapSettings
from covermap.verbs.map_scenes import kept_for, map_scenes
from covermap.verbs.scene_maps import map_key
from oracle_predictors import Constant, Echo, tiny_bundle
from tiny import ArrayScene, tiny_geobox, write_scene


def settings_of(**values):
    return parse(MapSettings, values, "map")


@pytest.fixture
def scene():
    rows, cols = np.mgrid[:150, :100]
    truth = (rows // 70 + cols // 40) % 3
    truth[10, 10] = 2
    valid = np.ones((1, 150, 100), bool)
    valid[:, 140:] = False
    return ArrayScene(truth[None], valid, tiny_geobox(150, 100), ("B02",))


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    write_bundle(folder, tiny_bundle(("B02",)), {})
    return folder


@pytest.mark.parametrize("tile", [64, 128])
def test_polygons_are_those_of_the_class_map_however_it_was_tiled(tmp_path, scene, tile):
    settings = settings_of(outputs=["polygons"], min_area_m2=500, tile=tile)
    bundle, out = tiny_bundle(("B02",)), tmp_path / "map.tif"
    result = map_scene(scene, bundle, Echo(), out, settings)
    assert result.paths["polygons"] == polygons_path(out)
    table = gpd.read_file(result.paths["polygons"])
    # The fields of 70 by 40 pixels cross tiles; the single pixel is below the unit.
    assert len(table) == 6
    assert table.area_m2.sum() == pytest.approx(140 * 100 * 100, rel=1e-3)
    assert not table.geometry.interiors.map(len).any()
    class_only = map_scene(scene, bundle, Echo(), tmp_path / "b.tif", settings_of(tile=tile))
    assert class_only.paths["class"].read_bytes() == out.read_bytes()
    assert not polygons_path(tmp_path / "b.tif").exists()


def test_a_map_without_polygons_leaves_a_file_of_their_name_alone(tmp_path, scene):
    polygons_path(tmp_path / "map.tif").write_text("mine")
    map_scene(scene, tiny_bundle(("B02",)), Constant(), tmp_path / "map.tif", MapSettings())
    assert polygons_path(tmp_path / "map.tif").read_text() == "mine"


def test_polygons_and_their_style_are_among_the_files_of_a_map(tmp_path):
    files = map_files(tmp_path / "m.tif", settings_of(outputs=["polygons"]).outputs)
    names = {file.path.name for file in files}
    assert {"m.tif", "m_polygons.gpkg", "m_polygons.qml", "m.qml"} <= names
    assert not any(name.startswith("m_polygons.tif") for name in names)


@pytest.mark.parametrize("name", ["map_polygons.gpkg", "map_polygons.qml"])
def test_a_strangers_polygons_in_the_way_stop_before_the_work(tmp_path, bundle, name):
    image = write_scene(tmp_path / "scene.tif", bands=("B02",), scale=0.0001)
    stranger = tmp_path / name
    if name.endswith("gpkg"):
        table = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
        table.to_file(stranger, layer="polygons")
    else:
        stranger.write_text("<qgis/>")
    before = stranger.read_bytes()
    with pytest.raises(OutputError, match=rf"{name}: already exists"):
        map_scenes(bundle, [image], tmp_path / "map.tif", outputs=("class", "polygons"))
    assert stranger.read_bytes() == before


def test_law_9_a_map_stopped_while_its_files_get_their_names_goes_on(tmp_path, oracle, monkeypatch):
    bundle, scenes = oracle
    map_scenes(bundle, scenes[:1], tmp_path / "whole" / "map.tif")
    stopped = tmp_path / "stopped" / "map.tif"
    for name in ("rasterio.shutil.copy", "covermap.mapping.writing.write_styles"):
        with monkeypatch.context() as patch:
            patch.setattr(name, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                map_scenes(bundle, scenes[:1], stopped)
    map_scenes(bundle, scenes[:1], stopped)
    made = {path.name: path.read_bytes() for path in stopped.parent.iterdir()}
    assert made == {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}


def test_a_mosaic_stopped_in_its_polygons_is_not_computed_again(tmp_path, oracle, monkeypatch):
    bundle, scenes = oracle
    only = Choice(Engine("oracle", "float32"), "there is no other")
    asked = {"mosaic": True, "outputs": ("class", "polygons")}
    with monkeypatch.context() as patch:
        patch.setattr("covermap.mapping.result.write_polygons", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            map_scenes(bundle, scenes[:2], tmp_path / "all.tif", **asked)
    again = Constant()
    monkeypatch.setattr(choice, "open_chosen", lambda *_: (again, only))
    map_scenes(bundle, scenes[:2], tmp_path / "all.tif", **asked)
    assert again.tiles == 0
    assert polygons_path(tmp_path / "all.tif").exists()


@pytest.mark.parametrize("name", ["map.tif", "map.tiff"])
@pytest.mark.parametrize("lost", [False, True])
def test_a_map_is_made_again_over_its_own_files(tmp_path, oracle, name, lost):
    bundle, scenes = oracle
    out = tmp_path / "maps" / name
    out.parent.mkdir()
    # It has nothing to do with the style of the class map.
    (out.parent / "map.gpkg").write_text("mine")
    map_scenes(bundle, scenes[:1], out, outputs=("class", "polygons"))
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    if lost:
        out.unlink()
        polygons_path(out).unlink()
    map_scenes(bundle, scenes[:1], out, outputs=("class", "polygons"))
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


@pytest.mark.parametrize("name", ["map.tif.aux.xml", "map.qml", "map.sld", "map_preview.png"])
@pytest.mark.parametrize("content", [b"<PAMDataset/>", b"<qgis>", b"\xff\xfe"])
def test_a_strangers_file_beside_no_map_stops_before_the_work(tmp_path, oracle, name, content):
    bundle, scenes = oracle
    stranger = tmp_path / "maps" / name
    stranger.parent.mkdir()
    stranger.write_bytes(content)
    with pytest.raises(OutputError, match=rf"{name}: already exists"):
        map_scenes(bundle, scenes[:1], tmp_path / "maps" / "map.tif")
    assert stranger.read_bytes() == content
    assert list(stranger.parent.iterdir()) == [stranger]


def test_a_strangers_link_to_nothing_stops_before_the_work(tmp_path, oracle):
    bundle, scenes = oracle
    link = tmp_path / "map.qml"
    link.symlink_to("nowhere.qml")
    with pytest.raises(OutputError, match=r"map\.qml: already exists"):
        map_scenes(bundle, scenes[:1], tmp_path / "map.tif")
    assert link.is_symlink()


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_polygons_of_a_map_of_values_are_refused(tmp_path):
    numbers = dataclasses.replace(
        tiny_bundle(("B02",), names=()),
        task="regression",
        quantity=Quantity("tracks per hectare", 45.0),
    )
    write_bundle(tmp_path / "numbers", numbers, {})
    image = write_scene(tmp_path / "scene.tif", bands=("B02",), scale=0.0001)
    with pytest.raises(BundleError, match=r"polygons comes from classes.*'tracks per hectare'"):
        map_scenes(
            tmp_path / "numbers", [image], tmp_path / "map.tif", outputs=("class", "polygons")
        )


def test_a_folder_of_maps_is_a_collection_and_a_file_is_none(tmp_path, oracle):
    bundle, scenes = oracle
    map_scenes(bundle, scenes[:1], tmp_path / "one.tif")
    map_scenes(bundle, scenes[:2], tmp_path / "all.tif", mosaic=True)
    assert not list(tmp_path.glob("*.json"))
    map_scenes(bundle, scenes[:1], tmp_path / "maps")
    map_scenes(bundle, scenes, tmp_path / "maps")
    collection = json.loads((tmp_path / "maps" / "collection.json").read_text())
    items = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    assert items == ["./S2_20200716_item.json", "./S2_20210716_item.json"]
    item = json.loads((tmp_path / "maps" / items[0]).read_text())
    assert item["properties"]["covermap:bundle"] == bundle_digest(bundle)
    assert item["assets"]["thumbnail"]["href"] == "./S2_20200716_preview.png"
    assert list(collection["assets"]) == ["undated.tif"]


@pytest.mark.parametrize("name", ["collection.json", "S2_20200716_item.json"])
def test_a_strangers_catalog_stops_before_the_work(tmp_path, oracle, name):
    bundle, scenes = oracle
    stranger = tmp_path / "maps" / name
    stranger.parent.mkdir()
    stranger.write_text('{"type": "Collection", "id": "mine"}')
    with pytest.raises(OutputError, match=rf"{name}: already exists"):
        map_scenes(bundle, scenes, tmp_path / "maps")
    assert "mine" in stranger.read_text()
    assert not list(stranger.parent.glob("*.tif"))


def test_law_9_a_catalog_never_tells_of_maps_that_are_being_replaced(tmp_path, oracle, monkeypatch):
    bundle, scenes = oracle
    map_scenes(bundle, scenes, tmp_path / "maps")
    before = {path.name: path.read_bytes() for path in (tmp_path / "maps").glob("*.json")}
    only = Choice(Engine("oracle", "float32"), "there is no other")
    # The second map of the next call is killed, which other contents need.
    for seed, path in enumerate(scenes[1:], 7):
        write_scene(path, bands=("B02",), seed=seed)
    killed = Constant(fail_at=2)
    monkeypatch.setattr(choice, "open_chosen", lambda *_: (killed, only))
    with pytest.raises(KeyboardInterrupt):
        map_scenes(bundle, scenes[1:], tmp_path / "maps")
    collection = json.loads((tmp_path / "maps" / "collection.json").read_text())
    assert [link["title"] for link in collection["links"][1:]] == ["S2_20200716"]
    assert "assets" not in collection
    killed.fail_at = None
    map_scenes(bundle, scenes[1:], tmp_path / "maps")
    assert {path.name: path.read_bytes() for path in (tmp_path / "maps").glob("*.json")} == before


def test_a_changed_source_of_a_virtual_raster_is_another_map(tmp_path, bundle):
    source = write_scene(tmp_path / "source.tif", bands=("B02",))
    copy(source, tmp_path / "scene.vrt", driver="VRT")
    scene = open_scene(tmp_path / "scene.vrt")
    before = map_key(read_bundle(bundle), scene)
    write_scene(source, bands=("B02",), seed=1)
    assert map_key(read_bundle(bundle), scene) != before


def test_files_of_bands_that_change_their_names_are_another_map(tmp_path, bundle):
    for number, folder in enumerate(("one", "two")):
        for band in range(3):
            write_scene(tmp_path / folder / f"B0{1 + number + band}.tif", bands=("x",), seed=band)
    one, two = (open_scene(tmp_path / folder) for folder in ("one", "two"))
    assert map_key(read_bundle(bundle), one) != map_key(read_bundle(bundle), two)


@pytest.mark.parametrize("content", ["{half", "[]", '{"steps": {}}', '{"steps": {}, "choices": 1}'])
def test_a_strangers_run_beside_a_copied_bundle_says_nothing(tmp_path, bundle, content):
    (bundle.parent / "run.json").write_text(content)
    assert kept_for(read_bundle(bundle), {tmp_path / "map.tif": lambda: "key"}) is None


def test_a_mosaic_leaves_no_handles_of_its_removed_parts(tmp_path, oracle):
    bundle, scenes = oracle
    map_scenes(bundle, scenes, tmp_path / "map.tif", mosaic=True)
    # A handle without a name would keep the part's place on the disk.
    assert not [path for path, _ in POOL._idle if path.is_relative_to(tmp_path / ".map.parts")]


@pytest.mark.parametrize("first", ["S2_20200716", "S2_20200716_confidence"])
def test_maps_of_scenes_that_are_called_like_each_others_files_stay(tmp_path, oracle, first):
    bundle, scenes = oracle
    other = tmp_path / "S2_20200716_confidence.tif"
    other.write_bytes(scenes[1].read_bytes())
    order = [scenes[0], other] if first == scenes[0].stem else [other, scenes[0]]
    outputs = {scenes[0]: ("class", "confidence"), other: ("class",)}
    maps = tmp_path / "maps"
    map_scenes(bundle, order[:1], maps, outputs=outputs[order[0]])
    before = {path.name: path.read_bytes() for path in maps.iterdir()}
    with pytest.raises(OutputError, match=r"S2_20200716_confidence\.tif: already exists"):
        map_scenes(bundle, order[1:], maps, outputs=outputs[order[1]])
    assert {path.name: path.read_bytes() for path in maps.iterdir()} == before


def test_a_folder_without_the_right_to_write_is_told_before_an_engine_is_chosen(
    tmp_path, bundle, monkeypatch
):
    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    image = write_scene(tmp_path / "scene.tif", bands=("B02",), scale=0.0001)
    monkeypatch.setattr("covermap.core.files._scratch_file", refused)
    monkeypatch.setattr("covermap.mapping.choice.open_chosen", None)
    with pytest.raises(UnwritableError, match=r"map\.tif: cannot be written \("):
        map_scenes(bundle, [image], tmp_path / "map.tif")
