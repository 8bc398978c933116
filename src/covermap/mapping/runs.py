"""Rows of a class map as runs of equal pixels, by strips, and where runs of two rows touch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
from rasterio.windows import Window as FileWindow

from covermap.core.progress import progress
from covermap.mapping.reading import pictures_allowed

# The code of nodata, and of all that lies outside the raster.
NOTHING = -1
# Of a strip: what is computed of one takes about a hundred bytes a run.
_STRIP_PIXELS = 2_000_000


@dataclass(frozen=True)
class Runs:
    """Some whole rows of a class map.

    Attributes
    ----------
    starts : ndarray of int64, shape (N,)
        First pixel of each run, counted row by row through the whole map; each row begins one.
    codes : ndarray of int32, shape (N,)
        Class id, or `NOTHING`. Neighbours in a row differ.
    stop : int
        The pixel after the last.
    width : int
        Pixels of a row.
    """

    starts: np.ndarray
    codes: np.ndarray
    stop: int
    width: int

    @cached_property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts, append=self.stop)

    @cached_property
    def valid(self) -> np.ndarray:
        return self.codes != NOTHING

    @cached_property
    def rows(self) -> np.ndarray:
        return self.starts // self.width

    @cached_property
    def cols(self) -> np.ndarray:
        return self.starts % self.width

    @cached_property
    def last_row(self) -> slice:
        """Which runs are those of the last row."""
        return slice(int(np.searchsorted(self.starts, self.stop - self.width)), len(self.starts))

    def recoded(self, codes: np.ndarray) -> Runs:
        """The same pixels with other classes; equal neighbours become one run."""
        kept = self.cols == 0
        kept[1:] |= codes[1:] != codes[:-1]
        return Runs(self.starts[kept], codes[kept], self.stop, self.width)


def below(upper: Runs, runs: Runs) -> Runs:
    """`runs` with the last row of `upper`, which ends where they begin, above them."""
    place = upper.last_row
    return Runs(
        np.concatenate([upper.starts[place], runs.starts]),
        np.concatenate([upper.codes[place], runs.codes]),
        runs.stop,
        runs.width,
    )


def nothing_above(width: int) -> Runs:
    """The row above the first of a map."""
    return Runs(np.array([-width]), np.array([NOTHING], np.int32), 0, width)


def nothing_below(height: int, width: int) -> Runs:
    """The row below the last of a map."""
    last = height * width
    return Runs(np.array([last]), np.array([NOTHING], np.int32), last + width, width)


@dataclass(frozen=True)
class Contacts:
    """Where each two consecutive rows touch, piece by piece.

    Attributes
    ----------
    starts : ndarray of int64, shape (M,)
        First pixel of each piece in its lower row.
    upper, lower : ndarray of int64, shape (M,)
        The run above and the run below.
    lengths : ndarray of int64, shape (M,)
        Pixels.
    """

    starts: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    lengths: np.ndarray


def contacts(runs: Runs) -> Contacts:
    """All contacts of the rows of `runs` with the row above each but the first."""
    second = np.searchsorted(runs.starts, runs.starts[0] + runs.width)
    above = runs.starts[: runs.last_row.start] + runs.width
    # Two sorted lists merge quickly by a stable sort.
    starts = np.sort(np.concatenate([above, runs.starts[second:]]), kind="stable")
    starts = starts[np.diff(starts, prepend=starts[0] - 1) > 0]
    return Contacts(
        starts,
        np.searchsorted(runs.starts, starts - runs.width, side="right") - 1,
        np.searchsorted(runs.starts, starts, side="right") - 1,
        np.diff(starts, append=runs.stop),
    )


class Strips:
    """The strips of a map in a folder, with tables beside them.

    Attributes
    ----------
    count : int
    height, width : int
        Of the map.
    """

    def __init__(self, folder: Path, height: int, width: int, rows: int | None = None) -> None:
        self.height, self.width = height, width
        self.rows = min(height, rows or max(1, _STRIP_PIXELS // width))
        self.count = -(-height // self.rows)
        self._folder = folder

    def height_of(self, number: int) -> int:
        return min(self.rows, self.height - number * self.rows)

    def runs(self, number: int) -> Runs:
        kept = self.table("runs", number)
        stop = (number * self.rows + self.height_of(number)) * self.width
        return Runs(kept["starts"], kept["codes"], stop, self.width)

    def keep_runs(self, number: int, runs: Runs) -> None:
        self.keep_table("runs", number, starts=runs.starts, codes=runs.codes)

    def table(self, name: str, number: int) -> dict[str, np.ndarray]:
        with np.load(self._path(name, number)) as kept:
            return dict(kept)

    def keep_table(self, name: str, number: int, **columns: np.ndarray) -> None:
        np.savez(self._path(name, number), allow_pickle=False, **columns)

    def append(self, name: str, number: int, rows: np.ndarray) -> None:
        """Add rows of integers to a growing table of a strip."""
        with self._path(name, number).with_suffix(".bin").open("ab") as file:
            file.write(np.ascontiguousarray(rows, np.int64).tobytes())

    def taken(self, name: str, number: int, columns: int) -> np.ndarray:
        """The rows of a growing table, int64 (N, columns), which is then empty."""
        path = self._path(name, number).with_suffix(".bin")
        if not path.exists():
            return np.empty((0, columns), np.int64)
        rows = np.fromfile(path, np.int64).reshape(-1, columns)
        path.unlink()
        return rows

    def strip_of(self, pixels: np.ndarray) -> np.ndarray:
        """In which strip each pixel lies."""
        return pixels // (self.rows * self.width)

    def file(self, name: str) -> Path:
        return self._folder / name

    def _path(self, name: str, number: int) -> Path:
        return self._folder / f"{name}-{number}.npz"


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that is there until the block ends; what a killed process left in it goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_strips(path: Path, folder: Path, rows: int | None, title: str) -> Strips:
    """A class map cut into strips of whole rows, which lie in a folder.

    Memory is that of one strip; the folder takes 12 bytes for each run of equal pixels.

    Parameters
    ----------
    path : Path
        A class map as `map_scene` writes it.
    folder : Path
        Where the strips go.
    rows : int, optional
        Of a strip; as many as make two million pixels when not given.
    title : str
        Shown by the progress bar.
    """
    with pictures_allowed(), rasterio.open(path) as dataset:
        strips = Strips(folder, dataset.height, dataset.width, rows)
        with progress(title, dataset.height, "rows") as told:
            for number in range(strips.count):
                strips.keep_runs(number, _read(dataset, strips, number))
                told.advance(strips.height_of(number))
    return strips


def _read(dataset: rasterio.io.DatasetReader, strips: Strips, number: int) -> Runs:
    first = number * strips.rows
    place = FileWindow(0, first, strips.width, strips.height_of(number))
    ids = dataset.read(1, window=place)
    begins = np.ones(ids.shape, bool)
    begins[:, 1:] = ids[:, 1:] != ids[:, :-1]
    places = np.flatnonzero(begins)
    codes = ids.ravel()[places].astype(np.int32)
    codes[codes == int(dataset.nodata)] = NOTHING
    begin = first * strips.width
    return Runs(places + begin, codes, begin + ids.size, strips.width)
