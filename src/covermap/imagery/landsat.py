"""Landsat Collection 2 Level 2 folders (surface reflectance and temperature).

Scales: Landsat 8-9 Collection 2 Level 2 Science Product Guide (USGS LSDS-1619) and the same guide
for Landsat 4-7 (LSDS-1618).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from covermap.core.errors import ImageryError
from covermap.imagery.assembly import code_source
from covermap.imagery.bands import known_band, sensor_of
from covermap.imagery.found import Found, FoundBand
from covermap.imagery.headers import moment_in, read_header
from covermap.imagery.quality import qa_pixel_layer

_REFLECTANCE = (2.75e-5, -0.2)
_TEMPERATURE = (0.00341802, 149.0)
_BAND_FILE = re.compile(r"(L[COTE]0[4-9]_L2S[PR]_.+)_(S[RT]_B\d{1,2})\.tiff?$", re.IGNORECASE)


def is_landsat(folder: Path) -> bool:
    """Whether a folder holds a Landsat Collection 2 Level 2 product."""
    return folder.is_dir() and any(_BAND_FILE.match(path.name) for path in folder.iterdir())


def found_in_landsat(folder: Path) -> list[Found]:
    """The products of a folder: reflectance 0..1, temperature in kelvin, QA_PIXEL as quality.

    DN 0 is nodata. Scales are those of the metadata's Level-2 groups: the Level-1 groups of the
    same file use the same keys with other values.
    """
    products: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted(folder.iterdir()):
        match = _BAND_FILE.match(path.name)
        if match:
            products.setdefault(match.group(1), []).append((match.group(2).upper(), path))
    return [_found(folder, name, files) for name, files in sorted(products.items())]


def _found(folder: Path, product: str, files: list[tuple[str, Path]]) -> Found:
    sensor = sensor_of(product)
    metadata = _metadata_file(folder, product)
    groups = {} if metadata is None else _groups(metadata)
    notes = []
    if metadata is None:
        notes.append("no MTL file: took the scales of the Collection 2 Level 2 guide")
    bands = []
    for name, path in files:
        known = known_band(name, sensor)
        if known is None:
            continue
        scale, offset = _rescaling(groups, name)
        bands.append(
            FoundBand(
                name=known.name,
                header=read_header(path),
                known=known,
                scale=scale,
                offset=offset,
                unit="kelvin" if known.thermal else "reflectance",
                nodata=(0.0,),
            )
        )
    if not bands:
        raise ImageryError(f"{folder}: no band of {product} is known; expected ..._SR_B4.TIF")
    bands.sort(key=lambda band: band.known.wavelength_nm if band.known else 0.0)
    quality = next(iter(sorted(folder.glob(f"{product}_QA_PIXEL.[Tt][Ii][Ff]"))), None)
    if quality is None:
        notes.append("no QA_PIXEL file: clouds are not masked")
    passed = [
        path.name
        for path in sorted(folder.glob(f"{product}_*.[Tt][Ii][Ff]"))
        if path != quality and path not in [file for _, file in files]
    ]
    if passed:
        notes.append(f"passed over, no band: {', '.join(passed)}")
    date = moment_in(str(groups.get("IMAGE_ATTRIBUTES", {}).get("DATE_ACQUIRED", "")))
    date = date or moment_in(product)
    return Found(
        name=product,
        date=date.date() if date else None,
        bands=tuple(bands),
        quality=None if quality is None else qa_pixel_layer(code_source(read_header(quality))),
        notes=tuple(notes),
        metadata=() if metadata is None else (metadata,),
    )


def _rescaling(groups: dict[str, dict[str, Any]], name: str) -> tuple[float, float]:
    kind, band = name.split("_", 1)
    if kind == "ST":
        group, key, default = "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", f"ST_{band}", _TEMPERATURE
        stem = "TEMPERATURE"
    else:
        group, key, default = "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", band[1:], _REFLECTANCE
        stem = "REFLECTANCE"
    values = groups.get(group, {})
    factor = values.get(f"{stem}_MULT_BAND_{key}", default[0])
    offset = values.get(f"{stem}_ADD_BAND_{key}", default[1])
    return float(factor), float(offset)


def _metadata_file(folder: Path, product: str) -> Path | None:
    for ending in ("MTL.txt", "MTL.json"):
        path = folder / f"{product}_{ending}"
        if path.exists():
            return path
    return None


def _groups(path: Path) -> dict[str, dict[str, Any]]:
    """Keys and values of an MTL file, by the name of their group."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        try:
            return dict(json.loads(text)["LANDSAT_METADATA_FILE"])
        except (ValueError, KeyError, TypeError):
            raise ImageryError(
                f"{path}: not readable as Landsat metadata; fetch it again"
            ) from None
    groups: dict[str, dict[str, Any]] = {}
    current: list[str] = []
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            current.append(value)
        elif key == "END_GROUP" and current:
            current.pop()
        elif value and current:
            groups.setdefault(current[-1], {})[key] = value.strip('"')
    return groups
