"""Open image files, lent from a pool of handles."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from covermap.core.errors import ImageryError
from covermap.core.files import UNPACK_IT, looks_like_archive

# GDAL reports unreadable files here as well; the error that we raise says it once.
logging.getLogger("rasterio._env").setLevel(logging.CRITICAL)


# Inode, time of change in ns and size; None where there is no such file.
_State = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Handle:
    """An open dataset, and the state in which its files were when it was opened.

    Attributes
    ----------
    path : Path
    files : tuple of Path
        The image and what GDAL tells beside it: masks, and sources of a virtual raster.
    state : tuple
    dataset : DatasetReader
    """

    path: Path
    files: tuple[Path, ...]
    state: tuple[_State, ...]
    dataset: DatasetReader

    @property
    def is_current(self) -> bool:
        """False where a file has been replaced, changed or removed since."""
        return self.state == tuple(map(_state_of, self.files))


class DatasetPool:
    """Open GDAL datasets, lent to one thread at a time; the longest idle ones are closed.

    A thread that finds no idle handle of a file opens another one, so threads decode side by side.
    A file that has been replaced is opened again: an old handle would go on reading what was there.
    """

    def __init__(self, lid: int = 64) -> None:
        self._lid = lid
        self._idle: OrderedDict[tuple[Path, int], _Handle] = OrderedDict()
        self._lock = threading.Lock()
        self._home = self._process = os.getpid()

    @contextmanager
    def lend(self, path: Path) -> Iterator[DatasetReader]:
        """An open dataset; any failure of GDAL within the block names the file.

        Raises
        ------
        ImageryError
            The file is missing, is no raster, or is damaged.
        """
        handle = self._current(path) or self._opened(path)
        try:
            yield handle.dataset
        except (RasterioError, OSError) as error:
            handle.dataset.close()
            raise ImageryError(
                f"{path}: damaged or cut short, a part of it cannot be read "
                f"({_reason(error)}). Fetch or export it again"
            ) from None
        except BaseException:
            handle.dataset.close()
            raise
        self._put_back(handle)

    def close_below(self, folder: Path) -> None:
        """Close the idle handles of all files in a folder that is to be removed."""
        with self._lock:
            for key in [key for key in self._idle if key[0].is_relative_to(folder)]:
                self._idle.pop(key).dataset.close()

    def _current(self, path: Path) -> _Handle | None:
        while (handle := self._taken(path)) is not None:
            if handle.is_current:
                return handle
            handle.dataset.close()
        return None

    def _taken(self, path: Path) -> _Handle | None:
        with self._lock:
            if os.getpid() != self._process:
                # Handles must not be shared with the process that this one was forked from.
                self._idle.clear()
                self._process = os.getpid()
            key = next((key for key in self._idle if key[0] == path), None)
            return self._idle.pop(key) if key else None

    def _put_back(self, handle: _Handle) -> None:
        with self._lock:
            self._idle[handle.path, id(handle)] = handle
            while len(self._idle) > self._lid:
                self._idle.popitem(last=False)[1].dataset.close()

    def _opened(self, path: Path) -> _Handle:
        if not path.exists():
            raise ImageryError(f"{path}: no such file")
        # Before it is opened: what replaces it meanwhile is noticed.
        state = _state_of(path)
        # GDAL's pool of decoding threads does not survive a fork.
        threads = "ALL_CPUS" if os.getpid() == self._home else "1"
        try:
            with warnings.catch_warnings(), rasterio.Env(GDAL_NUM_THREADS=threads):
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = rasterio.open(path)
                beside = tuple(item for item in map(Path, dataset.files) if item != path)
        except UnicodeEncodeError:
            raise ImageryError(
                f"{path}: its path is not in UTF-8, and GDAL opens no other; rename the file, or "
                "the folder that it is in"
            ) from None
        except RasterioError as error:
            if looks_like_archive(path):
                raise ImageryError(f"{path}: is {UNPACK_IT}") from None
            size = path.stat().st_size if path.is_file() else None
            what = "the file is empty" if size == 0 else _reason(error)
            raise ImageryError(
                f"{path}: cannot be opened as an image ({what}). Expected a raster that GDAL "
                "reads, such as a GeoTIFF"
            ) from None
        return _Handle(path, (path, *beside), (state, *map(_state_of, beside)), dataset)


POOL = DatasetPool()


def _state_of(path: Path) -> _State:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
