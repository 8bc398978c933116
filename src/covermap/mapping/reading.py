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


@contextmanager
def pictures_allowed() -> Iterator[None]:
    """No warning of rasters without georeference: a picture is a scene like any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
