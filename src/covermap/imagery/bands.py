"""What is known about bands by name: sensor tables and the field's common words.

Sentinel-2 wavelengths: Sentinel-2 MSI User Guide, radiometric and spatial resolutions, mean of
S2A and S2B rounded to 1 nm. Landsat: USGS band designations, middle of each band's range.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Sensor = Literal["sentinel-2", "landsat-tm", "landsat-oli", "hls-oli"]


@dataclass(frozen=True)
class KnownBand:
    """What a name says about a band.

    `common` is the STAC common name (`red`, `nir08`, `swir16`), None for water vapour and cirrus;
    `wavelength_nm` the centre wavelength, `resolution_m` the native pixel size where a sensor is
    known.
    """

    name: str
    common: str | None
    wavelength_nm: float
    resolution_m: float | None
    thermal: bool = False


_SENTINEL_2 = (
    KnownBand("B01", "coastal", 443.0, 60.0),
    KnownBand("B02", "blue", 492.0, 10.0),
    KnownBand("B03", "green", 559.0, 10.0),
    KnownBand("B04", "red", 665.0, 10.0),
    KnownBand("B05", "rededge071", 704.0, 20.0),
    KnownBand("B06", "rededge075", 740.0, 20.0),
    KnownBand("B07", "rededge078", 781.0, 20.0),
    KnownBand("B08", "nir", 833.0, 10.0),
    KnownBand("B8A", "nir08", 864.0, 20.0),
    KnownBand("B09", "nir09", 944.0, 60.0),
    KnownBand("B10", "cirrus", 1375.0, 60.0),
    KnownBand("B11", "swir16", 1612.0, 20.0),
    KnownBand("B12", "swir22", 2194.0, 20.0),
)
_LANDSAT_TM = (  # TM and ETM+: Landsat 4, 5, 7
    KnownBand("SR_B1", "blue", 485.0, 30.0),
    KnownBand("SR_B2", "green", 560.0, 30.0),
    KnownBand("SR_B3", "red", 660.0, 30.0),
    KnownBand("SR_B4", "nir", 835.0, 30.0),
    KnownBand("SR_B5", "swir16", 1650.0, 30.0),
    KnownBand("SR_B7", "swir22", 2215.0, 30.0),
    KnownBand("ST_B6", "lwir", 11450.0, 30.0, thermal=True),
)
_LANDSAT_OLI = (  # OLI and TIRS: Landsat 8, 9
    KnownBand("SR_B1", "coastal", 443.0, 30.0),
    KnownBand("SR_B2", "blue", 482.0, 30.0),
    KnownBand("SR_B3", "green", 562.0, 30.0),
    KnownBand("SR_B4", "red", 655.0, 30.0),
    KnownBand("SR_B5", "nir", 865.0, 30.0),
    KnownBand("SR_B6", "swir16", 1609.0, 30.0),
    KnownBand("SR_B7", "swir22", 2201.0, 30.0),
    KnownBand("ST_B10", "lwir11", 10895.0, 30.0, thermal=True),
)
TABLES: dict[Sensor, dict[str, KnownBand]] = {
    "sentinel-2": {band.name: band for band in _SENTINEL_2},
    "landsat-tm": {band.name: band for band in _LANDSAT_TM},
    "landsat-oli": {band.name: band for band in _LANDSAT_OLI},
    # Its thermal bands hold degrees Celsius (HLS User Guide 2.0).
    "hls-oli": {band.name: band for band in _LANDSAT_OLI if not band.thermal},
}

# Wavelengths of words are those of Sentinel-2, which are within the bands of the other sensors.
_WORDS = {
    "coastal": KnownBand("coastal", "coastal", 443.0, None),
    "blue": KnownBand("blue", "blue", 492.0, None),
    "green": KnownBand("green", "green", 559.0, None),
    "yellow": KnownBand("yellow", "yellow", 605.0, None),
    "red": KnownBand("red", "red", 665.0, None),
    "rededge": KnownBand("rededge", "rededge071", 704.0, None),
    "rededge1": KnownBand("rededge1", "rededge071", 704.0, None),
    "rededge2": KnownBand("rededge2", "rededge075", 740.0, None),
    "rededge3": KnownBand("rededge3", "rededge078", 781.0, None),
    "nir": KnownBand("nir", "nir", 833.0, None),
    "nir08": KnownBand("nir08", "nir08", 864.0, None),
    "nir09": KnownBand("nir09", "nir09", 944.0, None),
    "cirrus": KnownBand("cirrus", "cirrus", 1375.0, None),
    "swir1": KnownBand("swir1", "swir16", 1612.0, None),
    "swir2": KnownBand("swir2", "swir22", 2194.0, None),
    "thermal": KnownBand("thermal", "lwir", 10900.0, None, thermal=True),
}
_SYNONYMS = {
    "coastalaerosol": "coastal",
    "ultrablue": "coastal",
    "vegetationrededge": "rededge",
    "nearinfrared": "nir",
    "narrownir": "nir08",
    "nirnarrow": "nir08",
    "nir2": "nir08",
    "watervapour": "nir09",
    "watervapor": "nir09",
    "swir": "swir1",
    "swir16": "swir1",
    "swir22": "swir2",
    "lwir": "thermal",
    "lwir11": "thermal",
    "tir": "thermal",
    "rededge071": "rededge1",
    "rededge075": "rededge2",
    "rededge078": "rededge3",
}
_QUALITY_WORDS = {
    "scl": "SCL",
    "sceneclassificationlayer": "SCL",
    "sceneclassification": "SCL",
    "qapixel": "QA_PIXEL",
}
_SENTINEL_2_NAME = re.compile(r"b(?:and)?[ _]?(0?[1-9]|1[0-2]|0?8a)", re.IGNORECASE)
_LANDSAT_NAME = re.compile(r"s([rt])_b(\d{1,2})", re.IGNORECASE)
_PHRASE = re.compile(r"band[ _]?(\d{1,2})[ _](?:surface[ _])?(reflectance|temperature)", re.I)
_SENSORS: tuple[tuple[re.Pattern[str], Sensor], ...] = (
    (re.compile(r"HLS[._]L30(?:[._]|$)", re.IGNORECASE), "hls-oli"),
    (re.compile(r"HLS[._]S30(?:[._]|$)", re.IGNORECASE), "sentinel-2"),
    (re.compile(r"S2[ABCD]_|sentinel-?_?2|T\d{2}[A-Z]{3}_\d{8}T", re.IGNORECASE), "sentinel-2"),
    (re.compile(r"(?:^|[^A-Za-z])L[CO]0?[89](?:_|\d)", re.IGNORECASE), "landsat-oli"),
    (re.compile(r"(?:^|[^A-Za-z])L[TE]0?[457](?:_|\d)", re.IGNORECASE), "landsat-tm"),
)


def sensor_of(name: str) -> Sensor | None:
    """The sensor that a file or folder name tells, by the agencies' naming rules.

    Examples
    --------
    >>> sensor_of("LE70220491999322EDC01_stack.gtif")
    'landsat-tm'
    >>> sensor_of("LC08_L2SP_008059_20191201_20200825_02_T1")
    'landsat-oli'
    """
    return next((sensor for pattern, sensor in _SENSORS if pattern.search(name)), None)


def known_band(name: str, sensor: Sensor | None = None) -> KnownBand | None:
    """What is known of a band called `name`, or None.

    `B02`..`B12` and `B8A` (also `B2`, `band 2`) are Sentinel-2's unless `sensor` says otherwise;
    `SR_B4` means another colour on each Landsat and is known only with a `sensor`; so are phrases
    like `band 4 reflectance`. Words (`red`, `Narrow NIR`) are known always, and become the
    sensor's own band where it has one.

    Examples
    --------
    >>> known_band("B8A").wavelength_nm
    864.0
    >>> known_band("band 4 reflectance") is None
    True
    >>> known_band("band 4 reflectance", "landsat-tm").name
    'SR_B4'
    """
    plain = name.strip()
    landsat = None if sensor == "sentinel-2" else sensor
    if landsat is not None:
        return _landsat_band(plain, landsat) or _word(plain, None)
    if _LANDSAT_NAME.fullmatch(plain):
        return None
    match = _SENTINEL_2_NAME.fullmatch(plain)
    phrase = _PHRASE.fullmatch(plain)
    # "band 4" alone counts the file's bands as often as it names one: only B-names need no sensor.
    if match and (sensor is not None or not plain.casefold().startswith("band")):
        return TABLES["sentinel-2"].get(_two_digits(match.group(1)))
    if phrase and sensor is not None:
        return TABLES["sentinel-2"].get(_two_digits(phrase.group(1)))
    return _word(plain, sensor)


def quality_kind(name: str) -> str | None:
    """`SCL` or `QA_PIXEL` where a band or file of this name is a product's quality layer."""
    return _QUALITY_WORDS.get(_folded(name))


def is_quality_word(name: str) -> bool:
    """Whether a band or file of this name is a product's quality layer."""
    return quality_kind(name) is not None


def _two_digits(number: str) -> str:
    digits = number.upper().lstrip("0")
    return "B8A" if digits == "8A" else f"B{int(digits):02d}"


def _landsat_band(name: str, sensor: Sensor) -> KnownBand | None:
    match = _LANDSAT_NAME.fullmatch(name)
    if match:
        return TABLES[sensor].get(f"S{match.group(1).upper()}_B{int(match.group(2))}")
    match = _PHRASE.fullmatch(name)
    if match:
        kind = "ST" if match.group(2).casefold() == "temperature" else "SR"
        return TABLES[sensor].get(f"{kind}_B{int(match.group(1))}")
    match = re.fullmatch(r"b0?(\d{1,2})", name, re.IGNORECASE)
    if match:
        number = int(match.group(1))
        return TABLES[sensor].get(f"SR_B{number}") or TABLES[sensor].get(f"ST_B{number}")
    return None


def _word(name: str, sensor: Sensor | None) -> KnownBand | None:
    folded = _folded(name)
    word = _WORDS.get(_SYNONYMS.get(folded, folded))
    if word is None or sensor is None:
        return word
    own = [band for band in TABLES[sensor].values() if band.common == word.common]
    return own[0] if own else word


def _folded(name: str) -> str:
    return re.sub(r"[ _\-]", "", name.strip()).casefold()
