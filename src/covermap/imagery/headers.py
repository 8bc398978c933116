"""What an image file says of itself, without its pixels, and what its name says."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyproj
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from covermap.core.errors import ImageryError
from covermap.core.files import UNPACK_IT, looks_like_archive
from covermap.imagery.bands import (
    KnownBand,
    Sensor,
    is_quality_word,
    known_band,
    quality_kind,
    sensor_of,
)
from covermap.imagery.pool import POOL

SUFFIXES = (".tif", ".tiff", ".gtif", ".gtiff", ".vrt", ".jp2", ".png", ".jpg", ".jpeg", ".img")

# In the note on an image that is placed on the Earth, but not by a grid.
UNGRIDDED = "and no grid"
# In the note on a photograph that viewers turn.
TURNED = "EXIF orientation"
GIVE_A_CRS = (
    "give it one (gdal_edit.py -a_srs EPSG:CODE image.tif; a picture without a place, such as a "
    "PNG, in QGIS: Layer, Georeferencer; one with control points or RPCs has no grid: gdalwarp "
    "-t_srs EPSG:CODE image.tif warped.tif)"
)


@dataclass(frozen=True)
class ImageHeader:
    """A file's grid and what it declares of each band (tuples have one item a band).

    `notes` tell what is not taken as it is declared.
    """

    path: Path
    geobox: GeoBox
    dtypes: tuple[str, ...]
    nodata: tuple[float | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    descriptions: tuple[str, ...]
    colors: tuple[str, ...]
    has_mask: bool
    tags: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        return len(self.dtypes)


# GDAL opens some of these as containers of a whole product.
_METADATA = (".xml", ".json", ".txt")

# What the pixels of a picture begin with, and what stands after the last one.
_PNG, _JPEG = (b"IDAT", b"IEND"), (b"\xff\xda", b"\xff\xd9")
_ENDS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG}
_TAIL_BYTES = 64


def read_header(path: Path) -> ImageHeader:
    """Read what a file declares.

    Raises
    ------
    ImageryError
        The file is missing, no image, a PNG or JPEG that was cut short, or holds no band of its own
        (a container of subdatasets).
    """
    _require_whole(path)
    with POOL.lend(path) as dataset:
        if dataset.count == 0 and looks_like_archive(path):
            raise ImageryError(f"{path}: is {UNPACK_IT}")
        if dataset.count == 0:
            raise ImageryError(
                f"{path}: holds no band that can be read directly (a container such as NetCDF). "
                "Export the bands to a GeoTIFF"
            )
        flags = [flag.name for flag in dataset.mask_flag_enums[0]]
        return ImageHeader(
            path=path,
            geobox=GeoBox(dataset.shape, dataset.transform, _crs(dataset.crs)),
            dtypes=tuple(dataset.dtypes),
            nodata=tuple(dataset.nodatavals),
            scales=tuple(dataset.scales),
            offsets=tuple(dataset.offsets),
            descriptions=tuple((text or "").strip() for text in dataset.descriptions),
            colors=tuple(color.name for color in dataset.colorinterp),
            has_mask="per_dataset" in flags and "alpha" not in flags,
            tags=tuple(sorted(dataset.tags().items())),
            notes=_notes(dataset),
        )


def parts_of_image(path: Path) -> list[Path]:
    """All files that hold the content of an image, itself first.

    Beside it these are world files, masks, overviews and `.aux.xml`, and of a virtual raster (VRT)
    its sources with theirs. A file that is no image, or none that can be opened, is alone.
    """
    found, waiting = {path: None}, [path]
    while waiting:
        image = waiting.pop()
        if image.suffix.lower() in _METADATA:
            continue
        try:
            # A handle of the pool would tell what lay there when it was opened.
            with _quietly_opened(image) as dataset:
                parts = [item for item in map(Path, dataset.files) if item.is_file()]
                # GDAL tells the sources, but neither their sources nor what lies beside them.
                more = parts if dataset.driver == "VRT" else []
        except RasterioError:
            continue
        waiting += [item for item in more if item not in found]
        found.update(dict.fromkeys(parts))
    return list(found)


def parts_of_images(paths: Iterable[Path]) -> list[Path]:
    """The same of several images, in their order, each file once."""
    return list(
        dict.fromkeys(part for path in dict.fromkeys(paths) for part in parts_of_image(path))
    )


@dataclass(frozen=True)
class BandToken:
    """The band that a file name carries.

    `band` is None for a quality layer; `acquisition` is the rest of the name, the same for all
    files of one scene.
    """

    name: str
    band: KnownBand | None
    acquisition: str


_SEPARATOR = r"[ _,.\-]"
_RESOLUTION = re.compile(rf"{_SEPARATOR}?\d{{2}}m$", re.IGNORECASE)
_SYMBOL = re.compile(
    rf"(?:^|{_SEPARATOR})(S[RT]_B\d{{1,2}}|QA_PIXEL|SCL|B(?:0[1-9]|1[0-2]|8A|[1-9]))"
    rf"(?=$|{_SEPARATOR})",
    re.IGNORECASE,
)


def band_token(path: Path) -> BandToken | None:
    """The band in a file's name (`B02`, `..._B02_10m`, `..._SR_B4`, `red`, `SCL`), or None."""
    stem = _RESOLUTION.sub("", path.stem)
    sensor = sensor_of(path.stem)
    symbols = list(_SYMBOL.finditer(stem))
    if symbols:
        match = symbols[-1]
        rest = (stem[: match.start()] + stem[match.end() :]).strip(" _,.-")
        return _token(match.group(1), sensor, "" if _is_band_word(rest) else rest)
    if _is_band_word(stem) or is_quality_word(stem):
        return _token(stem, sensor, "")
    parts = re.split(_SEPARATOR, stem)
    for word, others in ((parts[-1], parts[:-1]), (parts[0], parts[1:])):
        if others and (_is_band_word(word) or is_quality_word(word)):
            return _token(word, sensor, "_".join(others))
    return None


def _token(word: str, sensor: Sensor | None, acquisition: str) -> BandToken | None:
    kind = quality_kind(word)
    if kind is not None:
        return BandToken(kind, None, acquisition)
    band = known_band(word, sensor)
    return None if band is None else BandToken(band.name, band, acquisition)


def _is_band_word(text: str) -> bool:
    return known_band(text) is not None


_MOMENT = re.compile(
    r"(?<!\d)((?:19|20)\d{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"(?:[T_ ]?([01]\d|2[0-3])[-:]?([0-5]\d)[-:]?([0-5]\d))?(?!\d)"
)
_LANDSAT_MOMENT = re.compile(
    r"(?:L[A-Z](?:\d{7}|\d{1,2}_)|HLS[._][LS]30[._]T\d{2}[A-Z]{3}[._])"
    r"((?:19|20)\d{2})([0-3]\d{2})(?!\d)",
    re.IGNORECASE,
)


def moment_in(text: str) -> datetime.datetime | None:
    """The first date, with its time where there is one, in a file name or tag.

    Understood are `20180713`, `2018-07-13`, `20180713T100008` and Landsat's year and day of year
    (`LE70220491999322`, `lc8_2015245`, `HLS.L30.T33TWM.2020123T095411`).
    """
    match = _LANDSAT_MOMENT.search(text)
    if match and 1 <= int(match.group(2)) <= 366:
        first = datetime.datetime(int(match.group(1)), 1, 1)
        return first + datetime.timedelta(days=int(match.group(2)) - 1)
    for found in _MOMENT.finditer(text):
        try:
            return datetime.datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
        except ValueError:
            continue
    return None


def moment_of(header: ImageHeader) -> datetime.datetime | None:
    """When the image was taken, by its tag `datetime` or its name."""
    tags = {key.casefold(): value for key, value in header.tags}
    for key in ("datetime", "acquisitiondatetime", "acquisition_date", "date_acquired"):
        found = moment_in(tags.get(key, ""))
        if found is not None:
            return found
    return moment_in(header.path.stem)


def folder_name(path: Path) -> str:
    """The name of the folder that a file lies in, not of one that a link leads to."""
    name = path.absolute().parent.name
    return path.parent.resolve().name if name == ".." else name


def _require_whole(path: Path) -> None:
    """Stop at a PNG or JPEG without its end; GDAL reads what is missing as if it were there."""
    begin, end = _ENDS.get(path.suffix.lower(), (b"", b""))
    if not end or not path.is_file():
        return
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        if end in handle.read():
            return
        # Some cameras and editors write more after the picture's end.
        handle.seek(0)
        content = handle.read()
    if content and content.rfind(end) <= content.rfind(begin):
        raise ImageryError(
            f"{path}: damaged or cut short, its end is missing. Fetch or export it again"
        )


@contextmanager
def _quietly_opened(path: Path) -> Iterator[DatasetReader]:
    # Beside each of thousands of pictures GDAL would list their whole folder.
    alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE")
    with warnings.catch_warnings(), alone:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path)
    with dataset:
        yield dataset


def _crs(crs: CRS | None) -> str | None:
    if not crs or _is_local(crs):
        return None
    epsg = crs.to_epsg(confidence_threshold=90)
    return f"EPSG:{epsg}" if epsg else str(crs.to_wkt())


def _notes(dataset: DatasetReader) -> tuple[str, ...]:
    return (*_orientation_notes(dataset), *_place_notes(dataset))


def _orientation_notes(dataset: DatasetReader) -> tuple[str, ...]:
    found = dataset.tags().get("EXIF_Orientation", "1")
    if found in {"0", "1"}:
        return ()
    return (
        f"its {TURNED} ({found}) asks viewers to turn or flip it: it is taken as it lies in the "
        "file, and so must be its mask. If that was drawn on the picture as viewers show it, turn "
        "the picture itself (mogrify -auto-orient, exiftran -a)",
    )


def _place_notes(dataset: DatasetReader) -> tuple[str, ...]:
    local = bool(dataset.crs) and _is_local(dataset.crs)
    if dataset.crs and not local:
        return ()
    points, _ = dataset.gcps
    if points or dataset.rpcs is not None:
        what, how = ("control points", "-tps") if points else ("RPCs", "-rpc")
        name = Path(dataset.name).name
        return (
            f"has {what} {UNGRIDDED}: taken as a picture without a CRS. To place it on the Earth, "
            f"gdalwarp {how} -t_srs EPSG:CODE {name} warped.tif, and use that",
        )
    if not local:
        return ()
    name = pyproj.CRS(dataset.crs.to_wkt()).name
    return (f"its CRS ('{name}') has no place on the Earth: taken as a picture without a CRS",)


def _is_local(crs: CRS) -> bool:
    """Whether a CRS is of a site or drawing, and nothing else can be laid over it."""
    if crs.is_projected or crs.is_geographic:
        return False
    return pyproj.CRS(crs.to_wkt()).geodetic_crs is None
