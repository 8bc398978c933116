"""The STAC collection of a folder of maps, read back as others read it."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import rasterio
import shapely
from odc.geo.geobox import GeoBox

from covermap.bundle.facts import Quantity
from covermap.core.grid import Window, window_geobox
from covermap.core.settings import parse
from covermap.mapping.catalog import catalog_files, publish_catalog, withdraw
from covermap.mapping.catalog_item import MappedScene, item_path
from covermap.mapping.engine import map_scene
from covermap.mapping.settings import MapSettings
from oracle_predictors import Constant, tiny_bundle
from tiny import ArrayScene, tiny_geobox

HERE = tiny_geobox(80, 90)
FARTHER = window_geobox(HERE, Window(500, 900, 60, 70))
SUMMER = (datetime.date(2020, 7, 16), datetime.date(2020, 7, 16))
SEASON = (datetime.date(2021, 4, 1), datetime.date(2021, 9, 30))
ALL = ("polygons", "confidence", "probability")
NAMES = ("open water", "Wälder", "open-water")


def mapped(
    folder: Path,
    name: str = "a",
    geobox: GeoBox = HERE,
    days=SUMMER,
    outputs=ALL,
    bundle=None,
    preview: bool = False,
) -> MappedScene:
    """A map, really written."""
    facts = bundle or tiny_bundle(("B02",), NAMES, first_id=1)
    settings = parse(MapSettings, {"outputs": list(outputs)}, "map")
    scene = ArrayScene(np.zeros((1, *geobox.shape)), None, geobox, ("B02",), name)
    path = folder / f"{name}.tif"
    predictor = Constant() if len(facts.legend) else Constant((0.5,))
    result = map_scene(scene, facts, predictor, path, settings)
    if preview:
        path.with_name(f"{name}_preview.png").write_bytes(b"a picture")
    return MappedScene(name, path, geobox, days, facts, "f00d", settings, result)


def collection_in(folder: Path) -> dict:
    return json.loads((folder / "collection.json").read_text())


def items_of(folder: Path) -> list[dict]:
    links = collection_in(folder)["links"]
    return [json.loads((folder / link["href"]).read_text()) for link in links[1:]]


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


def test_pystac_reads_a_valid_self_contained_collection(tmp_path):
    pystac = pytest.importorskip("pystac", reason="pip install 'covermap[dev]'")
    from pystac.validation import JsonSchemaSTACValidator

    publish_catalog([
        mapped(tmp_path, "a", preview=True),
        mapped(tmp_path, "b", FARTHER, SEASON),
        mapped(tmp_path, "undated", days=None),
        mapped(tmp_path, "picture", tiny_geobox(30, 40, crs=None)),
    ])  # fmt: skip
    collection = pystac.Collection.from_file(str(tmp_path / "collection.json"))
    assert collection.catalog_type == pystac.CatalogType.SELF_CONTAINED
    items = {item.id: item for item in collection.get_items()}
    assert set(items) == {"a", "b", "picture"}
    # The schemas of STAC itself come with pystac; those of extensions it would ask the net for.
    validator = JsonSchemaSTACValidator()
    for thing in (collection, *items.values()):
        told = thing.to_dict(include_self_link=False, transform_hrefs=False)
        assert validator.validate_core(told, thing.STAC_OBJECT_TYPE, "1.1.0") is not None
        assert thing.get_root() is collection
        for asset in thing.assets.values():
            assert Path(asset.get_absolute_href()).is_file()
    assert items["a"].get_collection() is collection
    assert items["a"].datetime == datetime.datetime(2020, 7, 16, tzinfo=datetime.UTC)
    assert items["b"].datetime is None
    start, end = collection.extent.temporal.intervals[0]
    assert (start.date(), end.date()) == (SUMMER[0], SEASON[1])


def test_all_links_are_relative_and_lead_to_files(tmp_path):
    publish_catalog([mapped(tmp_path, "a"), mapped(tmp_path, "b", days=None)])
    for content in (collection_in(tmp_path), *items_of(tmp_path)):
        hrefs = re.findall(r'"href": "([^"]+)"', json.dumps(content))
        assert hrefs
        assert all(href.startswith("./") and (tmp_path / href).is_file() for href in hrefs)
        assert str(tmp_path) not in json.dumps(content)
        assert {link["rel"] for link in content["links"]} <= {
            "root", "parent", "collection", "item",
        }  # fmt: skip


@pytest.fixture
def served(tmp_path):
    """The folder as the web sees it."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["a #1", "why?", "50%", "a%20b", "Wälder im Mai"])
def test_links_lead_to_files_of_any_name(tmp_path, served, name):
    pystac = pytest.importorskip("pystac", reason="pip install 'covermap[dev]'")
    publish_catalog([mapped(tmp_path, name), mapped(tmp_path, f"{name} undated", days=None)])
    collection = pystac.Collection.from_file(f"{served}/collection.json")
    (item,) = collection.get_items()
    assert item.id == name
    assert f"{name} undated.tif" in collection.assets
    for asset in (*item.assets.values(), *collection.assets.values()):
        with urlopen(asset.get_absolute_href().replace(" ", "%20").replace("ä", "%C3%A4")) as found:
            assert found.status == 200
    publish_catalog([mapped(tmp_path, "b", FARTHER)])
    collection = pystac.Collection.from_file(f"{served}/collection.json")
    assert {item.id for item in collection.get_items()} == {name, "b"}


def test_names_with_blanks_are_read_from_a_disk(tmp_path):
    pystac = pytest.importorskip("pystac", reason="pip install 'covermap[dev]'")
    publish_catalog([mapped(tmp_path, "Wälder im Mai")])
    (item,) = pystac.Collection.from_file(str(tmp_path / "collection.json")).get_items()
    assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())


def test_an_item_tells_what_stands_in_the_files(tmp_path):
    publish_catalog([mapped(tmp_path, preview=True)])
    (item,) = items_of(tmp_path)
    for output in ("class", "confidence", "probability"):
        asset = item["assets"][output]
        assert asset["roles"] == ["data"]
        assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
        with rasterio.open(tmp_path / asset["href"]) as dataset:
            assert asset["proj:shape"] == list(dataset.shape)
            assert asset["proj:transform"] == list(dataset.transform)[:6]
            assert asset["proj:bbox"] == list(dataset.bounds)
            assert item["properties"]["proj:code"] == dataset.crs.to_string()
            assert [band["data_type"] for band in asset["bands"]] == list(dataset.dtypes)
            assert [band["nodata"] for band in asset["bands"]] == list(dataset.nodatavals)
            assert [band["description"] for band in asset["bands"]] == list(dataset.descriptions)
            scales = [band.get("raster:scale", 1) for band in asset["bands"]]
            assert scales == list(dataset.scales)
            if output == "class":
                colors = dataset.colormap(1)
    classes = item["assets"]["class"]["classification:classes"]
    assert [entry["value"] for entry in classes] == [1, 2, 3]
    assert [entry["description"] for entry in classes] == list(NAMES)
    for entry in classes:
        # Version 2.0.0: letters, numbers, - and _; six capital hexadecimal digits.
        assert re.fullmatch(r"[0-9A-Za-z_-]+", entry["name"])
        assert re.fullmatch(r"[0-9A-F]{6}", entry["color_hint"])
        assert bytes.fromhex(entry["color_hint"]) == bytes(colors[entry["value"]][:3])
    assert len({entry["name"] for entry in classes}) == 3
    roles = {key: asset["roles"] for key, asset in item["assets"].items()}
    assert roles["style-qgis"] == roles["style-sld"] == roles["polygons-style-qgis"] == ["style"]
    assert roles["polygons"] == ["data"]
    assert roles["thumbnail"] == ["thumbnail"]
    # The thumbnail has no grid, and must not inherit one.
    assert item["assets"]["thumbnail"]["proj:code"] is None
    facts = item["properties"]
    assert facts["covermap:bundle"] == "f00d"
    assert (facts["covermap:engine"], facts["covermap:precision"]) == ("oracle", "float32")
    assert list(facts["processing:software"]) == ["covermap"]


def test_extensions_are_named_where_their_fields_are(tmp_path):
    few = ("class",)
    publish_catalog([mapped(tmp_path, outputs=few), mapped(tmp_path, "b", days=None, outputs=few)])
    (item,) = items_of(tmp_path)
    names = {"proj": "projection", "classification": "classification", "processing": "processing"}
    for content in (item, collection_in(tmp_path)):
        told = {address.split("/")[3] for address in content["stac_extensions"]}
        fields = set(re.findall(r'"(\w+):\w+":', json.dumps(content))) - {"covermap"}
        assert told == {names[field] for field in fields}
    assert not any("raster" in address for address in item["stac_extensions"])


@pytest.mark.parametrize("form", [{}, {"rotated": True}, {"crs": 4326}, {"crs": 3035}])
def test_the_geometry_is_the_footprint(tmp_path, form):
    geobox = tiny_geobox(40, 50, **form)
    publish_catalog([mapped(tmp_path, geobox=geobox, outputs=("class",))])
    (item,) = items_of(tmp_path)
    outline = shapely.geometry.shape(item["geometry"])
    theirs = geobox.extent.to_crs("EPSG:4326", resolution=100).geom
    assert outline.symmetric_difference(theirs).area < 0.02 * theirs.area
    assert item["bbox"] == pytest.approx(theirs.bounds, abs=1e-6)
    assert collection_in(tmp_path)["extent"]["spatial"]["bbox"] == [item["bbox"]]


def test_a_crs_without_a_code_is_told_in_full(tmp_path):
    own = "+proj=laea +lat_0=46 +lon_0=16 +x_0=0 +y_0=0 +ellps=GRS80 +units=m +type=crs"
    publish_catalog([mapped(tmp_path, geobox=GeoBox((9, 9), HERE.affine @ HERE.affine.scale(0.1),
                                                    own), outputs=("class",))])  # fmt: skip
    (item,) = items_of(tmp_path)
    assert item["properties"]["proj:code"] is None
    assert item["properties"]["proj:wkt2"].startswith("PROJCRS[")


def test_days_are_told_and_no_time_is_made_up(tmp_path):
    publish_catalog([mapped(tmp_path, "a"), mapped(tmp_path, "b", days=SEASON)])
    one, stack = (item["properties"] for item in items_of(tmp_path))
    assert one["datetime"] == one["start_datetime"] == "2020-07-16T00:00:00Z"
    assert one["end_datetime"] == "2020-07-16T23:59:59Z"
    assert stack["datetime"] is None
    assert stack["start_datetime"] == "2021-04-01T00:00:00Z"
    assert stack["end_datetime"] == "2021-09-30T23:59:59Z"


def test_a_map_without_a_date_is_an_asset_and_no_item(tmp_path, capsys):
    publish_catalog([mapped(tmp_path, "a", FARTHER), mapped(tmp_path, "b", days=None)])
    collection = collection_in(tmp_path)
    assert [item["id"] for item in items_of(tmp_path)] == ["a"]
    assert list(collection["assets"]) == [
        "b.tif", "b_confidence.tif", "b_polygons.gpkg", "b_probability.tif",
    ]  # fmt: skip
    assert collection["assets"]["b.tif"]["proj:code"] == "EPSG:32633"
    assert "1 map is in it as assets" in capsys.readouterr().err
    # The place is that of both.
    assert collection["extent"]["spatial"]["bbox"][0][0] < items_of(tmp_path)[0]["bbox"][0]
    only = tmp_path / "only"
    publish_catalog([mapped(only, "b", days=None)])
    assert collection_in(only)["extent"]["temporal"]["interval"] == [[None, None]]


def test_a_picture_has_an_item_without_geometry_and_no_collection_of_its_own(tmp_path, capsys):
    picture = tiny_geobox(30, 40, crs=None)
    alone = tmp_path / "alone"
    assert publish_catalog([mapped(alone, "p", picture)]) is None
    assert not bytes_in(alone)
    assert "no map has a CRS" in capsys.readouterr().err
    publish_catalog([mapped(tmp_path, "p", picture), mapped(tmp_path, "s")])
    item = items_of(tmp_path)[0]
    assert item["geometry"] is None
    assert "bbox" not in item


def test_the_same_maps_give_the_same_bytes(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        maps = [mapped(folder, "a", preview=True), mapped(folder, "b", FARTHER, None)]
        publish_catalog(maps if folder.name == "one" else maps[::-1])
    assert bytes_in(tmp_path / "one") == bytes_in(tmp_path / "two")
    today = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    assert today.encode() not in b"".join(bytes_in(tmp_path / "one").values())


def test_a_second_call_adds_to_the_maps_that_stand_there(tmp_path):
    first = [mapped(tmp_path, "a"), mapped(tmp_path, "b", FARTHER, None)]
    publish_catalog(first)
    publish_catalog([mapped(tmp_path, "c", days=SEASON), mapped(tmp_path, "d", days=None)])
    together = tmp_path / "together"
    publish_catalog([
        mapped(together, "a"), mapped(together, "b", FARTHER, None),
        mapped(together, "c", days=SEASON), mapped(together, "d", days=None),
    ])  # fmt: skip
    assert bytes_in(tmp_path) == bytes_in(together)
    # What was removed is not told of any more, and a date that became known makes an item.
    (tmp_path / "a.tif").unlink()
    publish_catalog([dataclasses.replace(first[1], days=SUMMER)])
    assert [item["id"] for item in items_of(tmp_path)] == ["b", "c"]
    assert {key[0] for key in collection_in(tmp_path)["assets"]} == {"d"}


def test_maps_that_are_made_anew_are_withdrawn_first(tmp_path):
    maps = [mapped(tmp_path, name, days=days) for name, days in
            (("a", SUMMER), ("b", SUMMER), ("c", None))]  # fmt: skip
    publish_catalog(maps)
    withdraw([maps[0].path, maps[2].path])
    assert [item["id"] for item in items_of(tmp_path)] == ["b"]
    assert "assets" not in collection_in(tmp_path)
    assert not item_path(maps[0].path).exists()
    withdraw([maps[1].path])
    assert not bytes_in(tmp_path)
    assert maps[1].path.exists()
    assert catalog_files([each.path for each in maps])[0] == tmp_path / "collection.json"


def test_strangers_files_are_passed_over(tmp_path):
    (tmp_path / "their_item.json").write_text('{"type": "Feature", "properties": null}')
    (tmp_path / "broken_item.json").write_text("{")
    (tmp_path / "list_item.json").write_text("[1]")
    publish_catalog([mapped(tmp_path, outputs=("class",))])
    assert [item["id"] for item in items_of(tmp_path)] == ["a"]


def test_a_map_of_values_is_told_with_its_unit(tmp_path):
    facts = dataclasses.replace(
        tiny_bundle(("B02",), names=()), task="regression", quantity=Quantity("tracks", "1/ha")
    )
    publish_catalog([mapped(tmp_path, outputs=("class",), bundle=facts)])
    (item,) = items_of(tmp_path)
    assert list(item["assets"]) == ["value"]
    assert item["assets"]["value"]["title"] == "tracks"
    (band,) = item["assets"]["value"]["bands"]
    assert (band["nodata"], band["data_type"], band["unit"]) == ("nan", "float32", "1/ha")
    assert not any("classification" in address for address in item["stac_extensions"])
