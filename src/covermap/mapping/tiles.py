"""Where the tiles of a map stand: what each reads, what of it is trusted, what it completes."""

from __future__ import annotations

from dataclasses import dataclass

from covermap.core.grid import Window


@dataclass(frozen=True)
class TileAxis:
    """Tiles along one direction of a scene.

    Tile i reads `tile` pixels from `first + i * step`; the last one begins at `last`, so that it
    ends where the scene does. Its core is what is trusted: all but a halo at each end that has a
    neighbour. Neighbouring cores share `ramp` pixels, over which one hands over to the next.

    Attributes
    ----------
    length : int
        Pixels of the scene in this direction.
    tile : int
        Pixels that a tile reads, a multiple of the network's stride.
    halo : int
        Pixels at an end of a tile that are context only, where a neighbour answers for them.
    step : int
        Distance of neighbouring cores.
    ramp : int
        Pixels that neighbouring cores share, at most `step`.
    first : int
        Where the first tile begins, 0 or less.
    last : int
        Where the last tile begins.
    count : int
        Number of tiles, at least 1.
    """

    length: int
    tile: int
    halo: int
    step: int
    ramp: int
    first: int
    last: int
    count: int

    @property
    def span(self) -> int:
        """Pixels from the beginning of the first core to the end of the last."""
        return self.last + self.tile - self.first

    @property
    def longest_core(self) -> int:
        """Pixels of the longest core."""
        return max(self.core(number) for number in {0, min(1, self.count - 1), self.count - 1})

    def read_start(self, number: int) -> int:
        """Where a tile begins; may lie before the scene."""
        return self.last if number == self.count - 1 else self.first + number * self.step

    def core_start(self, number: int) -> int:
        """Where the trusted part of a tile begins; may lie before the scene."""
        return self.first + (number * self.step + self.halo if number else 0)

    def core(self, number: int) -> int:
        """Pixels of a tile that are trusted."""
        return self.completed(number) + (self.ramp if number < self.count - 1 else 0)

    def completed(self, number: int) -> int:
        """How many pixels of its core no later tile adds to."""
        if number < self.count - 1:
            return self.core_start(number + 1) - self.core_start(number)
        return self.last + self.tile - self.core_start(number)


@dataclass(frozen=True)
class TilePlan:
    """The tiles of a scene, in rows from the top, each from left to right."""

    rows: TileAxis
    cols: TileAxis

    @property
    def count(self) -> int:
        return self.rows.count * self.cols.count

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Rows and columns that every tile reads."""
        return self.rows.tile, self.cols.tile

    def read_window(self, row: int, col: int) -> Window:
        """What a tile reads; reaches beyond the scene at its borders."""
        return Window(self.rows.read_start(row), self.cols.read_start(col), *self.tile_shape)

    def core_window(self, row: int, col: int) -> Window:
        """The part of a tile that has a weight; may reach beyond the scene."""
        return Window(
            self.rows.core_start(row),
            self.cols.core_start(col),
            self.rows.core(row),
            self.cols.core(col),
        )

    def completed_window(self, row: int, col: int) -> Window:
        """What is final once this tile and those before it are done; may reach beyond the scene."""
        core = self.core_window(row, col)
        return Window(
            core.row_off, core.col_off, self.rows.completed(row), self.cols.completed(col)
        )


def smallest_tile(halo: int, stride: int) -> int:
    """The smallest tile, in pixels, that has anything to trust."""
    return _multiple_above(2 * halo + stride, stride)


def plan_tiles(shape: tuple[int, int], tile: int, halo: int, stride: int) -> TilePlan:
    """Tiles that cover a scene, as few and as small as the largest allowed one permits.

    The plan depends on the scene's size alone, never on which part of it is wanted: a map of a
    part is made by the very tiles that make the whole map. Tiles begin at multiples of the stride,
    so that every pixel meets the network in the same phase whatever the tile size. They end at the
    scene's own ends (the far ones rounded up to the stride), where a network meets its own padding,
    as it does at the ends of a training chip: whatever the tile size, the border is answered alike,
    and a small scene costs no more than itself.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the scene.
    tile : int
        Largest side of a tile in pixels, a multiple of `stride`.
    halo : int
        Pixels of context on each side of what is trusted.
    stride : int
        The network's stride: tiles stand on multiples of it.

    Raises
    ------
    ValueError
        The tile is no multiple of the stride, or holds nothing but halo.
    """
    if tile % stride or tile < smallest_tile(halo, stride):
        raise ValueError(
            f"a tile of {tile} px is no multiple of {stride} of at least "
            f"{smallest_tile(halo, stride)}"
        )
    return TilePlan(*(_fitted_axis(length, tile, halo, stride) for length in shape))


def plan_whole_tiles(shape: tuple[int, int], tile: int) -> TilePlan:
    """Tiles of one size for a network whose answer depends on all that it is shown.

    No halo makes such tiles agree, and what is padded changes their answers: they are spread evenly
    and reach beyond the scene as little as possible. Neighbours share a quarter of a tile or more,
    over which one hands over to the next; at the ends of a tile its answers hardly weigh.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the scene.
    tile : int
        Side in pixels that the network was validated at.
    """
    return TilePlan(*(_whole_axis(length, tile) for length in shape))


def _whole_axis(length: int, tile: int) -> TileAxis:
    more = max(0, length - tile)
    count = 1 + -(-more // (tile - tile // 4))
    step = max(-(-more // (count - 1)), -(-tile // 2)) if count > 1 else tile
    first = -(((count - 1) * step + tile - length) // 2)
    return TileAxis(length, tile, 0, step, tile - step, first, first + (count - 1) * step, count)


def _fitted_axis(length: int, tile: int, halo: int, stride: int) -> TileAxis:
    axis = _axis(length, tile, halo, stride)
    while axis.count > 1 and axis.tile > smallest_tile(halo, stride):
        smaller = _axis(length, axis.tile - stride, halo, stride)
        if smaller.count > axis.count:
            break
        axis = smaller
    return axis


def _axis(length: int, tile: int, halo: int, stride: int) -> TileAxis:
    whole = _multiple_above(length, stride)
    if whole <= tile:
        return TileAxis(length, whole, halo, whole, 0, 0, 0, 1)
    trusted = tile - 2 * halo
    # A network's output is the same only after a shift by its stride, so steps are multiples of
    # it; half a stride at least is kept for handing over where the tile has room for that.
    step = max(stride, (trusted - stride // 2) // stride * stride)
    ramp = min(trusted - step, step)
    count = 1 + -(-(whole - tile) // step)
    return TileAxis(length, tile, halo, step, ramp, 0, whole - tile, count)


def _multiple_above(value: int, of: int) -> int:
    return -(-value // of) * of
