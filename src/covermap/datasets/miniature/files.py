"""Rasters of generated ground: pictures of red, green and blue, digital numbers, class codes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from covermap.core.errors import OutputError
from covermap.core.files import complete_folder
from covermap.datasets.world.materials import BANDS

_DRIVERS = {".tif": "GTiff", ".jpg": "JPEG", ".png": "PNG", ".jp2": "JP2OpenJPEG"}
_CREATION: dict[str, dict[str, Any]] = {
    ".tif": {"compress": "deflate", "predictor": 2},
    ".jpg": {"quality": 88},
    ".png": {"zlevel": 6},
    # Lossless.
    ".jp2": {"quality": 100, "reversible": "YES"},
}
_BRIGHTEST = 0.30


@contextmanager
def new_set(folder: Path) -> Iterator[Path]:
    """A scratch folder that becomes `folder`, which must not exist or be empty, when complete.

    Raises
    ------
    OutputError
        Something is in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder}: already exists and is not empty; move it away or choose another folder"
        )
    with complete_folder(folder) as scratch:
        yield scratch


def picture(reflectance: np.ndarray) -> np.ndarray:
    """Red, green and blue, uint8 (3, H, W), as a photograph of reflectance (10, H, W)."""
    rows = [BANDS.index(band) for band in ("B04", "B03", "B02")]
    shown = np.clip(reflectance[rows] / _BRIGHTEST, 0, 1) ** np.float32(0.7)
    return np.asarray(np.rint(255 * shown), np.uint8)


def write_raster(
    path: Path,
    values: np.ndarray,
    crs: str | None = None,
    transform: Any = None,
    nodata: float | None = None,
    names: Sequence[str] = (),
    **creation: Any,
) -> None:
    """Write an array (C, H, W) or (H, W) in the format that its suffix says.

    Parameters
    ----------
    path : Path
        Its folder is made.
    values : ndarray
        Of the type that is to be in the file.
    crs, transform : optional
        None for pictures without a place.
    nodata : float, optional
    names : sequence of str
        Descriptions of the bands.
    **creation
        Options of the format beside covermap's own.
    """
    bands = values[None] if values.ndim == 2 else values
    suffix = path.suffix.lower()
    options = {**_CREATION[suffix], **creation}
    if np.issubdtype(bands.dtype, np.floating) and options.get("predictor") == 2:
        options["predictor"] = 3
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path,
            "w",
            driver=_DRIVERS[suffix],
            width=bands.shape[2],
            height=bands.shape[1],
            count=bands.shape[0],
            dtype=bands.dtype,
            crs=crs,
            transform=transform,
            nodata=nodata,
            **options,
        ) as out:
            out.write(bands)
            if names:
                out.descriptions = tuple(names)
