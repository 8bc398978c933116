"""What classes look like: reflectance of mixed materials with the texture of their cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from covermap.datasets.miniature.ground import Ground
from covermap.datasets.world import noise
from covermap.datasets.world.cover import coordinates
from covermap.datasets.world.materials import MATERIALS, Mixture

# Beside those of the generated worlds; drawn by hand after the general shape of such covers.
_MORE = {
    "snow": (0.82, 0.84, 0.83, 0.82, 0.80, 0.79, 0.78, 0.76, 0.10, 0.08),
    "sand": (0.150, 0.205, 0.270, 0.300, 0.318, 0.330, 0.345, 0.355, 0.430, 0.400),
    "dry grass": (0.055, 0.085, 0.105, 0.150, 0.205, 0.230, 0.255, 0.275, 0.320, 0.220),
    "shrub": (0.038, 0.062, 0.056, 0.100, 0.180, 0.215, 0.235, 0.255, 0.215, 0.135),
    "wet crop": (0.034, 0.058, 0.040, 0.080, 0.190, 0.240, 0.265, 0.275, 0.105, 0.048),
    "low crop": (0.045, 0.078, 0.068, 0.115, 0.215, 0.255, 0.280, 0.300, 0.260, 0.170),
    "broad crop": (0.028, 0.066, 0.030, 0.112, 0.365, 0.470, 0.500, 0.515, 0.215, 0.095),
    "clear cut": (0.060, 0.080, 0.092, 0.125, 0.165, 0.185, 0.205, 0.225, 0.285, 0.215),
}
_NUMBERS = {name: number for number, name in enumerate([*MATERIALS, *_MORE])}
_TABLE = np.array([*MATERIALS.values(), *_MORE.values()], np.float32)


@dataclass(frozen=True)
class Look:
    """How a class looks.

    Attributes
    ----------
    materials : tuple of str
        Each patch is made of one of these; with `houses` each plot.
    other : str
        What shows through.
    share : float
        How much of `other` shows on the average, 0..1.
    clumps : float
        How much that share varies from clump to clump.
    grain : float
        Relative change of brightness from pixel to pixel.
    rows : float
        Relative change of brightness from row to row.
    row_px : float
        Distance of rows.
    houses : bool
        Plots with a house each, and `other` between them.
    """

    materials: tuple[str, ...]
    other: str
    share: float = 0.15
    clumps: float = 0.15
    grain: float = 0.04
    rows: float = 0.0
    row_px: float = 4.0
    houses: bool = False


def reflectance(ground: Ground, looks: Mapping[int, Look], seed: int) -> np.ndarray:
    """Reflectance 0..1 in the ten bands of `BANDS`, float32 (10, H, W).

    Patches differ in brightness, greenness and moisture within their class.
    """
    x, y = coordinates(ground.window)
    clumps = noise.fractal(x, y, 6.0, 2, noise.stream(seed, "clumps"))
    wide = noise.fractal(x, y, 24.0, 2, noise.stream(seed, "wide"))
    grain = noise.normal(noise.stream(seed, "grain"), y.astype(np.int64), x.astype(np.int64))
    first, second = np.zeros((2, *ground.ids.shape), np.int16)
    share, brightness = np.zeros((2, *ground.ids.shape), np.float32)
    for number, look in looks.items():
        here = ground.ids == number
        owner = ground.house if look.houses else ground.patch
        luck = noise.uniform(noise.stream(seed, "material"), owner[here])
        names = np.array([_NUMBERS[name] for name in look.materials], np.int16)
        first[here] = names[(luck * len(names)).astype(np.int64)]
        second[here] = _NUMBERS[look.other]
        part = look.share + look.clumps * clumps[here]
        if look.houses:
            part = np.where(ground.edge[here] < 1.6, np.float32(0.9), part)
        share[here] = np.clip(part, 0, 1)
        phase = ground.across[here] / np.float32(look.row_px)
        rows = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1
        brightness[here] = 1 + look.grain * grain[here] + look.rows * rows
    brightness *= 1 + 0.08 * _of_patch(ground, "brightness", seed) + 0.04 * wide
    green = 0.12 * _of_patch(ground, "greenness", seed) + 0.05 * clumps
    moist = 0.10 * _of_patch(ground, "moisture", seed) + 0.05 * wide
    return Mixture(first, second, share, brightness, green, moist).reflectance(_TABLE)


def _of_patch(ground: Ground, name: str, seed: int) -> np.ndarray:
    return noise.normal(noise.stream(seed, f"patch {name}"), ground.patch)
