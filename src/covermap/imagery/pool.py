"""Open image files, lent from a pool of handles."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from covermap.core.errors import ImageryError

# GDAL reports unreadable files here as well; the error that we raise says it once.
logging.getLogger("rasterio._env").setLevel(logging.CRITICAL)


class DatasetPool:
    """Open GDAL datasets, lent to one thread at a time; the longest idle ones are closed.

    A thread that finds no idle handle of a file opens another one, so threads decode side by side.
    """

    def __init__(self, lid: int = 64) -> None:
        self._lid = lid
        self._idle: OrderedDict[tuple[Path, int], DatasetReader] = OrderedDict()
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
        dataset = self._taken(path) or self._opened(path)
        try:
            yield dataset
        except (RasterioError, OSError) as error:
            dataset.close()
            raise ImageryError(
                f"{path}: damaged or cut short, a part of it cannot be read "
                f"({_reason(error)}). Fetch or export it again"
            ) from None
        except BaseException:
            dataset.close()
            raise
        self._put_back(path, dataset)

    def _taken(self, path: Path) -> DatasetReader | None:
        with self._lock:
            if os.getpid() != self._process:
                # Handles must not be shared with the process that this one was forked from.
                self._idle.clear()
                self._process = os.getpid()
            key = next((key for key in self._idle if key[0] == path), None)
            return self._idle.pop(key) if key else None

    def _put_back(self, path: Path, dataset: DatasetReader) -> None:
        with self._lock:
            self._idle[path, id(dataset)] = dataset
            while len(self._idle) > self._lid:
                self._idle.popitem(last=False)[1].close()

    def _opened(self, path: Path) -> DatasetReader:
        if not path.exists():
            raise ImageryError(f"{path}: no such file")
        # GDAL's pool of decoding threads does not survive a fork.
        threads = "ALL_CPUS" if os.getpid() == self._home else "1"
        try:
            with warnings.catch_warnings(), rasterio.Env(GDAL_NUM_THREADS=threads):
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                return rasterio.open(path)
        except RasterioError as error:
            size = path.stat().st_size if path.is_file() else None
            what = "the file is empty" if size == 0 else _reason(error)
            raise ImageryError(
                f"{path}: cannot be opened as an image ({what}). Expected a raster that GDAL "
                "reads, such as a GeoTIFF"
            ) from None


POOL = DatasetPool()


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
