"""A written map read back: what is scored and shown is what stands in the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window as FileWindow

from covermap.core.grid import Window


def read_map_window(path: Path, window: Window, outside: float) -> np.ndarray:
    """A window of a one-band map in the file's type; `outside` where it reaches beyond."""
    with pictures_allowed(), rasterio.open(path) as dataset:
        result = np.full(window.shape, outside, dtype=dataset.dtypes[0])
        common = window.intersection(Window(0, 0, dataset.height, dataset.width))
        if common is not None:
            result[common.relative_to(window).slices] = dataset.read(
                1, window=FileWindow(common.col_off, common.row_off, common.width, common.height)
            )
    return result


def holds_the_same(copy: Path, original: Path) -> bool:
    """Whether a copy with overviews has the pixels of its original, and can be read to its end.

    Memory is that of some rows of one band.

    Raises
    ------
    RasterioError
        A block of the copy, or of its overviews, cannot be read.
    """
    with pictures_allowed(), rasterio.open(copy) as found, rasterio.open(original) as expected:
        for band in expected.indexes:
            for place in _strips(expected):
                one, other = (item.read(band, window=place) for item in (expected, found))
                if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
                    return False
        overviews = len(found.overviews(1))
    for level in range(overviews):
        with pictures_allowed(), rasterio.open(copy, OVERVIEW_LEVEL=level) as overview:
            for band in overview.indexes:
                for place in _strips(overview):
                    overview.read(band, window=place)
    return True


def _strips(dataset: rasterio.io.DatasetReader) -> Iterator[FileWindow]:
    """Whole rows of a raster, as many at once as its blocks are high."""
    rows = dataset.block_shapes[0][0]
    for first in range(0, dataset.height, rows):
        yield FileWindow(0, first, dataset.width, min(rows, dataset.height - first))


@contextmanager
def pictures_allowed() -> Iterator[None]:
    """No warning of rasters without georeference: a picture is a scene like any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
