"""Which land cover lies where: the complete truth of a generated world.

Water goes before houses, houses before bare ground, bare ground before forest; the rest is fields.
Every cover is made of patches of a few hectares: parcels, blocks of houses, ponds, quarries or
stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.parcels import Frame, Parcels, frame, parcels

# In order of name, so that classes given as text get the same ids.
NAMES = {1: "bare", 2: "built-up", 3: "field", 4: "forest", 5: "water"}
BARE, BUILT_UP, FIELD, FOREST, WATER = NAMES

_STAND_PX = 21.0
_RIVER_SPACING_PX = 1100.0
_LAKES = noise.Scatter(spacing=260.0, chance=0.55, smallest=26.0, largest=56.0)
_PONDS = noise.Scatter(spacing=120.0, chance=0.35, smallest=4.0, largest=9.0)
_VILLAGES = noise.Scatter(spacing=180.0, chance=0.9, smallest=17.0, largest=44.0)
_QUARRIES = noise.Scatter(spacing=78.0, chance=0.78, smallest=5.5, largest=14.0)


@dataclass(frozen=True)
class Cover:
    """The truth of a window, and what the look of each pixel depends on.

    Attributes
    ----------
    window : Window
        The pixels of 10 m.
    ids : ndarray of uint8, shape (H, W)
        1..5, see `NAMES`.
    patch : ndarray of uint64, shape (H, W)
        Identity of the patch of ground that a person would outline; a patch has one class.
    across : ndarray of float32, shape (H, W)
        Position across the rows of a field, in pixels.
    edge : ndarray of float32, shape (H, W)
        Distance to the side of the parcel or block, in pixels.
    depth : ndarray of float32, shape (H, W)
        Of water: 0 at the shore, 1 in the middle.
    """

    window: Window
    ids: np.ndarray
    patch: np.ndarray
    across: np.ndarray
    edge: np.ndarray
    depth: np.ndarray

    def cut(self, window: Window) -> Cover:
        """The part in `window`, which must lie inside."""
        rows, cols = window.relative_to(self.window).slices
        parts = (self.ids, self.patch, self.across, self.edge, self.depth)
        return Cover(window, *(part[rows, cols] for part in parts))


def coordinates(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres: x as a row (1, W), y as a column (H, 1), float64, in pixels of the world."""
    x = np.arange(window.col_off, window.col_stop, dtype=np.float64)[None, :] + 0.5
    y = np.arange(window.row_off, window.row_stop, dtype=np.float64)[:, None] + 0.5
    return x, y


def cover(window: Window, seed: int) -> Cover:
    """The land cover of a window of the world of `seed`; the same pixels in whatever window."""
    x, y = coordinates(window)
    bent_x, bent_y = _bent(x, y, seed)
    place = frame(*_slightly_bent(x, y, seed), seed)
    fields = parcels(place, 15.0, 27.0, noise.stream(seed, "parcel"))
    blocks = parcels(place, 8.0, 10.0, noise.stream(seed, "block"))
    stands = noise.mosaic(bent_x, bent_y, _STAND_PX, noise.stream(seed, "stand"))
    stand_key = stands.key[stands.index]
    wooded = _wooded(stands, seed)[stands.index]
    built = _built(blocks, seed)
    bare, bare_key = _bare(bent_x, bent_y, fields, seed)
    depth, water_key = _water(x, y, bent_x, bent_y, stand_key, seed)

    ids = np.full(window.shape, FIELD, np.uint8)
    patch = fields.key.copy()
    edge = fields.edge.copy()
    for mask, number, key in (
        (wooded, FOREST, stand_key),
        (bare, BARE, bare_key),
        (built, BUILT_UP, blocks.key),
        (depth > 0, WATER, water_key),
    ):
        np.copyto(ids, np.uint8(number), where=mask)
        np.copyto(patch, key, where=mask)
    np.copyto(edge, blocks.edge, where=ids == BUILT_UP)
    # A patch has one class even where two mosaics share a key.
    patch = noise.hashed(noise.stream(seed, "patch"), patch, ids)
    return Cover(window, ids, patch, _fine(place), edge, depth)


def _fine(place: Frame) -> np.ndarray:
    # Rows repeat every few pixels: float32 loses nothing once whole periods are taken off.
    return np.mod(place.across, 1024.0).astype(np.float32)


def _bent(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates shifted by noise, which makes natural outlines of straight ones."""
    shifts = []
    for axis in ("x", "y"):
        wide = noise.smooth(x, y, 85.0, noise.stream(seed, f"bend wide {axis}"))
        fine = noise.fractal(x, y, 19.0, 3, noise.stream(seed, f"bend fine {axis}"))
        shifts.append(13.0 * wide.astype(np.float64) + 6.0 * fine)
    return x + shifts[0], y + shifts[1]


def _slightly_bent(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates for farmland: tracks follow the ground a little."""
    shift_x = noise.smooth(x, y, 70.0, noise.stream(seed, "track x")).astype(np.float64)
    shift_y = noise.smooth(x, y, 70.0, noise.stream(seed, "track y")).astype(np.float64)
    return x + 4.0 * shift_x, y + 4.0 * shift_y


def _wooded(stands: noise.Cells, seed: int) -> np.ndarray:
    """Bool (N,): which stands carry forest; woods are wide, a few copses lie alone."""
    # Turned, so that woods do not follow the axes of the noise's lattice.
    sites = (
        (0.8 * stands.x + 0.6 * stands.y)[None, :],
        (0.8 * stands.y - 0.6 * stands.x)[None, :],
    )
    humid = noise.smooth(*sites, 150.0, noise.stream(seed, "woods"))
    ragged = noise.smooth(*sites, 55.0, noise.stream(seed, "wood edge"))
    copse = noise.uniform(noise.stream(seed, "copse"), stands.key) < 0.025
    return ((humid + 0.45 * ragged)[0] > 0.12) | copse


def _built(blocks: Parcels, seed: int) -> np.ndarray:
    """Bool (H, W): villages of whole blocks, and lone farmsteads."""
    villages = noise.blobs(blocks.x, blocks.y, _VILLAGES, noise.stream(seed, "village"))
    # Outer blocks are built on the less often the further out they lie.
    luck = noise.uniform(noise.stream(seed, "plot"), blocks.key)
    farmstead = noise.uniform(noise.stream(seed, "farmstead"), blocks.key) < 0.006
    return (villages.inside > 0.25 * luck) | farmstead


def _bare(
    x: np.ndarray, y: np.ndarray, fields: Parcels, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where quarries and stripped parcels lie (bool), and the key of each."""
    quarries = noise.blobs(x, y, _QUARRIES, noise.stream(seed, "quarry"))
    stripped = noise.uniform(noise.stream(seed, "stripped"), fields.key) < 0.026
    quarry = quarries.inside > 0
    return quarry | stripped, np.where(quarry, quarries.key, fields.key)


def _water(
    x: np.ndarray,
    y: np.ndarray,
    bent_x: np.ndarray,
    bent_y: np.ndarray,
    stand_key: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Depth of water (0 on land, float32) and the key of each pond or part of a lake or river."""
    # Shores of large water wind more than edges of woods.
    lake_x, lake_y = x + 2.2 * (bent_x - x), y + 2.2 * (bent_y - y)
    lakes = noise.blobs(lake_x, lake_y, _LAKES, noise.stream(seed, "lake")).inside
    ponds = noise.blobs(bent_x, bent_y, _PONDS, noise.stream(seed, "pond"))
    river = _river(x, y, seed)
    depth = np.maximum(np.maximum(lakes * 1.5, ponds.inside), river)
    large = np.maximum(lakes, river) > 0
    key = np.where(large, noise.hashed(noise.stream(seed, "shoal"), stand_key), ponds.key)
    return np.clip(depth, 0, 1).astype(np.float32), key


def _river(x: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """1 in the middle of a river, 0 at its bank, less on land; float32 (H, W).

    Rivers run from north to south, one in each strip of the world, and wind at three scales.
    """
    column = np.zeros_like(y)
    number = np.floor(x / _RIVER_SPACING_PX).astype(np.int64)
    best = np.full((y.shape[0], x.shape[1]), -np.inf)
    half_width = 3.8 + 1.4 * noise.smooth(column, y, 120.0, noise.stream(seed, "river width"))
    for strip in range(int(number.min()) - 1, int(number.max()) + 2):
        strips = np.full((1, 1), strip)
        home = 0.3 + 0.4 * noise.uniform(noise.stream(seed, "river"), strips)[0, 0]
        path = column + (strip + float(home)) * _RIVER_SPACING_PX
        for reach, period in ((140.0, 420.0), (38.0, 120.0), (9.0, 37.0)):
            source = noise.stream(seed, f"meander {period} {strip}")
            path = path + reach * noise.smooth(column, y, period, source)
        np.maximum(best, 1 - np.abs(x - path) / half_width, out=best)
    return best.astype(np.float32)
