"""What the covers look like to Sentinel-2: reflectance of ten bands at the ground.

A pixel mixes two materials; its parcel and its own texture change brightness, greenness and
moisture over all bands together, as illumination, canopy and water do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.datasets.world import noise
from covermap.datasets.world.cover import (
    BARE,
    BUILT_UP,
    FIELD,
    FOREST,
    WATER,
    Cover,
    coordinates,
)
from covermap.datasets.world.materials import MATERIALS, Mixture

_NUMBERS = {name: number for number, name in enumerate(MATERIALS)}
_TABLE = np.array(list(MATERIALS.values()), np.float32)
_ROW_PX = 3.3


@dataclass(frozen=True)
class _Mix:
    """Two materials of some pixels, the share 0..1 of the second, and relative brightness."""

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    brightness: np.ndarray


@dataclass(frozen=True)
class _Texture:
    """Noise of the whole window that the covers share, each (H, W), float32, about -1..1."""

    grain: np.ndarray
    clumps: np.ndarray
    patches: np.ndarray
    slopes: np.ndarray


def reflectance(cover: Cover, seed: int) -> np.ndarray:
    """Reflectance 0..1 of pixels of 10 m without atmosphere or optics.

    Returns
    -------
    ndarray of float32, shape (10, H, W)
        In the order of `BANDS`.
    """
    texture = _texture(cover, seed)
    first = np.zeros(cover.ids.shape, np.int8)
    second = np.zeros(cover.ids.shape, np.int8)
    share = np.zeros(cover.ids.shape, np.float32)
    brightness = np.ones(cover.ids.shape, np.float32)
    painters = {BARE: _bare, BUILT_UP: _built, FIELD: _field, FOREST: _forest, WATER: _water}
    for number, paint in painters.items():
        here = cover.ids == number
        mix = paint(cover, texture, here, seed)
        first[here], second[here] = mix.first, mix.second
        share[here], brightness[here] = np.clip(mix.share, 0, 1), mix.brightness
    green = 0.14 * _parcel(cover, "greenness", seed) + 0.05 * texture.clumps
    moist = 0.12 * _parcel(cover, "moisture", seed) + 0.06 * texture.patches
    brightness *= 1 + 0.09 * _parcel(cover, "brightness", seed)
    mixture = Mixture(first, second, share, brightness, green, moist)
    return mixture.reflectance(_TABLE)


def _texture(cover: Cover, seed: int) -> _Texture:
    x, y = coordinates(cover.window)
    rows, cols = y.astype(np.int64), x.astype(np.int64)
    return _Texture(
        grain=0.6 * noise.normal(noise.stream(seed, "grain"), rows, cols),
        clumps=noise.fractal(x, y, 5.0, 2, noise.stream(seed, "clumps")),
        patches=noise.fractal(x, y, 16.0, 2, noise.stream(seed, "patches")),
        slopes=noise.smooth(x, y, 60.0, noise.stream(seed, "slopes")),
    )


def _parcel(cover: Cover, name: str, seed: int) -> np.ndarray:
    """A normal number of each patch at its pixels, float32 (H, W)."""
    return noise.normal(noise.stream(seed, f"parcel {name}"), cover.patch)


def _luck(cover: Cover, name: str, here: np.ndarray, seed: int) -> np.ndarray:
    """A uniform number of each patch at the pixels `here`, float32 (N,)."""
    return noise.uniform(noise.stream(seed, f"luck {name}"), cover.patch[here])


def _choice(luck: np.ndarray, shares: dict[str, float]) -> np.ndarray:
    """Material numbers by a uniform number, int8: each material with its share."""
    limits = np.cumsum(list(shares.values()))[:-1]
    numbers = np.array([_NUMBERS[name] for name in shares], np.int8)
    return numbers[np.searchsorted(limits.astype(np.float32), luck, side="right")]


def _field(cover: Cover, texture: _Texture, here: np.ndarray, seed: int) -> _Mix:
    luck = _luck(cover, "crop", here, seed)
    shares = {"ripe crop": 0.30, "green crop": 0.29, "meadow": 0.17, "soil": 0.24}
    crop = _choice(luck, shares)
    sown = crop == _NUMBERS["soil"]
    meadow = crop == _NUMBERS["meadow"]
    phase = cover.across[here] / np.float32(_ROW_PX)
    rows = np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1
    depth = np.select([meadow, sown], [0.0, 0.11], 0.05).astype(np.float32)
    verge = np.clip(1.4 - cover.edge[here], 0, 1) * np.float32(0.7)
    thin = 0.10 + 0.12 * texture.slopes[here] + 0.06 * texture.patches[here]
    # Sown fields show some green, others some soil; all have grass along their sides.
    open_share = np.where(sown, thin * np.float32(0.8), thin)
    grassy = verge > open_share
    second = np.where(grassy | sown, _NUMBERS["meadow"], _NUMBERS["soil"]).astype(np.int8)
    brightness = 1 + depth * rows + 0.03 * texture.grain[here] + 0.05 * texture.slopes[here]
    return _Mix(crop, second, np.maximum(verge, open_share), brightness)


def _forest(cover: Cover, texture: _Texture, here: np.ndarray, seed: int) -> _Mix:
    shares = {"broadleaved": 0.48, "conifer": 0.34, "thicket": 0.18}
    stand = _choice(_luck(cover, "stand", here, seed), shares)
    conifer = stand == _NUMBERS["conifer"]
    second = np.where(conifer, _NUMBERS["broadleaved"], _NUMBERS["conifer"]).astype(np.int8)
    young = stand == _NUMBERS["thicket"]
    share = np.where(young, 0.08, 0.22) + 0.22 * texture.clumps[here]
    crowns = np.where(young, 0.13, 0.19).astype(np.float32)
    brightness = 1 + crowns * (texture.grain[here] + 0.4 * texture.clumps[here])
    return _Mix(stand, second, share, brightness)


def _bare(cover: Cover, texture: _Texture, here: np.ndarray, seed: int) -> _Mix:
    shares = {"gravel": 0.5, "earth": 0.5}
    ground = _choice(_luck(cover, "ground", here, seed), shares)
    other = (_NUMBERS["gravel"] + _NUMBERS["earth"] - ground).astype(np.int8)
    share = 0.28 + 0.5 * texture.clumps[here] + 0.3 * texture.patches[here]
    overgrown = texture.patches[here] > 0.48
    second = np.where(overgrown, _NUMBERS["meadow"], other).astype(np.int8)
    brightness = 1 + 0.16 * texture.clumps[here] + 0.06 * texture.grain[here]
    return _Mix(ground, second, share, brightness)


def _built(cover: Cover, texture: _Texture, here: np.ndarray, seed: int) -> _Mix:
    x, y = coordinates(cover.window)
    house = noise.uniform(noise.stream(seed, "house"), y.astype(np.int64), x.astype(np.int64))[here]
    trade = _luck(cover, "trade", here, seed) < 0.15
    homes = _choice(house, {"garden": 0.42, "tiles": 0.38, "asphalt": 0.12, "concrete": 0.08})
    halls = _choice(house, {"concrete": 0.55, "asphalt": 0.35, "garden": 0.10})
    first = np.where(trade, halls, homes)
    street = np.clip(1.1 - cover.edge[here], 0, 1)
    green = 0.25 + 0.25 * texture.clumps[here]
    paved = street > 0.3
    second = np.where(paved, _NUMBERS["asphalt"], _NUMBERS["garden"]).astype(np.int8)
    brightness = 1 + 0.13 * texture.grain[here]
    return _Mix(first, second, np.where(paved, street, green), brightness)


def _water(cover: Cover, texture: _Texture, here: np.ndarray, seed: int) -> _Mix:
    first = np.full(int(here.sum()), _NUMBERS["deep water"], np.int8)
    second = np.full(first.shape, _NUMBERS["turbid water"], np.int8)
    share = 0.55 - 0.9 * cover.depth[here] + 0.25 * texture.slopes[here]
    return _Mix(first, second, share, 1 + 0.02 * texture.grain[here])
