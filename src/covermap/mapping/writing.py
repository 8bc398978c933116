"""The files of a map: which layers there are, how probabilities become numbers, scratch and COG."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import rasterio
import rasterio.shutil
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from covermap.core.errors import OutputError, UnwritableError
from covermap.core.files import complete_file
from covermap.core.grid import Window
from covermap.core.legend import Legend
from covermap.mapping.files import layer_path
from covermap.mapping.reading import holds_the_same, pictures_allowed
from covermap.mapping.settings import MapOutput, MapSettings
from covermap.mapping.style import colormap, write_attributes, write_styles

# Shares are written as whole per cent.
SHARE_SCALE = 0.01
SHARE_NODATA = 255

# Output to what is written of it: (bands, h, w) in the layer's type.
Layers = dict[MapOutput, np.ndarray]

_BLOCK = 512
_CACHED_ROWS = 32
DESCRIPTIONS: dict[MapOutput, str] = {
    "class": "land cover class",
    "confidence": "probability of the class",
    "margin": "probability of the class minus that of the second",
    "entropy": "entropy of the probabilities, 0 (certain) to 1 (any class)",
    "value": "value of the regression",
}


@dataclass(frozen=True)
class Layer:
    """One file of a map.

    Attributes
    ----------
    output : str
        What it holds.
    path : Path
        The finished file.
    scratch : Path
        The file that grows tile by tile, hidden beside it.
    bands : tuple of str
        Descriptions, one a band.
    dtype : str
    nodata : int or float
        NaN for shares in float32 and for values of a regression.
    scale : float or None
        What a number is multiplied with to be a share; None where it says what it is.
    """

    output: MapOutput
    path: Path
    scratch: Path
    bands: tuple[str, ...]
    dtype: str
    nodata: float
    scale: float | None = None


def plan_layers(out: Path, legend: Legend, settings: MapSettings) -> tuple[Layer, ...]:
    """The files of a map: the class map at `out`, others beside it as `<stem>_<output>.tif`.

    Without a class in the legend it is a map of values, one file.
    """
    if not len(legend):
        return (
            Layer(
                "value",
                out,
                _scratch_of(out, "value"),
                (DESCRIPTIONS["value"],),
                "float32",
                math.nan,
            ),
        )
    return tuple(_layer(out, legend, output, settings) for output in settings.rasters)


def _scratch_of(out: Path, output: MapOutput) -> Path:
    return out.with_name(f".{out.stem}.{output}.scratch.tif")


def _layer(out: Path, legend: Legend, output: MapOutput, settings: MapSettings) -> Layer:
    path = layer_path(out, output)
    bands = legend.names if output == "probability" else (DESCRIPTIONS[output],)
    scratch = _scratch_of(out, output)
    if output == "class":
        return Layer(output, path, scratch, bands, legend.dtype, legend.nodata)
    if output == "probability" and settings.probability_type == "float32":
        return Layer(output, path, scratch, bands, "float32", math.nan)
    return Layer(output, path, scratch, bands, "uint8", SHARE_NODATA, SHARE_SCALE)


def encode(shares: np.ndarray, wanted: np.ndarray, legend: Legend, settings: MapSettings) -> Layers:
    """Numbers to be written, nodata where a pixel is not wanted.

    Parameters
    ----------
    shares : ndarray of float32, shape (K, h, w)
        Probabilities, 0..1.
    wanted : ndarray of bool, shape (h, w)
    legend : Legend
        Of K classes.
    settings : MapSettings
        Which outputs, and the type of probabilities.

    Returns
    -------
    dict
        Output to array of shape (bands, h, w): class ids, per cent 0..100, or shares 0..1. Of
        equally probable classes the first of the legend wins.
    """
    if not len(legend):
        return {"value": np.where(wanted, shares, np.float32(math.nan))}
    best, highest, second = _highest_two(shares, with_second="margin" in settings.outputs)
    layers: Layers = {}
    for output in settings.rasters:
        if output == "class":
            layers[output] = legend.to_ids(best, wanted)[np.newaxis]
            continue
        if output == "probability" and settings.probability_type == "float32":
            layers[output] = np.where(wanted, shares, np.float32(math.nan))
            continue
        values = {
            "confidence": lambda: highest[np.newaxis],
            "margin": lambda: (highest - second)[np.newaxis],
            "entropy": lambda: _entropy(shares)[np.newaxis],
            "probability": lambda: shares,
        }[output]()
        percent = np.rint(np.clip(values, 0, 1) * 100)
        layers[output] = np.where(wanted, percent, SHARE_NODATA).astype(np.uint8)
    return layers


class Scratch:
    """The growing files of a map: filled with nodata, written by windows, copied once to COGs.

    They are tiled and not compressed, so that a block written again keeps its place: a process
    killed between two rows of tiles leaves readable files.
    """

    def __init__(self, layers: tuple[Layer, ...], geobox: GeoBox) -> None:
        self.layers = layers
        self._geobox = geobox

    @property
    def target(self) -> Path:
        """The class map, or map of values, which the scratch files are named by."""
        return self.layers[0].path

    def exists(self) -> bool:
        """Whether all files of an earlier run are there."""
        return all(layer.scratch.exists() for layer in self.layers)

    def create(self, tags: Mapping[str, str], legend: Legend) -> None:
        """Make empty files with all that a reader needs to understand them."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.remove()
        for layer in self.layers:
            # Under its own name at once: while there is no ledger nobody takes it for work done,
            # and a process killed here leaves nothing that the next one does not overwrite.
            with (
                pictures_allowed(),
                rasterio.open(layer.scratch, "w", **self._profile(layer)) as dataset,
            ):
                dataset.update_tags(**tags)
                dataset.descriptions = layer.bands
                if layer.scale is not None:
                    dataset.scales = (layer.scale,) * len(layer.bands)
                if layer.output == "class" and layer.dtype == "uint8":
                    dataset.write_colormap(1, colormap(legend))

    @contextmanager
    def opened(self) -> Iterator[ScratchWriter]:
        """The files for writing; what was written is on disk when the block ends.

        Raises
        ------
        OutputError
            They cannot be written: the disk is full, say.
        """
        path = self.target
        with _told_of(path), ExitStack() as stack:
            datasets = {}
            for layer in self.layers:
                with pictures_allowed():
                    dataset = rasterio.open(layer.scratch, "r+")
                # Closed, not left as a context: rasterio's contexts belong to the thread that
                # entered them, and after a fault another one closes.
                stack.callback(dataset.close)
                datasets[layer.output] = dataset
            yield ScratchWriter(path, datasets)

    def class_windows(self) -> Iterator[tuple[Window, np.ndarray]]:
        """The class ids, or values, by windows of bounded size, row by row."""
        layer = next(layer for layer in self.layers if layer.output in ("class", "value"))
        # A map that was stopped in its polygons has its final name alone.
        path = layer.scratch if layer.scratch.exists() else layer.path
        with pictures_allowed(), rasterio.open(path) as dataset:
            for _, place in dataset.block_windows(1):
                window = Window(place.row_off, place.col_off, place.height, place.width)
                yield window, dataset.read(1, window=place)

    def publish(self, legend: Legend) -> None:
        """Copy every file to its final name as a Cloud Optimized GeoTIFF; the class map last.

        Raises
        ------
        OutputError
            They cannot be written: the disk is full, say. The growing files stay.
        """
        for layer in sorted(self.layers, key=lambda layer: layer.output == "class"):
            with _told_of(layer.path), complete_file(layer.path) as path, pictures_allowed():
                # GDAL refuses to overwrite what it did not make itself: hand it a free name.
                path.unlink()
                rasterio.shutil.copy(
                    layer.scratch,
                    path,
                    driver="COG",
                    compress="DEFLATE",
                    blocksize=_BLOCK,
                    overview_resampling="MODE" if layer.output == "class" else "AVERAGE",
                    num_threads="ALL_CPUS",
                    bigtiff="IF_SAFER",
                )
                # GDAL says nothing of a disk that is full when it writes its last blocks.
                if not holds_the_same(path, layer.scratch):
                    raise OSError("what was written is not what is read back")
        # After the map: styles of none would be a stranger's where it is stopped here.
        self.publish_styles(legend)

    def publish_styles(self, legend: Legend) -> None:
        """Write what tells GIS programs how to show the class map."""
        if len(legend):
            write_attributes(self.target, legend)
            write_styles(self.target, legend)

    def remove(self) -> None:
        """Remove the files, also those of a map that was stopped and had more outputs."""
        for output in get_args(MapOutput):
            _scratch_of(self.target, output).unlink(missing_ok=True)

    def _profile(self, layer: Layer) -> dict[str, object]:
        height, width = self._geobox.shape
        return {
            "driver": "GTiff",
            "height": height,
            "width": width,
            "count": len(layer.bands),
            "dtype": layer.dtype,
            "nodata": layer.nodata,
            "crs": None if self._geobox.crs is None else str(self._geobox.crs.to_wkt()),
            "transform": self._geobox.affine,
            "tiled": True,
            "blockxsize": _BLOCK,
            "blockysize": _BLOCK,
            "interleave": "band",
            "photometric": "MINISBLACK",
            "bigtiff": "IF_SAFER",
        }


class ScratchWriter:
    """The opened scratch files of a map."""

    def __init__(self, path: Path, datasets: dict[MapOutput, rasterio.io.DatasetWriter]) -> None:
        self._path, self._datasets = path, datasets

    def write(self, window: Window, layers: Layers) -> None:
        place = RasterioWindow(window.col_off, window.row_off, window.width, window.height)
        with _told_of(self._path):
            for output, values in layers.items():
                self._datasets[output].write(values, window=place)


def _highest_two(
    shares: np.ndarray, with_second: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position of the highest of K planes, its value, and the second highest value.

    The second is 0 where K is 1, and wherever it is not asked for.
    """
    # Plane by plane over a few rows that fit the cache: argmax over the first axis of a (K, h, w)
    # array is many times slower. Positions only grow, so that a maximum keeps them, without a
    # branch at each pixel.
    best = np.zeros(shares.shape[1:], dtype=np.min_scalar_type(len(shares)))
    highest = shares[0].copy()
    second = np.zeros_like(highest)
    for start in range(0, len(best), _CACHED_ROWS):
        rows = slice(start, start + _CACHED_ROWS)
        first, next_best, place = highest[rows], second[rows], best[rows]
        for number in range(1, len(shares)):
            plane = shares[number, rows]
            higher = (plane > first).astype(best.dtype)
            higher *= number
            np.maximum(place, higher, out=place)
            if with_second:
                np.maximum(next_best, np.minimum(first, plane), out=next_best)
            np.maximum(first, plane, out=first)
    return best, highest, second


def _entropy(shares: np.ndarray) -> np.ndarray:
    """Shannon entropy of K planes divided by log K, its largest value; 0 for one class."""
    if len(shares) == 1:
        return np.zeros(shares.shape[1:], dtype=np.float32)
    total = np.zeros(shares.shape[1:], dtype=np.float32)
    for plane in shares:
        total -= plane * np.log(np.maximum(plane, np.float32(1e-12)))
    return total / np.float32(np.log(len(shares)))


def map_tags(
    legend: Legend, model: str, engine: str, precision: str, version: str, title: str, key: str
) -> dict[str, str]:
    """What a file says of its origin; no time.

    `inputs` is the digest of bundle and scene, left out where it is not known.
    """
    tags = {
        "class_names": json.dumps(dict(zip(legend.ids, legend.names, strict=True))),
        "model": model,
        "engine": engine,
        "precision": precision,
        "software": f"covermap {version}",
        "title": title,
    }
    return {**tags, "inputs": key} if key else tags


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Failures of writing, told by the map that was being written."""
    try:
        yield
    except UnwritableError as error:
        raise OutputError(f"{error}; what is finished will be taken up") from None
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise OutputError(
            f"{path}: cannot be written ({_reason(error)}). Make room on the disk or choose "
            "another --out; what is finished will be taken up"
        ) from None


def _reason(error: BaseException) -> str:
    return " ".join(str(error.__cause__ or error).split())
