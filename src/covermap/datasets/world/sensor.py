"""What a Sentinel-2 product holds of the world: blurred, noisy numbers and their quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.clouds import Sky, sky
from covermap.datasets.world.cover import WATER, Cover
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.spectra import reflectance

# Processing baseline 04.00 and later: DN = reflectance * 10000 + 1000 (Sentinel-2 Products
# Specification Document, issue 14.9); in GDAL's words reflectance = DN * SCALE + OFFSET.
SCALE, OFFSET = 0.0001, -0.1
NODATA = 0
COARSE_BANDS = ("B05", "B06", "B07", "B8A", "B11", "B12")
# Pixels of 10 m around a window that its values depend on; even, as 20 m pixels hold two by two.
MARGIN_PX = 4

_SHADOW, _VEGETATION, _BARE, _WATER, _UNCLASSIFIED, _MEDIUM, _HIGH = 3, 4, 5, 6, 7, 8, 9
# Share of light from the pixel to each side: near the 20 m width of Sentinel-2's 10 m bands.
_SIDE = np.float32(0.2)
_NOISE_FLOOR, _NOISE_SHARE = 0.0012, 0.008
# The swath ends in the south-east; its edge leans as the orbit does. Shares of width and height.
_EDGE_SHARES = (0.16, 0.60)


@dataclass(frozen=True)
class Exposure:
    """Digital numbers of a window whose offsets and sizes are even.

    Attributes
    ----------
    numbers : dict of str to ndarray of uint16
        By band: (H, W) at 10 m, (H/2, W/2) at 20 m; 0 beyond the swath.
    quality : ndarray of uint8, shape (H/2, W/2)
        Scene classification (SCL) at 20 m; 0 beyond the swath.
    """

    numbers: dict[str, np.ndarray]
    quality: np.ndarray


def expose(cover: Cover, world: Window, bands: Sequence[str], seed: int) -> Exposure:
    """Take a picture of `cover` without its outer `MARGIN_PX`.

    Parameters
    ----------
    cover : Cover
        The ground; its window has even offsets and sizes.
    world : Window
        All pixels of the world: the swath's edge crosses its corner.
    bands : sequence of str
        Some of `BANDS`.
    seed : int
        The world.
    """
    inner = cover.window.expanded(-MARGIN_PX)
    above = sky(cover.window, seed)
    seen = _blurred(above.over(reflectance(cover, seed)))[:, 3:-3, 3:-3]
    dark = _beyond_swath(inner, world)
    fine_dark = dark.repeat(2, axis=0).repeat(2, axis=1)
    numbers = {}
    for band in bands:
        values = seen[BANDS.index(band)]
        coarse = band in COARSE_BANDS
        numbers[band] = _digital(
            _halved(values) if coarse else values, dark if coarse else fine_dark, inner, band, seed
        )
    quality = _quality(cover, above, seen)
    quality[dark] = NODATA
    return Exposure(numbers, quality)


def _blurred(values: np.ndarray) -> np.ndarray:
    """Light spread to the eight neighbours; one pixel less on each side."""
    middle = 1 - 2 * _SIDE
    lines = values[:, :-2] * _SIDE + values[:, 1:-1] * middle + values[:, 2:] * _SIDE
    return np.asarray(
        lines[:, :, :-2] * _SIDE + lines[:, :, 1:-1] * middle + lines[:, :, 2:] * _SIDE
    )


def _halved(values: np.ndarray) -> np.ndarray:
    """Means of two by two pixels."""
    total = values[0::2, 0::2] + values[0::2, 1::2] + values[1::2, 0::2] + values[1::2, 1::2]
    return np.asarray(total * np.float32(0.25))


def _digital(
    values: np.ndarray, dark: np.ndarray, window: Window, band: str, seed: int
) -> np.ndarray:
    step = window.width // values.shape[1]
    rows = np.arange(values.shape[0])[:, None] + window.row_off // step
    cols = np.arange(values.shape[1])[None, :] + window.col_off // step
    grain = noise.normal(noise.stream(seed, f"sensor {band}"), rows, cols)
    noisy = values + grain * (_NOISE_FLOOR + _NOISE_SHARE * values)
    # A measured pixel is never the nodata value.
    numbers = np.clip(np.rint((noisy - OFFSET) / SCALE), 1, 65535).astype(np.uint16)
    numbers[dark] = NODATA
    return numbers


def _beyond_swath(window: Window, world: Window) -> np.ndarray:
    """Bool at 20 m: pixels whose middle lies in the corner that the sensor did not see."""
    x = np.arange(window.col_off + 1, window.col_stop + 1, 2, dtype=np.float64)[None, :]
    y = np.arange(window.row_off + 1, window.row_stop + 1, 2, dtype=np.float64)[:, None]
    across = (world.width - x) / (_EDGE_SHARES[0] * world.width)
    along = (world.height - y) / (_EDGE_SHARES[1] * world.height)
    return np.asarray(across + along < 1)


def _quality(cover: Cover, above: Sky, seen: np.ndarray) -> np.ndarray:
    """Scene classification at 20 m: cloud and shadow with a margin of a pixel, cover by index."""
    red, near_infrared = _halved(seen[BANDS.index("B04")]), _halved(seen[BANDS.index("B08")])
    greenness = (near_infrared - red) / (near_infrared + red)
    inner = (slice(MARGIN_PX, -MARGIN_PX),) * 2
    water = _halved((cover.ids[inner] == WATER).astype(np.float32)) > 0.5
    quality = np.select(
        [water, greenness > 0.42, greenness > 0.10],
        [np.uint8(_WATER), np.uint8(_VEGETATION), np.uint8(_BARE)],
        np.uint8(_UNCLASSIFIED),
    )
    quality[_widened(above.shadow > 0.02)] = _SHADOW
    quality[_widened(above.cloud > 0.01)] = _MEDIUM
    quality[_widened(above.cloud > 0.5)] = _HIGH
    return quality


def _widened(flags: np.ndarray) -> np.ndarray:
    """Flags of 10 m at 20 m, grown by one pixel; without the margin."""
    any_of_four = flags[0::2, 0::2] | flags[0::2, 1::2] | flags[1::2, 0::2] | flags[1::2, 1::2]
    rim = MARGIN_PX // 2
    height, width = any_of_four.shape[0] - 2 * rim, any_of_four.shape[1] - 2 * rim
    grown = np.zeros((height, width), bool)
    for row in (rim - 1, rim, rim + 1):
        for col in (rim - 1, rim, rim + 1):
            grown |= any_of_four[row : row + height, col : col + width]
    return grown
