"""Pictures and masks as data sets have them, for the tests of all floors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from tiny import write_scene

RED, GREEN, BLUE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)
PALETTE = (RED, GREEN, BLUE)


def quarters(height: int = 64, width: int = 96, seed: int = 0, classes: int = 3) -> np.ndarray:
    """Positions 0..classes-1 in blocks of 16 pixels, (H, W)."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, classes, (-(-height // 16), -(-width // 16)))
    return np.kron(cells, np.ones((16, 16), int))[:height, :width]


def write_picture(path: Path, index: np.ndarray, seed: int = 0) -> Path:
    """An RGB picture without a CRS whose colours tell the class."""
    random = np.random.default_rng(seed)
    centre = np.array([[60, 80, 90], [120, 160, 70], [200, 190, 180]])[index]
    values = np.clip(centre + random.normal(0, 12, centre.shape), 0, 255)
    return _png(path, np.moveaxis(values, -1, 0).astype("uint8"))


def write_colors(
    path: Path,
    index: np.ndarray,
    palette: Sequence[tuple[int, int, int]] = PALETTE,
    nodata: int | None = None,
) -> Path:
    """A mask in red, green and blue, each of which may declare a level to be no data."""
    values = np.moveaxis(np.asarray(palette, "uint8")[index], -1, 0)
    if path.suffix != ".tif":
        return _png(path, values)
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "photometric": "RGB"}
    profile |= {"height": index.shape[0], "width": index.shape[1], "nodata": nodata}
    with rasterio.open(path, "w", **profile) as out:
        out.write(values)
    return path


def write_table(path: Path, index: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> Path:
    """A PNG with a colour table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "PNG", "dtype": "uint8", "count": 1}
    profile |= {"height": index.shape[0], "width": index.shape[1]}
    with rasterio.open(path, "w", **profile) as out:
        out.write_colormap(1, {n: (*color, 255) for n, color in enumerate(palette)})
        out.write(index.astype("uint8"), 1)
    return path


def write_ids(
    path: Path,
    ids: np.ndarray,
    dtype: str = "uint8",
    nodata: float | None = None,
    geobox: GeoBox | None = None,
) -> Path:
    """A raster of class codes; without a grid it has no CRS."""
    return write_scene(
        path, values=np.asarray(ids)[None], bands=("ids",), dtype=dtype, nodata=nodata,
        geobox=geobox, crs=None, descriptions=False,
    )  # fmt: skip


def _png(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".png": "PNG", ".jpg": "JPEG"}[path.suffix]
    profile = {"driver": driver, "dtype": "uint8", "count": len(values)}
    profile |= {"height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", **profile) as out:
        out.write(values)
    return path
