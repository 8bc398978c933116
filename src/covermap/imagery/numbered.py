"""Image files that hold one band each and are told apart by its number: `patch_3_1.tif`, ..."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from covermap.core.errors import ImageryError
from covermap.imagery.bands import KnownBand, Sensor, known_band, sensor_of
from covermap.imagery.found import Found, FoundBand
from covermap.imagery.headers import ImageHeader, moment_in, moment_of, read_header

_NUMBERED = re.compile(r"(?P<image>.+)[ _\-.](?P<number>\d{1,2})")
# Two numbered files are a before and an after as often as two bands.
_FEWEST_BANDS, _MOST_BANDS = 3, 20


@dataclass(frozen=True)
class _Series:
    """The files of one image by the number that ends their names."""

    name: str
    paths: Mapping[int, Path]


def found_in_numbered(paths: Sequence[Path]) -> list[Found]:
    """Scenes whose bands are single-band files that differ by the number at the end of their names.

    Numbers count bands rather than pictures when every image has the same ones, its files lie on
    one grid, and something more tells so: a Landsat sensor in the names, or three bands or more
    from 1 on, in several images or with a CRS. Landsat's numbers name the bands; others are
    `band_1`, `band_2`, ... until the project names them.

    Parameters
    ----------
    paths : sequence of Path
        All image files that were opened together.

    Returns
    -------
    list of Found
        Empty where the numbers count something else.

    Raises
    ------
    ImageryError
        A file of a Landsat image is missing.
    """
    series = _series(paths)
    if not series:
        return []
    sensor = _sensor(paths)
    usual = _usual_numbers(series)
    if not (_counts_up(usual) if sensor is None else _are_bands(usual, series, sensor)):
        return []
    headers = {path: read_header(path) for path in paths}
    if not all(_is_one_image(item, headers) for item in series):
        return []
    partial = [item for item in series if set(item.paths) != set(usual)]
    if sensor is None:
        has_crs = headers[paths[0]].geobox.crs is not None
        if partial or not (has_crs or len(series) > 1):
            return []
    elif partial:
        raise _missing(partial[0], usual, len(series))
    return [_found(item, headers, sensor) for item in series]


def _series(paths: Sequence[Path]) -> list[_Series]:
    """Files by image; none where a name has no number, two files have one name, or days differ."""
    groups: dict[tuple[Path, str], dict[int, Path]] = {}
    for path in paths:
        match = _NUMBERED.fullmatch(path.stem)
        if match is None:
            return []
        own = groups.setdefault((path.parent, match["image"]), {})
        if int(match["number"]) in own:
            return []
        own[int(match["number"])] = path
    # 2020-06-01, 2020-06-02, ... end with the number of a day.
    if any(len({moment_in(path.stem) for path in own.values()}) > 1 for own in groups.values()):
        return []
    return [_Series(name, dict(sorted(own.items()))) for (_, name), own in groups.items()]


def _sensor(paths: Sequence[Path]) -> Sensor | None:
    """The one Landsat sensor that all names tell; Sentinel-2's bands are not numbered through."""
    told = {sensor_of(path.stem) for path in paths}
    only = told.pop() if len(told) == 1 else None
    return only if only in ("landsat-tm", "landsat-oli") else None


def _usual_numbers(series: Sequence[_Series]) -> tuple[int, ...]:
    """The numbers that most images have."""
    numbers = [tuple(item.paths) for item in series]
    return max(dict.fromkeys(numbers), key=numbers.count)


def _counts_up(numbers: Sequence[int]) -> bool:
    count = len(numbers)
    return _FEWEST_BANDS <= count <= _MOST_BANDS and tuple(numbers) == tuple(range(1, count + 1))


def _are_bands(numbers: Sequence[int], series: Sequence[_Series], sensor: Sensor) -> bool:
    most = sum(set(item.paths) == set(numbers) for item in series) * 2 > len(series)
    return most and len(numbers) > 1 and all(known_band(f"B{n}", sensor) for n in numbers)


def _is_one_image(series: _Series, headers: Mapping[Path, ImageHeader]) -> bool:
    own = [headers[path] for path in series.paths.values()]
    return all(item.count == 1 and item.geobox == own[0].geobox for item in own)


def _missing(series: _Series, usual: Sequence[int], images: int) -> ImageryError:
    lacking = sorted(set(usual) ^ set(series.paths))
    path = next(iter(series.paths.values()))
    return ImageryError(
        f"{path.parent}: image {series.name} has the band files "
        f"{', '.join(map(str, series.paths))}, the others of {images} images "
        f"{', '.join(map(str, usual))}; they differ in {', '.join(map(str, lacking))}. Add or "
        "remove files so that all images have the same bands"
    )


def _found(series: _Series, headers: Mapping[Path, ImageHeader], sensor: Sensor | None) -> Found:
    known = {n: known_band(f"B{n}", sensor) if sensor else None for n in series.paths}
    bands = tuple(
        FoundBand(band.name if band else f"band_{number}", headers[path], 1, band, named=bool(band))
        for (number, path), band in zip(series.paths.items(), known.values(), strict=True)
    )
    moment = next((found for item in bands if (found := moment_of(item.header))), None)
    return Found(
        name=series.name,
        date=moment.date() if moment else None,
        bands=bands,
        notes=(_told(known, sensor),),
    )


def _told(known: Mapping[int, KnownBand | None], sensor: Sensor | None) -> str:
    order = ", ".join(
        f"{number} {band.common}" if band else f"{number} band_{number}"
        for number, band in known.items()
    )
    what = f"files with a number at the end are the bands of one image: {order}"
    if sensor is None:
        return f"{what}; say what they are: bands: [...]"
    return f"{what} (as {sensor} counts, guessed from the file names: check)"
