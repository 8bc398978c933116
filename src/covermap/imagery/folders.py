"""Ordinary image files: one band a file with the band in its name, or all bands in one file."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import ImageryError
from covermap.core.grid import Window
from covermap.imagery.assembly import code_source
from covermap.imagery.bands import Sensor, known_band, sensor_of
from covermap.imagery.found import Found, FoundBand
from covermap.imagery.headers import (
    SUFFIXES,
    BandToken,
    ImageHeader,
    band_token,
    folder_name,
    moment_in,
    moment_of,
    read_header,
)
from covermap.imagery.numbered import found_in_numbered
from covermap.imagery.pool import POOL
from covermap.imagery.quality import QualityLayer, qa_pixel_layer, scl_layer

# Side products with a name of their own kind that nobody means as a band.
_QUICKLOOKS = re.compile(r"(?:^|[_\- ])(TCI|PVI|thumbnail|preview|overview)(?:$|[_\- .])", re.I)
_ALPHA_SAMPLES, _ALPHA_SIZE = 16, 256


def images_in(folder: Path) -> list[Path]:
    """Image files straight in a folder, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def found_in_files(
    paths: Sequence[Path], named: Collection[Path] = (), folder: Path | None = None
) -> list[Found]:
    """Scenes of image files.

    Files of one band that their names tell form one scene for each acquisition, and so do files
    that only the number of their band tells apart; any other file is a scene of its own, or, beside
    files with bands in their names, no band.

    Parameters
    ----------
    paths : sequence of Path
        Image files.
    named : collection of Path
        Those that were named one by one: none is passed over because it looks like no band.
    folder : Path, optional
        The folder that was opened: what else is in it is told in the notes.

    Raises
    ------
    ImageryError
        A quality layer was named without a band that it belongs to.
    """
    tokens = {path: token for path in paths if (token := band_token(path)) is not None}
    bands, layers = _acquisitions(tokens)
    grouped = {path for group in (*bands, *layers) for path in group}
    others = [path for path in paths if path not in grouped]
    lone = [path for group in layers for path in group]
    if bands:
        scenes = [_found_in_group(group, tokens) for group in bands]
        own = [found_in_file(path) for path in others if path in named]
        strangers = [path.name for path in (*others, *lone) if path not in named]
        strangers += [] if folder is None else _others_in(folder, set(paths))
    else:
        if folder is not None:
            others = [path for path in others if not _QUICKLOOKS.search(path.stem)]
        scenes = found_in_numbered(others) or [found_in_file(path) for path in others]
        own, strangers = [], [path.name for path in lone]
    refused = next((path for path in lone if path in named or not (scenes or folder)), None)
    if refused is not None:
        raise ImageryError(
            f"{refused}: is a quality layer by its name, and no band of its acquisition is among "
            "the files. Name it beside the image, quality: {path: "
            f"{refused.name}}}, or leave it out"
        )
    notes = (f"passed over, no band: {', '.join(sorted(strangers))}",) if strangers else ()
    return [*(replace(scene, notes=(*scene.notes, *notes)) for scene in scenes), *own]


def found_in_file(path: Path) -> Found:
    """A file with all bands of a scene."""
    header = read_header(path)
    sensor = sensor_of(path.stem)
    alpha, notes = _alpha(header)
    names = _names(header, sensor)
    bands = []
    quality: QualityLayer | None = None
    for index, (name, named) in enumerate(names, start=1):
        if index == alpha:
            continue
        if name == "SCL":
            quality = scl_layer(code_source(header, index))
        elif name == "QA_PIXEL":
            quality = qa_pixel_layer(code_source(header, index))
        else:
            known = known_band(name, sensor) if named else None
            bands.append(FoundBand(name, header, index, known, named=named, alpha=alpha))
    if not bands:
        raise ImageryError(f"{path}: holds a quality layer or transparency only, no band to read")
    moment = moment_of(header)
    return Found(path.stem, moment.date() if moment else None, tuple(bands), quality, notes)


def opaque(found: Found) -> Found:
    """The same file with its alpha band as an ordinary band, for users who name it."""
    alphas = {band.alpha for band in found.bands} - {None}
    if not alphas:
        return found
    header, index = found.bands[0].header, int(alphas.pop() or 0)
    extra = FoundBand(f"band_{index}", header, index, named=False)
    bands = [replace(band, alpha=None) for band in found.bands]
    bands.insert(index - 1, extra)
    return replace(found, bands=tuple(bands), notes=())


@dataclass(frozen=True)
class StacItem:
    """What a STAC item beside the files says: date, and scale and offset by file name.

    `name` is its id, by which catalogs know it, whatever its file is called (`stac.json`).
    """

    path: Path
    name: str
    date: Any
    rescaling: dict[str, tuple[float, float]]
    baseline: float | None
    offset_applied: bool
    is_sentinel_2: bool


def stac_item_in(folder: Path) -> StacItem | None:
    """The STAC item in a folder, or None."""
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue
        if not isinstance(content, dict) or content.get("type") == "Collection":
            continue
        if "stac_version" in content and "assets" in content and not _of_a_map(content):
            return _stac_item(path, content)
    return None


def calibrated_by(item: StacItem, found: Found) -> Found:
    """Sentinel-2 bands with the reflectance scale of their STAC item.

    Reflectance is DN / 10000 plus the item's offset, except that `boa_offset_applied: true` means
    that the offset is taken off already: then the offset written beside the scale describes the
    agency's product, not these files (Earth Search v1).
    """
    bands = []
    for band in found.bands:
        is_optical = band.known is not None and not band.known.thermal
        if not is_optical or not (item.is_sentinel_2 or band.header.path.name in item.rescaling):
            bands.append(band)
            continue
        missed = -0.1 if (item.baseline or 0) >= 4 and item.is_sentinel_2 else 0.0
        scale, offset = item.rescaling.get(band.header.path.name, (1e-4, missed))
        if item.offset_applied:
            offset = 0.0
        bands.append(replace(band, scale=scale, offset=offset, unit="reflectance", nodata=(0.0,)))
    return replace(
        found,
        name=item.name,
        date=found.date if item.date is None else item.date,
        bands=tuple(bands),
        metadata=(*found.metadata, item.path),
    )


def _of_a_map(item: dict[str, Any]) -> bool:
    """Whether an item tells of a map that covermap wrote beside the imagery."""
    return "covermap:bundle" in (item.get("properties") or {})


def _stac_item(path: Path, content: dict[str, Any]) -> StacItem:
    properties = content.get("properties") or {}
    rescaling = {}
    for asset in content["assets"].values():
        told = _rescaling_of(asset)
        if told is not None:
            rescaling[str(asset.get("href", "")).rsplit("/", 1)[-1]] = told
    moment = moment_in(str(properties.get("datetime") or ""))
    baseline = properties.get("s2:processing_baseline") or properties.get(
        "sentinel:processing_baseline"
    )
    applied = properties.get(
        "earthsearch:boa_offset_applied", properties.get("sentinel:boa_offset_applied", False)
    )
    platform = f"{properties.get('platform', '')} {properties.get('constellation', '')}"
    return StacItem(
        path=path,
        name=re.sub(r"[\\/]", "_", str(content.get("id") or "")) or path.stem,
        date=moment.date() if moment else None,
        rescaling=rescaling,
        baseline=float(baseline) if baseline else None,
        offset_applied=bool(applied),
        is_sentinel_2="sentinel-2" in platform.casefold(),
    )


def _rescaling_of(asset: dict[str, Any]) -> tuple[float, float] | None:
    """Scale and offset of a file with one band; None where the item tells none.

    Up to STAC 1.0 they stand in `raster:bands` (raster extension 1), from 1.1 on, with a prefix, in
    `bands` or, where all bands of a file have the same, beside it (raster extension 2).
    """
    older, bands = asset.get("raster:bands") or [], asset.get("bands") or []
    if max(len(older), len(bands)) > 1:
        return None
    told = {**asset, **(bands[0] if bands else {})}
    if older:
        told |= {f"raster:{key}": value for key, value in older[0].items()}
    if told.get("raster:scale") is None:
        return None
    return float(told["raster:scale"]), float(told.get("raster:offset") or 0.0)


def _others_in(folder: Path, paths: Collection[Path]) -> list[str]:
    return [item.name for item in folder.iterdir() if item.is_file() and item not in paths]


# The files of one acquisition.
_Group = dict[Path, ImageHeader]


def _acquisitions(tokens: Mapping[Path, BandToken]) -> tuple[list[_Group], list[_Group]]:
    """Files of one band by acquisition: those that hold a band, and quality layers alone.

    Numbers of plots look like bands (`plot_B1.tif`): where files lie apart, they are none.
    """
    groups: dict[tuple[Path, str], _Group] = {}
    for path, token in tokens.items():
        if not _QUICKLOOKS.search(path.stem):
            header = read_header(path)
            if header.count == 1 or (header.count == 2 and header.colors[-1] == "alpha"):
                groups.setdefault((path.parent, token.acquisition), {})[path] = header
    bands: list[_Group] = []
    layers: list[_Group] = []
    for group in groups.values():
        if _on_common_ground([header.geobox for header in group.values()]):
            has_band = any(tokens[path].band is not None for path in group)
            (bands if has_band else layers).append(group)
    return bands, layers


def _on_common_ground(boxes: Sequence[GeoBox]) -> bool:
    """Whether grids overlap, all of them; one without a CRS may lie anywhere."""
    placed = [box for box in boxes if box.crs is not None]
    if len(placed) < 2:
        return True
    ground = placed[0].extent
    for box in placed[1:]:
        ground = ground & box.extent.to_crs(ground.crs)
    return bool(ground.area > 0)


def _found_in_group(headers: _Group, tokens: Mapping[Path, BandToken]) -> Found:
    paths = list(headers)
    sensor = _group_sensor(paths, tokens)
    by_name: dict[str, FoundBand] = {}
    quality: tuple[float, QualityLayer] | None = None
    notes = []
    for path in paths:
        token, header = tokens[path], headers[path]
        if token.band is None:
            layer = (scl_layer if token.name == "SCL" else qa_pixel_layer)(code_source(header))
            size = layer.source.band.resolution_m or 0.0
            if quality is None or size < quality[0]:
                quality = (size, layer)
            continue
        known = known_band(token.name, sensor) or token.band
        band = FoundBand(known.name, header, 1, known)
        held = by_name.get(known.name)
        if held is None or band.pixel_m < held.pixel_m:
            by_name[known.name] = band
        if header.count > 1:
            notes.append(f"{path.name}: has {header.count} bands, the first is used")
    acquisition = tokens[paths[0]].acquisition
    moment = next((found for found in map(moment_of, headers.values()) if found), None)
    return Found(
        name=acquisition or folder_name(paths[0]),
        date=moment.date() if moment else None,
        bands=tuple(sorted(by_name.values(), key=_spectral_order)),
        quality=quality[1] if quality else None,
        notes=tuple(notes),
    )


def _spectral_order(band: FoundBand) -> tuple[float, str]:
    return (band.known.wavelength_nm if band.known else np.inf, band.name)


def _group_sensor(paths: Sequence[Path], tokens: Mapping[Path, BandToken]) -> Sensor | None:
    """The sensor of files that lie together; B-names beside words tell that all is Sentinel-2."""
    told = {sensor_of(path.stem) for path in paths} - {None}
    if len(told) == 1:
        return told.pop()
    symbols = [token for token in tokens.values() if re.match(r"B\d", token.name)]
    return "sentinel-2" if symbols else None


def _names(header: ImageHeader, sensor: Sensor | None) -> list[tuple[str, bool]]:
    """Each band's name, and whether the file gave it one."""
    names: list[tuple[str, bool]] = []
    for index, text in enumerate(header.descriptions, start=1):
        known = known_band(text, sensor) if text else None
        is_number = re.fullmatch(r"band[ _]?\d+", text, re.IGNORECASE)
        if known is not None:
            name = known.name
        elif re.fullmatch(r"[A-Za-z][\w.@\-]{0,40}", text) and not is_number:
            name = text
        else:
            name = ""
        taken = any(name == other for other, _ in names)
        names.append((name, True) if name and not taken else (f"band_{index}", False))
    return names


def _alpha(header: ImageHeader) -> tuple[int | None, tuple[str, ...]]:
    """The number of the alpha band, if there is one."""
    if header.colors[-1] != "alpha" or header.count == 1:
        return None, ()
    index = header.count
    # GDAL declares band 4 of any 8-bit file with four bands alpha unless it was told otherwise:
    # only values tell transparency from a near infrared band.
    doubtful = header.count == 4 and header.dtypes[-1] == "uint8"
    if header.descriptions[-1] and header.descriptions[-1].casefold() != "alpha":
        return None, ()
    if doubtful and not _is_all_or_nothing(header, index):
        note = f"band {index} is declared alpha but holds other values than 0 and 255: a data band"
        return None, (note,)
    return index, (f"band {index} is an alpha band: read as validity, not as data",)


def _is_all_or_nothing(header: ImageHeader, index: int) -> bool:
    import rasterio

    height, width = header.geobox.shape
    with POOL.lend(header.path) as dataset:
        for window in _spread(int(height), int(width)):
            region = rasterio.windows.Window(
                window.col_off, window.row_off, window.width, window.height
            )
            values = dataset.read(index, window=region)
            if ((values != 0) & (values != 255)).any():
                return False
    return True


def _spread(height: int, width: int) -> list[Window]:
    side = int(np.sqrt(_ALPHA_SAMPLES))
    tall, wide = min(_ALPHA_SIZE, height), min(_ALPHA_SIZE, width)
    rows = np.unique(np.linspace(0, height - tall, side).astype(int))
    cols = np.unique(np.linspace(0, width - wide, side).astype(int))
    return [Window(int(row), int(col), tall, wide) for row in rows for col in cols]
