"""Class maps by hand, their strips, and their regions by brute force."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from scipy import ndimage

from covermap.mapping.reading import pictures_allowed
from covermap.mapping.runs import NOTHING, Strips, read_strips

NODATA = 255


@st.composite
def class_maps(draw: st.DrawFn, most: int = 13) -> np.ndarray:
    """Class ids 0..2 with some nodata, int64 (H, W): noise, or patches with noise on them."""
    height, width = draw(st.integers(1, most)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    classes = draw(st.integers(1, 3))
    cell = draw(st.sampled_from([(1, 1), (2, 3), (4, 2)]))
    ids = np.kron(rng.integers(0, classes, (height, width)), np.ones(cell, int))[:height, :width]
    noisy = rng.random(ids.shape) < draw(st.sampled_from([0, 0.1]))
    ids[noisy] = rng.integers(0, classes, int(noisy.sum()))
    ids[rng.random(ids.shape) < draw(st.sampled_from([0, 0.05, 0.4]))] = NODATA
    return ids


def write_class_map(path: Path, ids: np.ndarray, geobox: GeoBox) -> Path:
    height, width = ids.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    if geobox.crs is not None:
        profile |= {"crs": str(geobox.crs), "transform": geobox.affine}
    with pictures_allowed(), rasterio.open(path, "w", nodata=NODATA, **profile) as dataset:
        dataset.write(ids.astype("uint8"), 1)
    return path


def cut(folder: Path, ids: np.ndarray, geobox: GeoBox, rows: int) -> Strips:
    """The strips of a class map in a folder."""
    path = write_class_map(folder / "map.tif", ids, geobox)
    return read_strips(path, folder, rows, "map")


def codes_of(strips: Strips) -> np.ndarray:
    """The class ids of strips, int64 (H, W)."""
    runs = [strips.runs(number) for number in range(strips.count)]
    codes = np.concatenate([np.repeat(item.codes, item.lengths) for item in runs])
    return np.where(codes == NOTHING, NODATA, codes).reshape(strips.height, strips.width)


def regions_of(ids: np.ndarray) -> np.ndarray:
    """The number of the first pixel of each pixel's region, by scipy; NOTHING at nodata."""
    regions = np.full(ids.shape, NOTHING, np.int64)
    for code in np.unique(ids[ids != NODATA]):
        label, _ = ndimage.label(ids == code)
        firsts = ndimage.minimum(
            np.arange(ids.size).reshape(ids.shape), label, np.arange(label.max() + 1)
        )
        inside = label > 0
        regions[inside] = np.asarray(firsts, np.int64)[label[inside]]
    return regions
