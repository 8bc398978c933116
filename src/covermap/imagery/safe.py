"""Sentinel-2 products as ESA publishes them: SAFE folders of Level-1C and Level-2A.

Scale and offset: Sentinel-2 Products Specification Document; since processing baseline 04.00
(January 2022) DNs carry an offset: reflectance = (DN + offset) / quantification value.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from covermap.core.errors import ImageryError
from covermap.imagery.assembly import code_source
from covermap.imagery.bands import TABLES
from covermap.imagery.found import Found, FoundBand
from covermap.imagery.headers import band_token, moment_in, read_header
from covermap.imagery.quality import QualityLayer, scl_layer

_QUANTIFICATION = 10000.0
_OFFSET_SINCE_BASELINE_4 = -1000.0
# Sen2Cor writes 99.99 into products that its users make (N9999): that tells nothing of the offset,
# which its metadata list where there is one.
_MADE_BY_USERS = 99
# Special values: no data and saturated.
_NOTHING = (0.0, 65535.0)
# Of band_id 0..12 in the metadata.
_BAND_ORDER = tuple(TABLES["sentinel-2"])


def is_safe(folder: Path) -> bool:
    """Whether a folder is a Sentinel-2 SAFE."""
    return folder.is_dir() and (
        any(folder.glob("MTD_MSIL*.xml")) or folder.suffix.upper() == ".SAFE"
    )


def found_in_safe(folder: Path) -> list[Found]:
    """The scenes of a SAFE: one for each granule with images (one, in products since 2016).

    Each band is taken at the finest resolution that is there; DN 0 (nodata) and 65535 (saturated),
    which the files do not declare, are invalid.

    Raises
    ------
    ImageryError
        No band is there.
    """
    metadata = next(iter(sorted(folder.glob("MTD_MSIL*.xml"))), None)
    scale, offsets, notes = _rescaling(folder, metadata)
    scenes = []
    for granule in sorted(folder.glob("GRANULE/*")):
        found = _found_in_granule(granule, folder, scale, offsets)
        if found is not None:
            scenes.append(found)
    if not scenes:
        raise ImageryError(
            f"{folder}: a SAFE folder without images. Expected GRANULE/*/IMG_DATA/**/*_B02*.jp2; "
            "download or unpack it again"
        )
    extra = () if metadata is None else (metadata,)
    return [
        Found(
            name=folder.stem if len(scenes) == 1 else found.name,
            date=found.date,
            bands=found.bands,
            quality=found.quality,
            notes=(*notes, *found.notes),
            metadata=extra,
        )
        for found in scenes
    ]


def _found_in_granule(
    granule: Path, folder: Path, scale: float, offsets: dict[str, float]
) -> Found | None:
    bands: dict[str, FoundBand] = {}
    quality: QualityLayer | None = None
    for path in sorted(granule.glob("IMG_DATA/**/*.jp2")):
        token = band_token(path)
        if token is None:
            continue
        header = read_header(path)
        if token.name == "SCL":
            layer = scl_layer(code_source(header))
            if quality is None or _pixel(layer) < _pixel(quality):
                quality = layer
            continue
        if token.band is None or token.name not in offsets:
            continue
        band = FoundBand(
            name=token.name,
            header=header,
            known=TABLES["sentinel-2"][token.name],
            scale=1.0 / scale,
            offset=offsets[token.name] / scale,
            unit="reflectance",
            nodata=_NOTHING,
        )
        held = bands.get(token.name)
        if held is None or band.pixel_m < held.pixel_m:
            bands[token.name] = band
    if not bands:
        return None
    moment = moment_in(folder.name) or moment_in(granule.name)
    ordered = tuple(bands[name] for name in _BAND_ORDER if name in bands)
    return Found(granule.name, moment.date() if moment else None, ordered, quality)


def _pixel(layer: QualityLayer) -> float:
    return layer.source.band.resolution_m or 0.0


def _rescaling(
    folder: Path, metadata: Path | None
) -> tuple[float, dict[str, float], tuple[str, ...]]:
    """Quantification value, offset in DN by band, and what was assumed."""
    tree = None if metadata is None else _parsed(metadata)
    values = [] if tree is None else _texts(tree, "QUANTIFICATION_VALUE")
    if tree is not None and values:
        scale = float(values[0][1])
        offsets = _offsets(tree)
        if offsets is not None:
            return scale, offsets, ()
        baseline = _baseline(folder, tree)
        return scale, dict.fromkeys(_BAND_ORDER, _offset_of(baseline)), ()
    baseline = _baseline(folder, tree)
    if baseline is None:
        raise ImageryError(
            f"{folder}: neither its MTD_MSIL*.xml nor its name tells the processing baseline, so "
            "the offset of its values is not known. Restore the folder's name (..._N0400_...) or "
            "the file"
        )
    offset = _offset_of(baseline)
    note = (
        f"no quantification value in the metadata: took {_QUANTIFICATION:.0f} and the offset "
        f"{offset:.0f} of baseline {baseline:05.2f}"
    )
    return _QUANTIFICATION, dict.fromkeys(_BAND_ORDER, offset), (note,)


def _offset_of(baseline: float | None) -> float:
    return _OFFSET_SINCE_BASELINE_4 if baseline is not None and baseline >= 4 else 0.0


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ImageryError(f"{path}: not readable as XML ({error}). Fetch it again") from None


def _texts(tree: ElementTree.Element, ending: str) -> list[tuple[ElementTree.Element, str]]:
    """Elements of the reflectance's tags: `BOA_...` in Level-2A, `RADIO_...` or bare in 1C."""
    wanted = {ending, f"BOA_{ending}", f"RADIO_{ending}"}
    return [
        (item, item.text.strip())
        for item in tree.iter()
        if item.tag.rsplit("}", 1)[-1] in wanted and item.text
    ]


def _offsets(tree: ElementTree.Element) -> dict[str, float] | None:
    found = _texts(tree, "ADD_OFFSET")
    if not found:
        return None
    names = dict(enumerate(_BAND_ORDER))
    for item in tree.iter("Spectral_Information"):
        number, label = item.get("bandId"), item.get("physicalBand", "")
        digits = label.upper().lstrip("B")
        if number is not None and digits:
            names[int(number)] = "B8A" if digits == "8A" else f"B{int(digits):02d}"
    offsets = dict.fromkeys(_BAND_ORDER, 0.0)
    for item, text in found:
        offsets[names[int(item.get("band_id", "0"))]] = float(text)
    return offsets


def _baseline(folder: Path, tree: ElementTree.Element | None) -> float | None:
    """The processing baseline by the metadata or the folder's name; None where none tells it."""
    texts = [] if tree is None else _texts(tree, "PROCESSING_BASELINE")
    match = re.search(r"_N(\d{2})(\d{2})_", folder.name)
    if texts:
        found = float(texts[0][1])
    elif match:
        found = float(f"{match.group(1)}.{match.group(2)}")
    else:
        return None
    return None if found >= _MADE_BY_USERS else found
