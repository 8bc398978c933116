"""Which bands of a file a project means, in whatever spelling, and what it calls them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from covermap.core.errors import ImageryError, nearest
from covermap.imagery.bands import KnownBand, Sensor, known_band, sensor_of
from covermap.imagery.found import FoundBand
from covermap.imagery.settings import ImagerySettings

_NUMBERED = re.compile(r"B\d[\dA]")
_PADDED = re.compile(r"(?:^|[^A-Za-z])B(?:0[1-9]|8A)(?!\d)", re.IGNORECASE)


def chosen(name: str, bands: list[FoundBand], settings: ImagerySettings | None) -> list[FoundBand]:
    """The bands that the settings choose or name, in their order; all where they say nothing.

    Raises
    ------
    ImageryError
        A word means none of the bands, and does not name one that the file does not name.
    """
    wanted = settings.bands if settings is not None else None
    if wanted is None:
        return bands
    by_name = {band.name: band for band in bands}
    if all(word in by_name for word in wanted):
        return [by_name[word] for word in wanted]
    sensor = sensor_of(name)
    if any(band.named for band in bands):
        is_told = _is_sensor_told(bands, sensor)
        meant = [_meant(word, bands, sensor, is_told) for word in wanted]
        if all(meant):
            return [
                replace(band, name=word)
                for band, word in zip(meant, wanted, strict=True)
                if band is not None
            ]
        # A file that names its bands may still be renamed whole, but not by a guess; bands that it
        # does not name are named by their place.
        strange = [word for word, band in zip(wanted, meant, strict=True) if band is None]
        if len(wanted) != len(bands) or not (
            len(strange) == len(wanted) or _in_their_places(meant, bands)
        ):
            hint = nearest(strange[0], by_name)
            raise ImageryError(
                f"{name}: bands: '{strange[0]}' is not among its bands "
                f"({', '.join(by_name)}); {hint}"
            )
    if len(wanted) != len(bands):
        raise ImageryError(
            f"{name}: has {len(bands)} bands, but bands: names {len(wanted)}. Name all of them in "
            "the order of the file"
        )
    return [
        replace(band, name=word, known=known_band(word, sensor), named=True)
        for band, word in zip(bands, wanted, strict=True)
    ]


def _meant(
    word: str, bands: list[FoundBand], sensor: Sensor | None, is_told: bool
) -> FoundBand | None:
    """The one band that a word means in another spelling: `B8` is B08, `NIR` nir.

    Where the sensor of the bands is told, a colour means its number as well: `red` is B04.
    """
    known = known_band(word, sensor)
    for fits in (_is_word, _is_any_case, _is_number, *([_is_colour] if is_told else [])):
        alike = [band for band in bands if fits(band, word, known)]
        if alike:
            return alike[0] if len(alike) == 1 else None
    return None


def _is_word(band: FoundBand, word: str, known: KnownBand | None) -> bool:
    return band.name == word


def _is_any_case(band: FoundBand, word: str, known: KnownBand | None) -> bool:
    return band.name.casefold() == word.casefold()


def _is_number(band: FoundBand, word: str, known: KnownBand | None) -> bool:
    return band.known is not None and known is not None and band.known.name == known.name


def _is_colour(band: FoundBand, word: str, known: KnownBand | None) -> bool:
    if band.known is None or known is None or known.common is None:
        return False
    return band.known.common == known.common


def _is_sensor_told(bands: Sequence[FoundBand], sensor: Sensor | None) -> bool:
    """Whether numbers of bands are known to be those of a sensor.

    B5 alone is red edge on Sentinel-2 and near infrared on Landsat 8; B05 and B8A are Sentinel-2's.
    """
    if sensor is not None or not any(_NUMBERED.fullmatch(band.name) for band in bands):
        return True
    texts = [band.header.descriptions[band.index - 1] or band.header.path.stem for band in bands]
    return any(_PADDED.search(text) for text in texts)


def _in_their_places(meant: Sequence[FoundBand | None], bands: Sequence[FoundBand]) -> bool:
    """Whether what is meant stands where the file has it, and the rest has no name there."""
    return all(
        one is own or (one is None and not own.named) for one, own in zip(meant, bands, strict=True)
    )


def renaming_notes(own: Sequence[FoundBand], chosen: Sequence[FoundBand]) -> list[str]:
    """A note where bands get names that mean something else than those of their file."""
    given = {(band.header.path, band.index): band for band in own if band.named}
    pairs = [(given.get((band.header.path, band.index)), band) for band in chosen]
    told = [
        f"{one.name} is {other.name}"
        for one, other in pairs
        if one is not None and one.name != other.name and one.known != other.known
    ]
    return (
        [f"bands: renames the bands of the file in their order: {', '.join(told)}"] if told else []
    )
