"""From bands found in files, and what the project says of them, to a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from odc.geo.geobox import GeoBox

from covermap.core.errors import ImageryError, nearest
from covermap.core.grid import pixel_size_m
from covermap.imagery.bands import quality_kind
from covermap.imagery.choosing import chosen, renaming_notes
from covermap.imagery.file_scene import FileScene
from covermap.imagery.found import Found, FoundBand
from covermap.imagery.headers import ImageHeader
from covermap.imagery.indices import is_index
from covermap.imagery.places import has_place
from covermap.imagery.quality import (
    SCL_CLOUD,
    SCL_INVALID,
    QualityLayer,
    qa_pixel_layer,
    scl_layer,
    told,
)
from covermap.imagery.raster import Band, Unit
from covermap.imagery.settings import ImagerySettings, QualitySettings
from covermap.imagery.sources import BandSource


def assembled(
    found: Found, settings: ImagerySettings | None, quality_file: ImageHeader | None = None
) -> FileScene:
    """The scene of what was found and what the settings say.

    Parameters
    ----------
    found : Found
    settings : ImagerySettings or None
        Chooses or names bands; its scale, offset, nodata, unit, quality and date rule.
    quality_file : ImageHeader, optional
        The file that `settings.quality` names.

    Raises
    ------
    ImageryError
        Bands that are not there, lists of another length than the bands, or files without a place
        whose sizes differ.
    """
    bands, quality = list(found.bands), found.quality
    if settings is not None and settings.quality is not None:
        quality, bands = _quality(found, settings, quality_file, bands)
        others = [word for word in settings.bands or [] if word != settings.quality.band]
        settings = settings.model_copy(update={"bands": others or None})
    own, bands = bands, chosen(found.name, bands, settings)
    sources = tuple(
        _source(found.name, band, place, len(bands), settings) for place, band in enumerate(bands)
    )
    placed = [source for source in sources if has_place(source.geobox)] or sources
    grid = min(placed, key=lambda source: source.band.resolution_m or 0.0).geobox
    sources = tuple(_laid_on(source, grid, "bilinear") for source in sources)
    if quality is not None:
        quality = replace(quality, source=_laid_on(quality.source, grid, "nearest"))
    quality_notes = [] if quality is None else [told(quality)]
    declared = dict.fromkeys(note for band in bands for note in band.header.notes)
    renamed = renaming_notes(own, bands)
    notes = [*found.notes, *declared, *renamed, *quality_notes, *_unit_notes(sources)]
    return FileScene(
        name=(settings.name if settings and settings.name else found.name),
        date=(settings.date if settings and settings.date else found.date),
        geobox=grid,
        sources=sources,
        quality=quality,
        notes=tuple(notes),
        metadata=found.metadata,
    )


def code_source(header: ImageHeader, index: int = 1) -> BandSource:
    """A class or bit layer in a file."""
    band = Band(header.path.stem, "dn", None, pixel_size_m(header.geobox))
    declared = header.nodata[index - 1]
    nodata = () if declared is None else (float(declared),)
    mask = "dataset" if header.has_mask else "none"
    return BandSource(band, header.path, index, header.geobox, nodata=nodata, mask=mask)


def _laid_on(source: BandSource, grid: GeoBox, resampling: str) -> BandSource:
    """A source on the ground; one without a place lies pixel on pixel over the scene's grid."""
    if source.geobox == grid or (has_place(source.geobox) and has_place(grid)):
        return source
    size, wanted = source.geobox.shape, grid.shape
    if size != wanted:
        raise ImageryError(
            f"{source.path}: is {size.x} x {size.y} pixels, and other files of its scene are "
            f"{wanted.x} x {wanted.y}: without a CRS in both nothing tells how they lie on each "
            f"other. Bring it to that size: gdal_translate -outsize {wanted.x} {wanted.y} "
            f"-r {resampling} {source.path.name} resized.tif"
        )
    band = replace(source.band, resolution_m=pixel_size_m(grid))
    return replace(source, geobox=grid, band=band)


def _source(
    name: str, found: FoundBand, place: int, count: int, settings: ImagerySettings | None
) -> BandSource:
    def given(key: str) -> Any:
        value = getattr(settings, key) if settings is not None else None
        if not isinstance(value, list):
            return value
        if len(value) != count:
            raise ImageryError(
                f"{name}: {key}: has {len(value)} values for {count} bands; give one value, or one "
                "for each band"
            )
        return value[place]

    header, row = found.header, found.index - 1
    tagged = header.scales[row] != 1 or header.offsets[row] != 0
    scale, offset = found.scale, found.offset
    if scale is None and offset is None and tagged:
        scale, offset = header.scales[row], header.offsets[row]
    scale = scale if given("scale") is None else given("scale")
    offset = offset if given("offset") is None else given("offset")
    unit = given("unit") or _unit(found, given("scale") is not None, tagged)
    nodata = given("nodata")
    declared = header.nodata[row] if nodata is None else nodata
    nothing = [*found.nodata, *([] if declared is None else [float(declared)])]
    wavelength = found.known.wavelength_nm if found.known else None
    mask: str | int = found.alpha or ("dataset" if header.has_mask else "none")
    return BandSource(
        band=Band(found.name, unit, wavelength, found.pixel_m),
        path=header.path,
        index=found.index,
        geobox=header.geobox,
        scale=1.0 if scale is None else float(scale),
        offset=float(offset or 0.0),
        nodata=tuple(dict.fromkeys(nothing)),
        mask=mask,
    )


def _unit(found: FoundBand, scaled: bool, tagged: bool) -> Unit:
    thermal = found.known is not None and found.known.thermal
    if scaled:
        return "kelvin" if thermal else "reflectance"
    if found.unit is not None:
        return found.unit
    if tagged and found.known is not None:
        return "kelvin" if thermal else "reflectance"
    if found.known is None and found.named and is_index(found.name):
        return "index"
    return "dn"


def _unit_notes(sources: Sequence[BandSource]) -> list[str]:
    plain = [source.band.name for source in sources if source.band.unit == "dn"]
    if not plain:
        return []
    return [f"no scale is known, so these are plain numbers (dn): {', '.join(plain)}"]


def _quality(
    found: Found,
    settings: ImagerySettings,
    header: ImageHeader | None,
    bands: list[FoundBand],
) -> tuple[QualityLayer, list[FoundBand]]:
    """The quality layer that the project names, and the bands without it."""
    asked = settings.quality
    assert asked is not None
    if header is None and asked.band is None:
        if found.quality is None:
            raise ImageryError(
                f"{found.name}: quality: names neither path nor band, and the scene has no quality "
                "layer of its own; write quality: {path: mask.tif} or {band: QA}"
            )
        return _with_codes(found.quality, asked), bands
    if header is not None:
        source = code_source(header, _quality_index(header, asked.band))
        return _with_codes(_default_layer(source, source.path.stem), asked), bands
    if found.quality is not None and _is_meant(found.quality, asked.band, bands):
        return _with_codes(found.quality, asked), bands
    place = _band_place(found.name, bands, asked.band, settings.bands)
    band = bands[place]
    name = asked.band if isinstance(asked.band, str) else band.name
    layer = _default_layer(code_source(band.header, band.index), name)
    return _with_codes(layer, asked), bands[:place] + bands[place + 1 :]


def _is_meant(layer: QualityLayer, band: str | int | None, bands: Sequence[FoundBand]) -> bool:
    """Whether a name or number is that of the band that was taken for the quality layer already."""
    if isinstance(band, str):
        return quality_kind(band) == ("QA_PIXEL" if layer.bits else "SCL")
    source = layer.source
    return band == source.index and all(own.header.path == source.path for own in bands)


def _quality_index(header: ImageHeader, band: str | int | None) -> int:
    if isinstance(band, str):
        if band not in header.descriptions:
            raise ImageryError(
                f"{header.path}: quality: band '{band}' is not there; "
                f"{nearest(band, [d for d in header.descriptions if d] or ['1'])}"
            )
        return header.descriptions.index(band) + 1
    index = band or 1
    if not 1 <= index <= header.count:
        raise ImageryError(f"{header.path}: quality: band {index} of {header.count} does not exist")
    return index


def _band_place(
    name: str, bands: list[FoundBand], wanted: str | int | None, given: Sequence[str] | None
) -> int:
    """Place of a band by its name, its number, or the name that the project gives it."""
    files = {band.header.path for band in bands}
    if isinstance(wanted, int) and len(files) > 1:
        raise ImageryError(
            f"{name}: quality: band: {wanted} is no number of a band, as each is in a file of its "
            f"own; name one of {', '.join(band.name for band in bands)}"
        )
    for place, band in enumerate(bands):
        if wanted in (band.name, band.index):
            return place
    if given is not None and wanted in given and len(given) == len(bands):
        return list(given).index(str(wanted))
    raise ImageryError(
        f"{name}: quality: band '{wanted}' is not there; "
        f"{nearest(str(wanted), [band.name for band in bands])}"
    )


def _default_layer(source: BandSource, name: str) -> QualityLayer:
    word = name.upper()
    if "SCL" in word:
        return scl_layer(source)
    if "QA_PIXEL" in word:
        return qa_pixel_layer(source)
    return QualityLayer(source)


def _with_codes(layer: QualityLayer, settings: QualitySettings) -> QualityLayer:
    if settings.invalid is not None:
        invalid = tuple(settings.invalid)
        is_scl = (layer.invalid, layer.cloud) == (SCL_INVALID, SCL_CLOUD)
        cloud = tuple(code for code in invalid if code in SCL_CLOUD) if is_scl else invalid
        layer = replace(layer, invalid=invalid, cloud=cloud, bits=False)
    elif layer.bits and settings.cloud is not None:
        raise ImageryError(
            f"{layer.source.path}: quality: give invalid: beside cloud:, both as codes of the layer"
        )
    if settings.cloud is not None:
        layer = replace(layer, cloud=tuple(settings.cloud))
    if layer.invalid is None:
        # A layer of marked ground alone (gdal_rasterize -a_nodata 0): where no mark is it is clear.
        nodata = tuple(code for code in layer.source.nodata if code != 0)
        layer = replace(layer, source=replace(layer.source, nodata=nodata))
    return layer
