"""Where the tiles of a map stand: what each reads, what of it is trusted, what it completes."""

from __future__ import annotations

from dataclasses import dataclass

from covermap.core.grid import Window


@dataclass(frozen=True)
class TileAxis:
    """Tiles along one direction of a scene.

    Tile i reads `tile` pixels from `first + i * step`. Of these the `core` from `halo` on is
    trusted; neighbouring cores share `ramp` pixels, over which one hands over to the next.

    Attributes
    ----------
    length : int
        Pixels of the scene in this direction.
    tile : int
        Pixels that a tile reads, a multiple of the network's stride.
    halo : int
        Pixels at each end of a tile that are context only.
    step : int
        Distance of neighbouring tiles.
    ramp : int
        Pixels that neighbouring cores share, at most `step`.
    first : int
        Where the first tile begins, 0 or less.
    count : int
        Number of tiles, at least 1.
    """

    length: int
    tile: int
    halo: int
    step: int
    ramp: int
    first: int
    count: int

    @property
    def core(self) -> int:
        """Pixels of a tile that are trusted."""
        return self.step + self.ramp

    @property
    def span(self) -> int:
        """Pixels from the beginning of the first core to the end of the last."""
        return self.count * self.step + self.ramp

    def read_start(self, number: int) -> int:
        """Where a tile begins; may lie before the scene."""
        return self.first + number * self.step

    def core_start(self, number: int) -> int:
        """Where the trusted part of a tile begins; may lie before the scene."""
        return self.read_start(number) + self.halo

    def completed(self, number: int) -> int:
        """How many pixels of its core no later tile adds to."""
        return self.core if number == self.count - 1 else self.step


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
            self.rows.core_start(row), self.cols.core_start(col), self.rows.core, self.cols.core
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
    so that every pixel meets the network in the same phase whatever the tile size.

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
    span = (count - 1) * step + tile
    return TileAxis(length, tile, 0, step, tile - step, -((span - length) // 2), count)


def _fitted_axis(length: int, tile: int, halo: int, stride: int) -> TileAxis:
    axis = _axis(length, tile, halo, stride)
    while axis.tile > smallest_tile(halo, stride):
        smaller = _axis(length, axis.tile - stride, halo, stride)
        if smaller.count > axis.count:
            break
        axis = smaller
    return axis


def _axis(length: int, tile: int, halo: int, stride: int) -> TileAxis:
    trusted = tile - 2 * halo
    # A network's output is the same only after a shift by its stride, so steps are multiples of
    # it; half a stride at least is kept for handing over where the tile has room for that.
    step = max(stride, (trusted - stride // 2) // stride * stride)
    ramp = min(trusted - step, step)
    first = -_multiple_above(halo, stride)
    count = max(1, -(-(length - first - halo - ramp) // step))
    return TileAxis(length, tile, halo, step, ramp, first, count)


def _multiple_above(value: int, of: int) -> int:
    return -(-value // of) * of
