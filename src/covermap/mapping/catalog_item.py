"""What a STAC catalog says of one map: its files, its place, its day and its model."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from odc.geo.geobox import GeoBox

from covermap import __version__
from covermap.core.legend import Legend
from covermap.core.place import place_of
from covermap.imagery.raster import Days
from covermap.mapping.files import Kind, map_files, written_outputs
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Layer, plan_layers

if TYPE_CHECKING:
    from covermap.bundle.facts import Bundle
    from covermap.mapping.result import MapResult

STAC_VERSION = "1.1.0"
COLLECTION_FILE = "collection.json"
COLLECTION_ID = "covermap-maps"
COLLECTION_TITLE = "Maps by covermap"
TO_COLLECTION = {
    "href": f"./{COLLECTION_FILE}",
    "type": "application/json",
    "title": COLLECTION_TITLE,
}
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
_EXTENSIONS = {
    "classification:": _SCHEMA.format("classification/v2.0.0"),
    "proj:": _SCHEMA.format("projection/v2.0.0"),
    "raster:": _SCHEMA.format("raster/v2.0.0"),
    "processing:": _SCHEMA.format("processing/v1.2.0"),
}

# What stands beside the rasters: key, media type, role and title of the asset.
_BESIDE: dict[Kind, tuple[str, str, str, str]] = {
    "polygons": (
        "polygons", "application/geopackage+sqlite3", "data", "regions of the class map",
    ),
    "polygon style": (
        "polygons-style-qgis", "application/xml", "style", "QGIS style of the polygons",
    ),
    "QGIS style": ("style-qgis", "application/xml", "style", "QGIS style"),
    "SLD style": (
        "style-sld", "application/vnd.ogc.sld+xml", "style", "Styled Layer Descriptor",
    ),
    "attributes": ("attributes", "application/xml", "metadata", "class names, for GDAL"),
    "preview": ("thumbnail", "image/png", "thumbnail", "picture of the map"),
}  # fmt: skip


@dataclass(frozen=True)
class MappedScene:
    """A finished map, and what its files do not say themselves.

    Attributes
    ----------
    name : str
        The scene's.
    path : Path
        The class map, or the map of values.
    geobox : GeoBox
    days : (date, date) or None
        On which the scene was taken, where that is known.
    bundle : Bundle
    digest : str
        Of the bundle.
    settings : MapSettings
    result : MapResult
    """

    name: str
    path: Path
    geobox: GeoBox
    days: Days | None
    bundle: Bundle
    digest: str
    settings: MapSettings
    result: MapResult


def item_path(class_map: Path) -> Path:
    """Where the item of a map lies."""
    return class_map.with_name(f"{class_map.stem}_item.json")


def href_to(name: str) -> str:
    """The link to a file of this name beside the catalog."""
    # Blanks and letters of any script stay: readers of the web encode them by themselves, and
    # pystac opens links on a disk as they are written.
    return f"./{re.sub('[#?%]', lambda found: quote(found[0]), name)}"


def name_in(href: str) -> str:
    """The name of the file that such a link leads to."""
    return unquote(href).removeprefix("./")


def item_of(mapped: MappedScene) -> dict[str, Any]:
    """The STAC item of a map whose days are known."""
    if mapped.days is None:
        raise ValueError(f"{mapped.name}: an item needs a date")
    place = place_of(mapped.geobox)
    item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": mapped.name,
        # Of pictures there is no place, and then no bbox either (STAC 1.1, unlocated items).
        "geometry": None if place is None else place.outline.__geo_interface__,
        **({} if place is None else {"bbox": list(place.bounds)}),
        "properties": {
            "title": mapped.name,
            **_times(mapped.days),
            **_origin(mapped),
            **_crs(mapped.geobox),
        },
        "links": [{"rel": rel, **TO_COLLECTION} for rel in ("root", "parent", "collection")],
        "assets": assets_of(mapped),
        "collection": COLLECTION_ID,
    }
    item["stac_extensions"] = extensions_of(item)
    return item


def undated_assets_of(mapped: MappedScene) -> dict[str, Any]:
    """The rasters and polygons of a map without a date, as assets of a collection."""
    facts = {**_origin(mapped), "covermap:scene": mapped.name}
    return {
        name_in(asset["href"]): {
            **asset,
            **facts,
            **_crs(mapped.geobox),
        }
        for asset in assets_of(mapped).values()
        if "data" in asset["roles"]
    }


def assets_of(mapped: MappedScene) -> dict[str, Any]:
    """The files of a map that are there."""
    bundle, path = mapped.bundle, mapped.path
    layers = plan_layers(path, bundle.legend, mapped.settings)
    grid = _grid(mapped.geobox)
    assets: dict[str, Any] = {layer.output: _raster(layer, bundle) | grid for layer in layers}
    written = map_files(path, written_outputs(mapped.settings, bundle.legend))
    files = {file.kind: file.path for file in written if file.path.exists()}
    for kind, (key, media_type, role, title) in _BESIDE.items():
        if kind in files:
            assets[key] = _asset(files[kind], media_type, role, title)
    if "thumbnail" in assets:
        # A picture with title and legend has no grid: what the item says of it must not be taken
        # for its own (projection extension, thumbnails).
        assets["thumbnail"]["proj:code"] = None
    return assets


def extensions_of(document: dict[str, Any]) -> list[str]:
    """Addresses of the extensions whose fields a document has."""
    keys = set(_keys(document))
    return [
        address
        for prefix, address in _EXTENSIONS.items()
        if any(key.startswith(prefix) for key in keys)
    ]


def _keys(content: Any) -> list[str]:
    if isinstance(content, dict):
        return [*content, *(key for value in content.values() for key in _keys(value))]
    if isinstance(content, list):
        return [key for value in content for key in _keys(value)]
    return []


def _times(days: Days) -> dict[str, str | None]:
    """Days as STAC writes them: the time of day is not known, so the whole day is meant."""
    first, last = days
    start, end = f"{first.isoformat()}T00:00:00Z", f"{last.isoformat()}T23:59:59Z"
    # Of a stack no day is more its own than another.
    return {
        "datetime": start if first == last else None,
        "start_datetime": start,
        "end_datetime": end,
    }


def _origin(mapped: MappedScene) -> dict[str, Any]:
    return {
        "processing:software": {"covermap": __version__},
        "covermap:model": str(mapped.bundle.model.get("name", "")),
        "covermap:bundle": mapped.digest,
        "covermap:engine": mapped.result.engine,
        "covermap:precision": mapped.result.precision,
    }


def _crs(geobox: GeoBox) -> dict[str, Any]:
    if geobox.crs is None:
        return {"proj:code": None}
    proj = geobox.crs.proj
    # A code for a CRS that is only much like it would move the map.
    authority = proj.to_authority(min_confidence=100)
    if authority is None:
        return {"proj:code": None, "proj:wkt2": proj.to_wkt()}
    return {"proj:code": ":".join(authority)}


def _grid(geobox: GeoBox) -> dict[str, Any]:
    shape = {"proj:shape": [int(size) for size in geobox.shape]}
    if geobox.crs is None:
        return shape
    box = geobox.extent.boundingbox
    return {
        **shape,
        "proj:transform": list(geobox.affine)[:6],
        "proj:bbox": [box.left, box.bottom, box.right, box.top],
    }


def _raster(layer: Layer, bundle: Bundle) -> dict[str, Any]:
    title = layer.bands[0]
    if layer.output == "probability":
        title = "probability of each class"
    elif bundle.quantity is not None:
        title = bundle.quantity.name
    asset = {**_asset(layer.path, COG, "data", title), "bands": _bands(layer, bundle)}
    if layer.output == "class":
        asset["classification:classes"] = _classes(bundle.legend)
    return asset


def _bands(layer: Layer, bundle: Bundle) -> list[dict[str, Any]]:
    names = _short_names(bundle.legend) if layer.output == "probability" else [layer.output]
    facts: dict[str, Any] = {
        "data_type": layer.dtype,
        "nodata": "nan" if math.isnan(layer.nodata) else layer.nodata,
    }
    if layer.scale is not None:
        facts["raster:scale"] = layer.scale
    if bundle.quantity is not None:
        facts["unit"] = bundle.quantity.unit
    return [
        {"name": name, "description": description, **facts}
        for name, description in zip(names, layer.bands, strict=True)
    ]


def _classes(legend: Legend) -> list[dict[str, Any]]:
    return [
        {
            "value": item.id,
            "name": name,
            "title": item.name,
            # What readers of the extension's first version show.
            "description": item.name,
            "color_hint": item.color.removeprefix("#").upper(),
        }
        for item, name in zip(legend.classes, _short_names(legend), strict=True)
    ]


def _short_names(legend: Legend) -> list[str]:
    """Class names of letters, digits, - and _ alone, as version 2 of the extension asks for."""
    short: list[str] = []
    for item in legend.classes:
        plain = unicodedata.normalize("NFKD", item.name).encode("ascii", "ignore").decode()
        name = re.sub(r"[^0-9A-Za-z_-]+", "_", plain).strip("_") or "class"
        short.append(name if name not in short and name != "class" else f"{name}_{item.id}")
    return short


def _asset(path: Path, media_type: str, role: str, title: str) -> dict[str, Any]:
    return {"href": href_to(path.name), "type": media_type, "title": title, "roles": [role]}
