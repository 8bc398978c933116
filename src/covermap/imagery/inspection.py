"""What a scene holds, looked at by a bounded sample, and what in it looks wrong."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, resolution_m, tiles
from covermap.imagery.headers import TURNED, UNGRIDDED
from covermap.imagery.raster import Band, Raster, Scene

_SAMPLE_PIXELS = 4_000_000
_BLOCK = 256
_KEPT_VALUES = 250_000
_FRAME_SHARE = 0.005
_MASK_LIKE_VALUES = 12
# Metres: finer pixels are of sensors whose files often hold counts of 11 or 12 bits.
_FINE_M = 5.0
# Further scenes that are looked at where one describes many.
_LOOKED_AT = 15

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class BandFacts:
    """A band and its valid values in the sample.

    The numbers are in the band's unit, None where nothing is valid. `integers` says that all are
    whole numbers; `distinct` counts different ones among those kept for percentiles.
    """

    band: Band
    valid_share: float
    minimum: float | None
    maximum: float | None
    percentile_1: float | None
    median: float | None
    percentile_99: float | None
    integers: bool
    distinct: int


@dataclass(frozen=True)
class SceneFacts:
    """A scene's grid and what an even sample of its pixels holds.

    Attributes
    ----------
    crs : str or None
    height, width : int
        In pixels.
    pixel_width_m, pixel_height_m : float
        1 for pictures without a CRS.
    bounds : tuple of float
        Left, bottom, right, top in the CRS.
    usable_share, cloud_share : float
        Shares 0..1 of the sampled pixels.
    white_share, black_share : float
        Shares of pixels with 255, or 0, in all of two or more 8-bit bands.
    partly_white_share, partly_black_share : float
        Shares of those that have it in some of these bands only.
    sampled_pixels : int
    """

    name: str
    date: datetime.date | None
    crs: str | None
    height: int
    width: int
    pixel_width_m: float
    pixel_height_m: float
    bounds: tuple[float, float, float, float]
    bands: tuple[BandFacts, ...]
    usable_share: float
    cloud_share: float
    white_share: float
    black_share: float
    sampled_pixels: int
    notes: tuple[str, ...]
    files: tuple[Path, ...]
    partly_white_share: float = 0.0
    partly_black_share: float = 0.0

    @property
    def frames(self) -> tuple[tuple[int, float, float], ...]:
        """What a frame may be made of: the number, its share in all bands, and in some only."""
        return (
            (255, self.white_share, self.partly_white_share),
            (0, self.black_share, self.partly_black_share),
        )


def inspect(scene: Scene, pixels: int = _SAMPLE_PIXELS, alike: Sequence[Scene] = ()) -> SceneFacts:
    """Look at about `pixels` pixels of a scene, spread evenly; memory has a lid.

    Parameters
    ----------
    scene : Scene
    pixels : int
    alike : sequence of Scene
        Others of the same bands that it stands for: some of them are looked at too, as one small
        picture of water says little of a hundred.
    """
    names = [band.name for band in scene.bands]
    samples = [_BandSample() for _ in names]
    counts, framed = np.zeros(3, np.int64), np.zeros((2, 2), np.int64)
    seen = [scene, *spread([other for other in alike if other is not scene], _LOOKED_AT)]
    windows = [
        (one, window)
        for one in seen
        for window in sample_windows(one.geobox, max(1, pixels // len(seen)))
    ]
    kept_per_window = max(1, _KEPT_VALUES // len(windows))
    for one, window in windows:
        raster = one.read(names, window)
        for sample, values, valid in zip(samples, raster.values, raster.valid, strict=True):
            sample.add(values, valid, kept_per_window)
        framed += _framed(raster)
        usable, cloud = one.usable(raster).sum(), one.cloud(window).sum()
        counts += [window.height * window.width, usable, cloud]
    total, usable, cloud = (int(count) for count in counts)
    facts = tuple(
        sample.facts(band, total) for sample, band in zip(samples, scene.bands, strict=True)
    )
    is_8_bit = len(facts) > 1 and all(_looks_8_bit(item) for item in facts)
    (white, partly_white), (black, partly_black) = (framed * is_8_bit / total).tolist()
    box = scene.geobox
    width_m, height_m = resolution_m(box)
    bounds = box.boundingbox
    return SceneFacts(
        name=scene.name,
        date=scene.date,
        crs=None if box.crs is None else str(box.crs),
        height=int(box.shape[0]),
        width=int(box.shape[1]),
        pixel_width_m=width_m,
        pixel_height_m=height_m,
        bounds=(bounds.left, bounds.bottom, bounds.right, bounds.top),
        bands=facts,
        usable_share=usable / total,
        cloud_share=cloud / total,
        white_share=white,
        black_share=black,
        partly_white_share=partly_white,
        partly_black_share=partly_black,
        sampled_pixels=total,
        notes=scene.notes,
        files=scene.files,
    )


def spread(items: Sequence[_Item], number: int) -> list[_Item]:
    """At most so many items, evenly over all of them.

    Examples
    --------
    >>> spread("abcdefg", 3)
    ['a', 'd', 'g']
    """
    if len(items) <= number:
        return list(items)
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, number).round()]


def warnings_of(facts: SceneFacts) -> list[str]:
    """What looks wrong in a scene, one line each, with what to type."""
    warnings = [note for note in facts.notes if UNGRIDDED in note or TURNED in note]
    if facts.usable_share == 0:
        warnings.append(
            "no usable pixel in the sample: check nodata:, quality: and the file itself"
        )
    warnings += _scale_warnings(facts)
    for item in facts.bands:
        warnings += [f"band {item.band.name}: {text}" for text in _band_warnings(item)]
    for value, share, partly in facts.frames:
        if share >= _FRAME_SHARE:
            warnings.append(
                f"{100 * share:.1f} % of the pixels are {'white' if value else 'black'} ({value} "
                "in all bands) and no nodata is declared: if that is an empty frame, write nodata: "
                f"{value}{_lost_besides(value, partly)}"
            )
    return warnings


def guess_scale(facts: SceneFacts) -> tuple[float | None, ...]:
    """For each band the scale that its values suggest, or None; a guess, to be checked.

    0.0001 where whole numbers without a unit have their median and 99th percentile in 100..12000
    and go beyond 8 bits; thermal bands are left out, and so are scenes that may as well hold what a
    sensor counted: those of fine pixels whose bands nothing names.
    """
    if _may_be_counts(facts):
        return (None,) * len(facts.bands)
    return tuple(0.0001 if _looks_scaled(item) else None for item in facts.bands)


def invalid_share(scene: Scene, pixels: int = 1_000_000) -> float:
    """Share (0..1) of pixels that are not usable, by an even sample of about `pixels`."""
    names = [band.name for band in scene.bands]
    usable, total = 0, 0
    for window in sample_windows(scene.geobox, pixels):
        usable += int(scene.usable(scene.read(names, window)).sum())
        total += window.height * window.width
    return 1 - usable / total


def sample_windows(geobox: GeoBox, pixels: int) -> Iterator[Window]:
    """Blocks that hold about `pixels` pixels, spread evenly; the whole grid where it is smaller."""
    height, width = int(geobox.shape[0]), int(geobox.shape[1])
    if height * width <= pixels:
        yield from tiles(Window(0, 0, height, width), 2 * _BLOCK)
        return
    tall, wide = min(_BLOCK, height), min(_BLOCK, width)
    blocks = max(1, pixels // (tall * wide))
    wanted = max(1, round(math.sqrt(blocks * height / width)))
    down = min(math.ceil(height / tall), blocks, wanted)
    across = min(math.ceil(width / wide), max(1, blocks // down))
    for row in np.linspace(0, height - tall, down).astype(int):
        for col in np.linspace(0, width - wide, across).astype(int):
            yield Window(int(row), int(col), tall, wide)


@dataclass
class _BandSample:
    """Values of a band seen so far: exact extremes, and an even choice for percentiles."""

    valid: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    integers: bool = True
    kept: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray, valid: np.ndarray, keep: int) -> None:
        good = values[valid]
        if good.size == 0:
            return
        self.valid += good.size
        self.minimum = min(self.minimum, float(good.min()))
        self.maximum = max(self.maximum, float(good.max()))
        chosen = good[:: max(1, good.size // keep)]
        self.integers = self.integers and bool((chosen == np.round(chosen)).all())
        self.kept.append(chosen)

    def facts(self, band: Band, total: int) -> BandFacts:
        if not self.kept:
            return BandFacts(band, 0.0, None, None, None, None, None, False, 0)
        values = np.concatenate(self.kept)
        low, middle, high = (float(value) for value in np.percentile(values, [1, 50, 99]))
        return BandFacts(
            band=band,
            valid_share=self.valid / total,
            minimum=self.minimum,
            maximum=self.maximum,
            percentile_1=low,
            median=middle,
            percentile_99=high,
            integers=self.integers,
            distinct=len(np.unique(values)),
        )


def _framed(raster: Raster) -> np.ndarray:
    """How many valid pixels are 255, and 0, in all bands and in some only; int64 (2, 2)."""
    valid = raster.valid.all(axis=0)
    counts = np.zeros((2, 2), np.int64)
    for row, value in enumerate((255, 0)):
        found = raster.values == value
        everywhere = found.all(axis=0) & valid
        counts[row] = everywhere.sum(), (found.any(axis=0) & valid & ~everywhere).sum()
    return counts


def _lost_besides(value: int, partly: float) -> str:
    """What a nodata takes away beside a frame: a pixel with one band of nodata is not usable."""
    if partly <= 0:
        return ""
    return (
        f" (that also makes holes of another {max(0.01, 100 * partly):.2g} % which are {value} in "
        "some bands only, as bright roofs or deep shade are)"
    )


def _looks_8_bit(item: BandFacts) -> bool:
    if item.minimum is None or item.maximum is None:
        return False
    return (
        item.band.unit == "dn" and item.integers and item.minimum >= 0 and 12 < item.maximum <= 255
    )


def _looks_scaled(item: BandFacts) -> bool:
    if item.median is None or item.percentile_99 is None or item.maximum is None:
        return False
    thermal = (item.band.wavelength_nm or 0) > 3000 or "temp" in item.band.name.casefold()
    return (
        item.band.unit == "dn"
        and item.integers
        and not thermal
        and not _is_mask_like(item)
        and item.maximum > 255
        and item.median >= 100
        and item.percentile_99 <= 12000
    )


def _may_be_counts(facts: SceneFacts) -> bool:
    """Whether nothing tells counts of a sensor from scaled reflectance."""
    is_fine = facts.crs is not None and facts.pixel_width_m < _FINE_M
    return is_fine and all(item.band.wavelength_nm is None for item in facts.bands)


def _is_mask_like(item: BandFacts) -> bool:
    low, high = item.minimum or 0, item.maximum or 0
    # Numbers close together and far from 0 are one even tone, such as a picture of a lake.
    is_tone = 2 * item.distinct > high - low + 1 and low > item.distinct
    return item.integers and 1 < item.distinct <= _MASK_LIKE_VALUES and high <= 255 and not is_tone


def _scale_warnings(facts: SceneFacts) -> list[str]:
    bands = [item for item in facts.bands if _looks_scaled(item)]
    if not bands:
        return []
    medians = [item.median or 0.0 for item in bands]
    names = ", ".join(item.band.name for item in bands)
    one = f"band {names}: plain numbers (median {medians[0]:g})"
    several = f"bands {names}: plain numbers (medians {min(medians):g} to {max(medians):g})"
    told = one if len(bands) == 1 else several
    if _may_be_counts(facts):
        return [
            f"{told}: what the sensor counted (11 or 12 bits), or reflectance x 10000? Only who "
            "made the file knows; give scale: 0.0001 for reflectance, and nothing for counts"
        ]
    return [f"{told}: looks like reflectance x 10000; give scale: 0.0001"]


def _band_warnings(item: BandFacts) -> list[str]:
    if item.minimum is None or item.median is None or item.percentile_99 is None:
        return ["all of it is invalid"]
    if item.minimum == item.maximum:
        return [f"constant: every valid pixel is {item.minimum:g}; of no use as an input"]
    if item.band.unit == "dn" and _is_mask_like(item):
        return [
            f"only {item.distinct} different whole numbers up to {item.maximum:g}: looks like a "
            "mask or class layer, not an image; leave it out of bands:, or use it as quality:"
        ]
    if item.band.unit == "reflectance":
        return _reflectance_warnings(item)
    return []


def _reflectance_warnings(item: BandFacts) -> list[str]:
    median, high = item.median or 0.0, item.percentile_99 or 0.0
    if median > 1.5 or high > 2:
        return [
            f"reflectance should be about 0..1, but its median is {median:g} and its 99th "
            f"percentile {high:g}: scale missing or too large? give scale: (0.0001 for x 10000)"
        ]
    if median < 0:
        return [
            f"mostly negative reflectance (median {median:g}): an offset applied twice? check "
            "offset:"
        ]
    return []
