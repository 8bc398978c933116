"""Clouds and their shadows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.cover import coordinates

# A morning sun in the south-east throws shadows to the north-west; rows and columns in pixels.
SHADOW_PX = (-17.0, -12.0)
_CLOUDS = noise.Scatter(spacing=150.0, chance=0.58, smallest=10.0, largest=33.0)
# In the order of the ten bands: how bright a thick cloud is, and how much light a shadow leaves
# (more of the blue, which the sky scatters).
_CLOUD_REFLECTANCE = np.array(
    (0.62, 0.61, 0.62, 0.63, 0.64, 0.65, 0.65, 0.66, 0.50, 0.38), np.float32
)
_SHADOW_LIGHT = np.array((0.55, 0.46, 0.42, 0.38, 0.33, 0.31, 0.30, 0.29, 0.26, 0.26), np.float32)


@dataclass(frozen=True)
class Sky:
    """Opacity of cloud and depth of shadow, each float32 (H, W) in 0..1."""

    cloud: np.ndarray
    shadow: np.ndarray

    def over(self, reflectance: np.ndarray) -> np.ndarray:
        """What a sensor sees of ground of `reflectance` (10, H, W) below this sky."""
        light = 1 - self.shadow * (1 - _SHADOW_LIGHT[:, None, None])
        lit = reflectance * light
        return np.asarray(lit + (_CLOUD_REFLECTANCE[:, None, None] - lit) * self.cloud)


def sky(window: Window, seed: int) -> Sky:
    """The sky of a window; the same pixels in whatever window."""
    x, y = coordinates(window)
    down, right = SHADOW_PX
    return Sky(_opacity(x, y, seed), np.float32(0.9) * _opacity(x - right, y - down, seed))


def _opacity(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    ragged = [noise.fractal(x, y, 38.0, 5, noise.stream(seed, f"cloud {a}")) for a in "xy"]
    bent_x = x + 21.0 * ragged[0].astype(np.float64)
    bent_y = y + 21.0 * ragged[1].astype(np.float64)
    inside = noise.blobs(bent_x, bent_y, _CLOUDS, noise.stream(seed, "cloud")).inside
    t = np.clip(inside * np.float32(1.8), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
