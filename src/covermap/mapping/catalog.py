"""The STAC collection of a folder of maps: which maps stand there, where, and of which days.

It is static and self-contained: `collection.json` links an item beside each map, and all links are
relative. STAC asks for a place of every collection and a time of every item. What is not known
is not made up: a map without a date is an asset of the collection and no item, and maps that
have no place at all, such as pictures, have no collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioIOError

from covermap.core.errors import CovermapError
from covermap.core.files import read_json, write_json
from covermap.core.place import Bounds, joined_bounds, place_of
from covermap.core.progress import say
from covermap.mapping.catalog_item import (
    COG,
    COLLECTION_FILE,
    COLLECTION_ID,
    COLLECTION_TITLE,
    STAC_VERSION,
    TO_COLLECTION,
    MappedScene,
    extensions_of,
    href_to,
    item_of,
    item_path,
    name_in,
    undated_assets_of,
)
from covermap.mapping.reading import pictures_allowed


def catalog_files(maps: Sequence[Path]) -> list[Path]:
    """The files of a catalog of these maps, which stand in one folder."""
    return [maps[0].with_name(COLLECTION_FILE), *map(item_path, maps)]


def is_own_catalog(path: Path) -> bool:
    """Whether a file is a collection or an item as this program writes them."""
    return bool(_own(path))


def withdraw(maps: Sequence[Path]) -> None:
    """Take maps that are about to be made anew out of the catalog of their folder.

    What it said of them would be untrue of a map that takes their place while others wait.

    Parameters
    ----------
    maps : sequence of Path
        Class maps, of one folder.
    """
    folder = maps[0].parent
    if (folder / COLLECTION_FILE).exists():
        gone = {path.stem for path in maps}
        _write(folder, _standing_items(folder, gone), _standing_assets(folder, gone))
    for path in maps:
        item_path(path).unlink(missing_ok=True)


def publish_catalog(mapped: Sequence[MappedScene]) -> Path | None:
    """Write the items of finished maps, and the collection of all maps in their folder.

    Maps of earlier calls stay in it as long as their files are there. The same maps give the same
    bytes. The collection is written last.

    Parameters
    ----------
    mapped : sequence of MappedScene
        Not empty; all in one folder.

    Returns
    -------
    Path or None
        The collection; None where no map has a place on the Earth, which is told.
    """
    folder = mapped[0].path.parent
    own = {item.path.stem for item in mapped}
    items = _standing_items(folder, own)
    assets = _standing_assets(folder, own)
    fresh = {}
    for each in mapped:
        if each.days is None:
            item_path(each.path).unlink(missing_ok=True)
            assets.update(undated_assets_of(each))
        else:
            fresh[item_path(each.path)] = item_of(each)
    items.update({path.name: item for path, item in fresh.items()})
    if not _bounds(folder, items, assets):
        say(f"{folder}: no STAC collection, since no map has a CRS that says where it lies")
        _write(folder, {}, {})
        return None
    for path, item in fresh.items():
        write_json(path, item)
    _write(folder, items, assets)
    collection = folder / COLLECTION_FILE
    undated = len(mapped) - len(fresh)
    say(f"{collection}: STAC collection, {len(items)} items" + _undated_told(undated))
    return collection


def _undated_told(count: int) -> str:
    if not count:
        return ""
    maps = "1 map is" if count == 1 else f"{count} maps are"
    return (
        f"; {maps} in it as assets and not as items, which need a date: write it into the "
        "scene's name (scene_20200716.tif) or its tag 'datetime', and map again"
    )


def _write(folder: Path, items: dict[str, Any], assets: dict[str, Any]) -> None:
    """Write a collection, or remove it where it would hold nothing with a place."""
    bounds, path = _bounds(folder, items, assets), folder / COLLECTION_FILE
    if not bounds:
        path.unlink(missing_ok=True)
        return
    properties = [item["properties"] for item in items.values()]
    # Both ends are open where no map has a date (STAC 1.1, temporal extent).
    start = min((facts["start_datetime"] for facts in properties), default=None)
    end = max((facts["end_datetime"] for facts in properties), default=None)
    collection: dict[str, Any] = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": COLLECTION_ID,
        "title": COLLECTION_TITLE,
        "description": "Maps made by trained models of covermap, one of each scene.",
        # Which licence maps are under is for their makers to say.
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(joined_bounds(bounds))]},
            "temporal": {"interval": [[start, end]]},
        },
        "links": [
            {"rel": "root", **TO_COLLECTION},
            *(
                {
                    "rel": "item",
                    "href": href_to(name),
                    "type": "application/geo+json",
                    "title": items[name]["id"],
                }
                for name in sorted(items)
            ),
        ],
    }
    if assets:
        collection["assets"] = {key: assets[key] for key in sorted(assets)}
    collection["stac_extensions"] = extensions_of(collection)
    write_json(path, collection)


def _standing_items(folder: Path, without: set[str]) -> dict[str, Any]:
    """Items of other maps that are still there, by file name."""
    items = {}
    for path in sorted(folder.glob("*_item.json")):
        if path.name.removesuffix("_item.json") in without:
            continue
        item = _own(path)
        if item and _all_there(folder, item["assets"].values()):
            items[path.name] = item
    return items


def _standing_assets(folder: Path, without: set[str]) -> dict[str, Any]:
    """Maps without a date that an earlier call put into the collection and that are there."""
    assets = _own(folder / COLLECTION_FILE).get("assets", {})
    return {
        key: asset
        for key, asset in assets.items()
        if asset.get("covermap:scene") not in without and _all_there(folder, [asset])
    }


def _all_there(folder: Path, assets: Any) -> bool:
    return all(
        (folder / name_in(asset["href"])).exists() for asset in assets if "data" in asset["roles"]
    )


def _own(path: Path) -> dict[str, Any]:
    """The content of a collection or an item of this program; empty of any other file."""
    try:
        content = read_json(path)
    except (CovermapError, OSError):
        return {}
    if not isinstance(content, dict):
        return {}
    own = {
        "Collection": content.get("id") == COLLECTION_ID,
        "Feature": "covermap:bundle" in (content.get("properties") or {}),
    }
    return content if own.get(str(content.get("type"))) else {}


def _bounds(folder: Path, items: dict[str, Any], assets: dict[str, Any]) -> list[Bounds]:
    """Where the maps lie, those that have a place."""
    bounds = [tuple(item["bbox"]) for item in items.values() if "bbox" in item]
    return [*bounds, *_undated_bounds(folder, assets)]


def _undated_bounds(folder: Path, assets: dict[str, Any]) -> Iterator[Bounds]:
    for asset in assets.values():
        if asset["type"] != COG:
            continue
        try:
            with pictures_allowed(), rasterio.open(folder / name_in(asset["href"])) as dataset:
                crs = dataset.crs and dataset.crs.to_wkt()
                place = place_of(GeoBox(dataset.shape, dataset.transform, crs))
        except RasterioIOError:
            continue
        if place is not None:
            yield place.bounds
