"""Which part of a split each pixel of any scene belongs to: the one place that decides it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.chips.regions import Regions
from covermap.core.grid import pixel_size_m, same_lattice, shortest_side_m
from covermap.labels.target import Target

# Tiles of so many pixels, each at most so long, have sides that are straight to within a pixel in
# any CRS, but for those at a pole.
_TILE, _STRAIGHT_M = 32, 300.0

NO_PART = -1
ANY_PART = -2


@dataclass(frozen=True)
class Frame:
    """Where a scene without a CRS lies on the lattice of blocks: apart from every other scene.

    `grid` is the scene's own; its first row is row `first_row` of the lattice, its first column
    column 0.
    """

    grid: GeoBox
    first_row: int


@dataclass(frozen=True)
class Ground:
    """The split as a property of the ground, whatever scene shows it.

    Attributes
    ----------
    kind : str
        `blocks`: squares of a lattice; `polygons`: groups of polygons; `scenes`: whole scenes;
        `regions`: polygons of another file.
    parts : tuple of str
        Names; a part's code is its place.
    buffer_px : int
        Training labels nearer than this to held-out ground do not count; where `buffer_m` is
        given, the widest of any scene when the split was decided.
    blocks : dict
        Row and column of a block to (code of its part, number of its group).
    origin : GeoBox, optional
        Grid whose upper left corner the lattice of blocks starts from.
    block_px : int
        Side of a block in pixels of `origin`.
    part_of_source : ndarray of int16
        Code of the only part in which a polygon counts; ANY_PART where it may be cut at the border
        of a block. One more entry, for `source` -1, at the end.
    group_of_source : ndarray of int32
        For polygons: number of each polygon's group, with one more entry, -1, at the end.
    scenes : dict
        For scenes: name to (code of its part, number of its group).
    frames : dict
        For blocks: where each scene without a CRS lies on the lattice, by name.
    regions : Regions, optional
        For regions and polygons: their shapes and parts.
    buffer_m : float, optional
        What `buffer_px` stands for, in metres; each scene takes as many of its own pixels.
    """

    kind: str
    parts: tuple[str, ...]
    buffer_px: int
    blocks: dict[tuple[int, int], tuple[int, int]]
    origin: GeoBox | None
    block_px: int
    part_of_source: np.ndarray
    group_of_source: np.ndarray
    scenes: dict[str, tuple[int, int]] = field(default_factory=dict)
    frames: dict[str, Frame] = field(default_factory=dict)
    regions: Regions | None = None
    buffer_m: float | None = None

    def buffer_on(self, geobox: GeoBox) -> int:
        """Width in pixels of a scene's grid of the strip whose labels do not teach."""
        return self.buffer_px if self.buffer_m is None else pixels_of(self.buffer_m, geobox)

    def standing_on(self, geobox: GeoBox, target: Target, scene_name: str = "") -> np.ndarray:
        """Code of the part whose ground each pixel is, int16 (H, W); -1 for ground of no part.

        `geobox` is a window of the named scene.
        """
        if self.kind == "polygons":
            return self.part_of_source[target.source]
        return self._looked_up(geobox, scene_name, 0).astype(np.int16)

    def counting_in(self, geobox: GeoBox, target: Target, scene_name: str = "") -> np.ndarray:
        """Code of the part in which each labelled pixel counts, int16 (H, W); -1 for none.

        A small polygon that a border of blocks cuts counts only on the side that holds most of it.
        """
        codes = self.standing_on(geobox, target, scene_name)
        home = self.part_of_source[target.source]
        at_home = (home == ANY_PART) | (home == codes)
        return np.where(target.labelled & at_home, codes, NO_PART).astype(np.int16)

    def group_numbers(self, geobox: GeoBox, target: Target, scene_name: str = "") -> np.ndarray:
        """Number of the group of each pixel, int32 (H, W); -1 for none.

        A group is a block, a region, polygons on the same ground, or scenes that share ground.
        """
        if self.kind == "polygons":
            return self.group_of_source[target.source]
        return self._looked_up(geobox, scene_name, 1)

    def codes(self, names: Collection[str]) -> np.ndarray:
        """Codes of parts by name."""
        return np.asarray([self.parts.index(name) for name in names], dtype=np.int16)

    def deals_as(self, earlier: Ground) -> bool:
        """Whether ground that both know lies in the same part of both; new ground does not count.

        Groups of polygons, and regions, have no names that outlive a change of their file: they
        must all be as they were.
        """
        if (self.kind, self.block_px, self.origin) != (
            earlier.kind, earlier.block_px, earlier.origin,
        ):  # fmt: skip
            return False
        if self.kind == "polygons":
            return np.array_equal(self.part_of_source, earlier.part_of_source)
        if self.regions is not None and earlier.regions is not None:
            return np.array_equal(self.regions.part_of, earlier.regions.part_of)
        known: list[tuple[Mapping[Any, tuple[int, int]], Mapping[Any, tuple[int, int]]]] = [
            (self.blocks, earlier.blocks), (self.scenes, earlier.scenes),
        ]  # fmt: skip
        return all(
            self.parts[mine[place][0]] == earlier.parts[its[place][0]]
            for mine, its in known
            for place in mine.keys() & its.keys()
            if min(mine[place][0], its[place][0]) >= 0
        )

    def _looked_up(self, geobox: GeoBox, scene_name: str, which: int) -> np.ndarray:
        if self.kind == "scenes":
            shape = (int(geobox.shape[0]), int(geobox.shape[1]))
            found = self.scenes.get(scene_name, (NO_PART, NO_PART))[which]
            return np.full(shape, found, dtype=np.int32)
        if self.kind == "regions":
            assert self.regions is not None
            return (self.regions.parts, self.regions.numbers)[which](geobox)
        return self._by_block(geobox, scene_name, which)

    def _by_block(self, geobox: GeoBox, scene_name: str, which: int) -> np.ndarray:
        block_rows, block_cols = blocks_of_pixels(
            self.origin, self.frames, self.block_px, geobox, scene_name
        )
        # Few blocks meet in a window: look each up once and spread the answers.
        low_row, low_col = block_rows.min(), block_cols.min()
        span_cols = int(block_cols.max() - low_col) + 1
        flat = (block_rows - low_row) * span_cols + (block_cols - low_col)
        size = int(block_rows.max() - low_row + 1) * span_cols
        table = np.full(size, NO_PART, dtype=np.int32)
        for number in np.unique(flat):
            key = (int(low_row + number // span_cols), int(low_col + number % span_cols))
            if key in self.blocks:
                table[number] = self.blocks[key][which]
        return table[flat]


def blocks_of_pixels(
    origin: GeoBox | None,
    frames: Mapping[str, Frame],
    block_px: int,
    geobox: GeoBox,
    scene_name: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the block of each pixel, both int64 (H, W).

    `geobox` is a window of the named scene; `origin`, `frames` and `block_px` are as in `Ground`.
    """
    frame = frames.get(scene_name)
    if frame is not None:
        rows, cols = lattice_of(frame.grid, geobox)
        rows += frame.first_row
    elif origin is None:
        raise ValueError(f"scene '{scene_name}' has no place on the lattice of blocks")
    elif same_lattice(origin, geobox) is None and pixel_size_m(geobox) < _STRAIGHT_M:
        return _blocks_elsewhere(origin, block_px, geobox)
    else:
        rows, cols = lattice_of(origin, geobox)
    return np.floor_divide(rows, block_px), np.floor_divide(cols, block_px)


def _blocks_elsewhere(
    origin: GeoBox, block_px: int, geobox: GeoBox
) -> tuple[np.ndarray, np.ndarray]:
    """Block of each pixel of another lattice: projected are those near borders of blocks alone."""
    shape = (int(geobox.shape[0]), int(geobox.shape[1]))
    starts = [np.arange(0, side, _TILE) for side in shape]
    sizes = [np.minimum(_TILE, side - first) for first, side in zip(starts, shape, strict=True)]
    # A tile whose corners, a pixel further out, lie in one block lies in it: blocks are convex.
    rows, cols = (
        np.stack([first - 1, first + size]) for first, size in zip(starts, sizes, strict=True)
    )
    corners = np.broadcast_arrays(rows[:, None, :, None], cols[None, :, None, :])
    found = np.stack(pixels_on_lattice(origin, geobox, *corners)) // block_px
    crossed = (found != found[:, :1, :1]).any(axis=(0, 1, 2))
    blocks, mask = (
        np.repeat(np.repeat(array, sizes[0], axis=-2), sizes[1], axis=-1)
        for array in (found[:, 0, 0], crossed)
    )
    places = np.nonzero(mask)
    near = np.stack(pixels_on_lattice(origin, geobox, *places)) // block_px
    blocks[0][places], blocks[1][places] = near
    return blocks[0], blocks[1]


def part_at_home(home: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Part of each source, int16: of `codes` that of its home; what has none (< 0) stays so."""
    return np.where(home < 0, home, codes[np.maximum(home, 0)]).astype(np.int16)


def pixels_of(metres: float, geobox: GeoBox) -> int:
    """So many pixels of a grid that they are as long as that in every direction."""
    return int(np.ceil(metres / shortest_side_m(geobox)))


def lattice_of(origin: GeoBox, geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, on the lattice of `origin`, of the centre of each pixel of another grid.

    Both int64 (H, W). Exact for grids that share the lattice; else by the pixels' centres.
    """
    height, width = (int(n) for n in geobox.shape)
    same = same_lattice(origin, geobox)
    if same is not None:
        rows = np.arange(height, dtype=np.int64)[:, None] + same[0]
        cols = np.arange(width, dtype=np.int64)[None, :] + same[1]
        return (
            np.broadcast_to(rows, (height, width)).copy(),
            np.broadcast_to(cols, (height, width)).copy(),
        )
    cols_of, rows_of = np.meshgrid(np.arange(width), np.arange(height))
    return pixels_on_lattice(origin, geobox, rows_of, cols_of)


def pixels_on_lattice(
    origin: GeoBox, geobox: GeoBox, rows: np.ndarray, cols: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, on the lattice of `origin`, of the centres of some pixels of another grid."""
    x, y = _apply(geobox.affine, cols + 0.5, rows + 0.5)
    if origin.crs is not None and geobox.crs != origin.crs:
        x, y = _transformer(geobox.crs, origin.crs).transform(x, y)
    col, row = _apply(~origin.affine, np.asarray(x), np.asarray(y))
    return np.floor(row).astype(np.int64), np.floor(col).astype(np.int64)


def _apply(affine: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


# Windows of a scene ask for the same pair again and again, and making one takes milliseconds.
@lru_cache(maxsize=64)
def _transformer(source: Any, target: Any) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(source.proj, target.proj, always_xy=True)
