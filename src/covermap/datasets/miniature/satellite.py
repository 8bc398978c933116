"""Sentinel-2 pictures of generated ground: digital numbers below clouds, and their quality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.datasets.miniature.ground import Ground
from covermap.datasets.world import noise
from covermap.datasets.world.clouds import sky
from covermap.datasets.world.cover import coordinates
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.sensor import COARSE_BANDS

SCALE = 0.0001
_SHADOW, _VEGETATION, _BARE, _WATER, _HIGH_CLOUD = 3, 4, 5, 6, 9
_NOISE = 0.0015


@dataclass(frozen=True)
class Exposure:
    """What a satellite saw on one date.

    Attributes
    ----------
    reflectance : ndarray of float32, shape (10, H, W)
        In the order of `BANDS`, below clouds, with noise.
    scl : ndarray of uint8, shape (H, W)
        Scene classification.
    """

    reflectance: np.ndarray
    scl: np.ndarray

    def numbers(self, band: str) -> np.ndarray:
        """Digital numbers of a band, uint16 (H, W), without offset.

        Bands of 20 m have equal pixels two by two; those of 60 m, which the generator does not
        know, are made of their neighbours.
        """
        values = self._band(band)
        if band in COARSE_BANDS or band in ("B01", "B09", "B10"):
            step = 2 if band in COARSE_BANDS else 4
            values = _coarse(values, step)
        return np.asarray(np.clip(np.rint(values / SCALE), 1, 65535), np.uint16)

    def _band(self, band: str) -> np.ndarray:
        if band == "B01":
            return np.asarray(0.9 * self.reflectance[BANDS.index("B02")] + 0.005)
        if band == "B09":
            return np.asarray(0.35 * self.reflectance[BANDS.index("B8A")] + 0.002)
        if band == "B10":
            return np.asarray(0.0012 + 0.002 * self.reflectance[BANDS.index("B02")])
        return np.asarray(self.reflectance[BANDS.index(band)])


def exposed(ground: Ground, reflectance: np.ndarray, seed: int, clear: bool = False) -> Exposure:
    """What a satellite sees of ground with this reflectance on the date that `seed` stands for."""
    x, y = coordinates(ground.window)
    above = sky(ground.window, seed)
    seen = reflectance if clear else above.over(reflectance)
    rows, cols = y.astype(np.int64), x.astype(np.int64)
    noisy = np.stack(
        [
            band + _NOISE * noise.normal(noise.stream(seed, f"sensor {name}"), rows, cols)
            for name, band in zip(BANDS, seen, strict=True)
        ]
    )
    red, infrared = reflectance[BANDS.index("B04")], reflectance[BANDS.index("B08")]
    greenness = (infrared - red) / (infrared + red)
    scl = np.where(greenness > 0.4, _VEGETATION, _BARE).astype(np.uint8)
    scl[infrared < 0.06] = _WATER
    if not clear:
        scl[above.shadow > 0.05] = _SHADOW
        scl[above.cloud > 0.05] = _HIGH_CLOUD
    return Exposure(np.clip(noisy, 0.0001, 1.2).astype(np.float32), scl)


def _coarse(values: np.ndarray, step: int) -> np.ndarray:
    """Means of `step` by `step` pixels, repeated; sides are multiples of `step`."""
    height, width = values.shape
    blocks = values.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    return np.asarray(blocks.repeat(step, axis=0).repeat(step, axis=1))
