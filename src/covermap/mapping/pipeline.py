"""Rows of a map made in stages side by side: tiles are read, predicted, and blended."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import numpy as np

from covermap.core.errors import ModelError
from covermap.core.grid import Window
from covermap.core.progress import Progress
from covermap.mapping.blending import Blender
from covermap.mapping.predictor import Predictor
from covermap.mapping.settings import MapSettings
from covermap.mapping.source import Source, Tile
from covermap.mapping.tiles import TilePlan
from covermap.mapping.writing import Layers, encode


@dataclass
class StageSeconds:
    """Seconds that each stage was at work; stages overlap. Never written to a file."""

    read: float = 0.0
    forward: float = 0.0
    blend_and_write: float = 0.0
    finish: float = 0.0

    def __iadd__(self, other: StageSeconds) -> StageSeconds:
        self.read += other.read
        self.forward += other.forward
        self.blend_and_write += other.blend_and_write
        self.finish += other.finish
        return self


class Rows(Protocol):
    """Where finished rows of tiles go: called by one thread, from the top."""

    def begin(self, row: int) -> None:
        """A row begins."""
        ...

    def write(self, window: Window, layers: Layers) -> None:
        """A part of the row, inside the scene, as it is written to files."""
        ...

    def end(self, row: int, left: np.ndarray | None) -> None:
        """The row is complete; `left` is what it adds to the one below, until the call returns."""
        ...


@dataclass
class Pipeline:
    """The stages of one map.

    One thread reads the tile after the one that the network computes, another blends, encodes and
    hands on the one before it; none runs further ahead, so memory holds three tiles. A fault in any
    of them is raised in the caller when the next tile is handed over.
    """

    source: Source
    predictor: Predictor
    settings: MapSettings
    batch: int
    seconds: StageSeconds = field(default_factory=StageSeconds)

    def fill(self, rows: range, into: Rows, bar: Progress, above: np.ndarray | None = None) -> None:
        """Make some rows of tiles that follow each other.

        Parameters
        ----------
        rows : range
            Not empty.
        into : Rows
        bar : Progress
            Told of every tile, `tile_count(plan, rows, above)` in all.
        above : ndarray, optional
            What the row above the first one left for it. Without it that row is computed again.
        """
        plan = self.source.plan
        with _Stage() as reading, _Stage() as writing:
            blending = _Blending(self, rows, into, above)
            tiles = self._read_ahead(self.source.tiles(_computed(rows, above)), reading)
            for row, in_row in itertools.groupby(tiles, key=lambda tile: tile.row):
                writing.hand_over(blending.begin, row)
                for tile, shares in self._predicted(in_row, plan):
                    writing.hand_over(blending.add, tile, shares)
                    bar.advance()
                writing.hand_over(blending.end, row)
            writing.wait()

    def _read_ahead(self, tiles: Iterator[Tile], reading: _Stage) -> Iterator[Tile]:
        """The same tiles, one being read while another is computed."""

        def following() -> Tile | None:
            begun = time.perf_counter()
            tile = next(tiles, None)
            self.seconds.read += time.perf_counter() - begun
            return tile

        coming = reading.begin(following)
        while (tile := coming.result()) is not None:
            coming = reading.begin(following)
            yield tile

    def _predicted(
        self, tiles: Iterator[Tile], plan: TilePlan
    ) -> Iterator[tuple[Tile, np.ndarray | None]]:
        """Tiles of a row with their probabilities (K, H, W); None where nothing is wanted."""
        pending: list[Tile] = []
        for tile in tiles:
            pending.append(tile)
            if sum(item.values is not None for item in pending) == self.batch:
                yield from self._predict(pending)
                pending = []
        yield from self._predict(pending)

    def _predict(self, tiles: list[Tile]) -> Iterator[tuple[Tile, np.ndarray | None]]:
        arrays = [tile.values for tile in tiles if tile.values is not None]
        answers: Iterator[np.ndarray] = iter(())
        if arrays:
            begun = time.perf_counter()
            shares = self.predictor.probabilities(_batched(arrays, self.batch))
            self.seconds.forward += time.perf_counter() - begun
            _check(shares, (self.batch, self.predictor.classes, *arrays[0].shape[1:]))
            answers = iter(shares)
        for tile in tiles:
            yield tile, None if tile.values is None else next(answers)


class _Stage(AbstractContextManager["_Stage"]):
    """A thread that does one thing after the other, at most one of them waiting."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._last: Future[Any] | None = None

    def begin(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin work whose result the caller asks for."""
        return self._pool.submit(work)

    def hand_over(self, work: Callable[..., None], *arguments: Any) -> None:
        """Begin work when what was handed over before is done; its fault is raised here."""
        self.wait()
        self._last = self._pool.submit(work, *arguments)

    def wait(self) -> None:
        if self._last is not None:
            self._last.result()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Blending:
    """Blends and encodes tiles and hands them on; what the writing thread does."""

    def __init__(
        self, pipeline: Pipeline, rows: range, into: Rows, above: np.ndarray | None
    ) -> None:
        self._source, self._settings = pipeline.source, pipeline.settings
        self._seconds, self._rows, self._into = pipeline.seconds, rows, into
        self._plan = plan = pipeline.source.plan
        self._scene = Window(0, 0, plan.rows.length, plan.cols.length)
        self._blender = Blender(plan, pipeline.predictor.classes)
        if above is not None:
            self._blender.seam[:] = above

    def begin(self, row: int) -> None:
        self._blender.begin_row()
        if row in self._rows:
            self._into.begin(row)

    def add(self, tile: Tile, shares: np.ndarray | None) -> None:
        begun = time.perf_counter()
        self._add(tile, shares)
        self._seconds.blend_and_write += time.perf_counter() - begun

    def end(self, row: int) -> None:
        begun = time.perf_counter()
        if row in self._rows:
            lasts = row == self._plan.rows.count - 1
            self._into.end(row, None if lasts else self._blender.seam)
        self._seconds.blend_and_write += time.perf_counter() - begun

    def _add(self, tile: Tile, shares: np.ndarray | None) -> None:
        if shares is None or tile.wanted is None:
            self._blender.skip(tile.col)
            return
        total = self._blender.add(tile.row, tile.col, shares)
        window = self._plan.completed_window(tile.row, tile.col)
        inside = window.intersection(self._scene)
        if tile.row not in self._rows or inside is None:
            return
        rows, cols = inside.relative_to(window).slices
        wanted = tile.wanted[rows, cols]
        shown, quantity = total[:, rows, cols], self._source.quantity
        if quantity is not None:
            shown = quantity.of(shown)
        self._into.write(inside, encode(shown, wanted, self._source.legend, self._settings))


def tile_count(plan: TilePlan, rows: range, above: np.ndarray | None = None) -> int:
    """How many tiles are computed to make some rows, given what the row above them left."""
    return len(_computed(rows, above)) * plan.cols.count


def _computed(rows: range, above: np.ndarray | None) -> range:
    # The row above still adds to the first one that is wanted: unless what it left is known, it is
    # made again, and not handed on.
    return rows if above is not None else range(max(0, rows.start - 1), rows.stop)


def _batched(arrays: list[np.ndarray], size: int) -> np.ndarray:
    if size == 1:
        return arrays[0][np.newaxis]
    # A batch is always of the same size: kernels chosen by size differ in the last bits, and a
    # pixel must not depend on how many other tiles are wanted.
    batch = np.zeros((size, *arrays[0].shape), dtype=np.float32)
    batch[: len(arrays)] = arrays
    return batch


def _check(shares: np.ndarray, expected: tuple[int, ...]) -> None:
    if shares.shape != expected:
        raise ValueError(f"the predictor gave {shares.shape}, expected {expected}")
    # A sum in float32 is much quicker than a look at each number; large values may exceed it.
    with np.errstate(over="ignore"):
        total = shares.sum()
    if not np.isfinite(total) and not np.isfinite(shares).all():
        raise ModelError(
            "the network gives probabilities that are no numbers; expected finite weights and "
            "inputs in the units of the training: check the scale of the scene, or train again"
        )
