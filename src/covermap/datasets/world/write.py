"""A generated world as files: a Sentinel-2 scene, its complete truth, and labels somebody drew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window as RasterioWindow

from covermap.core.errors import CovermapError, OutputError, nearest
from covermap.core.files import complete_folder
from covermap.core.grid import Window, tiles
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.datasets.world import labels
from covermap.datasets.world.cover import NAMES, Cover, cover
from covermap.datasets.world.materials import BANDS
from covermap.datasets.world.sensor import (
    COARSE_BANDS,
    MARGIN_PX,
    NODATA,
    OFFSET,
    SCALE,
    Exposure,
    expose,
)

_CRS = "EPSG:32633"
_LEFT_M, _TOP_M = 500_000.0, 5_400_000.0
_AFFINE = Affine(10.0, 0.0, _LEFT_M, 0.0, -10.0, _TOP_M)
_DATETIME = "2020-07-16T10:00:00"
_LEAST_PX = 64
# A multiple of twice the GeoTIFF tile: each tile of every file is written once, whole.
_BLOCK_PX = 512
_TILE_PX = 256


def write_world(
    folder: Path,
    width: int = 1000,
    height: int = 1000,
    seed: int = 0,
    bands: Sequence[str] | None = None,
    single_file: bool = False,
) -> None:
    """Write a generated landscape as a Sentinel-2 L2A scene with truth and labels.

    The folder then holds one uint16 GeoTIFF a band (`B02.tif`; 10 m, or 20 m where Sentinel-2 has
    20 m) or `bands.tif` with all of them at 10 m, `SCL.tif` (20 m), `truth.tif` (10 m, ids 1..5 in
    order of name) and `labels.gpkg` (layer `labels`, column `cover`). A world is a pure function of
    its seed, size aside: a larger one continues the smaller one, with another swath edge and, above
    10 million pixels, a smaller share of ground drawn.

    Parameters
    ----------
    folder : Path
        Appears when complete; must not exist, or be empty.
    width, height : int
        Pixels of 10 m, at least 64.
    seed : int
        Which world.
    bands : sequence of str, optional
        Some of the ten bands, in the order of the file; all by default.
    single_file : bool
        One file `bands.tif` instead of one a band; 20 m bands are repeated two by two.

    Raises
    ------
    OutputError
        Something is in the way.
    CovermapError
        A size or band that no world can have.
    """
    chosen = _checked_bands(bands)
    for name, value in (("width", width), ("height", height)):
        if value < _LEAST_PX:
            raise CovermapError(
                f"world: {name} is {value}; expected at least {_LEAST_PX} pixels of 10 m"
            )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder}: already exists and is not empty; move it away or choose another folder"
        )
    with complete_folder(folder) as scratch:
        _write(scratch, Window(0, 0, height, width), seed, chosen, single_file)


@dataclass(frozen=True)
class Block:
    """What a block of the world adds to the files; `window` counts pixels of 10 m."""

    window: Window
    cover: Cover
    exposure: Exposure
    drawing: labels.Drawing


def blocks(world: Window, seed: int, bands: tuple[str, ...], size: int) -> Iterator[Block]:
    """The world piece by piece; `size` is even and changes no pixel and no polygon."""
    for window in tiles(world, size):
        even = Window(
            window.row_off,
            window.col_off,
            window.height + window.height % 2,
            window.width + window.width % 2,
        )
        ground = cover(even.expanded(labels.REACH_PX), seed)
        known = ground.window.intersection(world)
        if known is None:
            raise ValueError(f"{window} lies outside {world}")
        yield Block(
            window,
            ground.cut(window),
            expose(ground.cut(even.expanded(MARGIN_PX)), world, bands, seed),
            labels.drawn(ground.cut(known), window, world, _AFFINE, seed),
        )


def _checked_bands(bands: Sequence[str] | None) -> tuple[str, ...]:
    chosen = tuple(BANDS if bands is None else bands)
    for band in chosen:
        if band not in BANDS:
            raise CovermapError(f"world: no band '{band}'; {nearest(band, BANDS)}")
    if not chosen or len(set(chosen)) != len(chosen):
        raise CovermapError(
            f"world: bands are {list(chosen)}; expected at least one, each once, of "
            f"{', '.join(BANDS)}"
        )
    return chosen


def _write(
    folder: Path, world: Window, seed: int, bands: tuple[str, ...], single_file: bool
) -> None:
    megapixels = world.height * world.width / 1e6
    with (
        _sheets(folder, world, bands, single_file) as sheets,
        progress("world", megapixels, "Mpx") as told,
    ):
        for block in blocks(world, seed, bands, _BLOCK_PX):
            for sheet in sheets:
                sheet.write(block)
            if len(block.drawing.outlines):
                labels.append(folder / "labels.gpkg", block.drawing, _CRS)
            told.advance(block.window.height * block.window.width / 1e6)
    if not (folder / "labels.gpkg").exists():
        # A small world where the lot fell on no patch still has its layer.
        empty = labels.Drawing(np.array([], object), np.array([], object))
        labels.append(folder / "labels.gpkg", empty, _CRS)


@dataclass(frozen=True)
class _Sheet:
    """An open raster and the names of what goes into it: bands, `SCL` or `truth`."""

    dataset: Any
    contents: tuple[str, ...]
    step: int

    def write(self, block: Block) -> None:
        window = block.window
        row, col = window.row_off // self.step, window.col_off // self.step
        height, width = -(-window.height // self.step), -(-window.width // self.step)
        for number, name in enumerate(self.contents, start=1):
            values = self._values(block, name)[:height, :width]
            self.dataset.write(values, number, window=RasterioWindow(col, row, width, height))

    def _values(self, block: Block, name: str) -> np.ndarray:
        if name == "truth":
            return block.cover.ids
        if name == "SCL":
            return block.exposure.quality
        values = block.exposure.numbers[name]
        if self.step == 1 and name in COARSE_BANDS:
            return values.repeat(2, axis=0).repeat(2, axis=1)
        return values


@contextmanager
def _sheets(
    folder: Path, world: Window, bands: tuple[str, ...], single_file: bool
) -> Iterator[list[_Sheet]]:
    groups = {"bands": bands} if single_file else {band: (band,) for band in bands}
    with ExitStack() as stack:
        sheets = []
        for name, contents in groups.items():
            step = 1 if single_file or name not in COARSE_BANDS else 2
            sheet = _sheet(folder / f"{name}.tif", world, contents, step, "uint16")
            stack.enter_context(sheet.dataset)
            _describe_bands(sheet)
            sheets.append(sheet)
        quality = _sheet(folder / "SCL.tif", world, ("SCL",), 2, "uint8")
        stack.enter_context(quality.dataset)
        quality.dataset.set_band_description(1, "SCL")
        quality.dataset.update_tags(datetime=_DATETIME)
        truth = _sheet(folder / "truth.tif", world, ("truth",), 1, "uint8")
        stack.enter_context(truth.dataset)
        _describe_truth(truth)
        yield [*sheets, quality, truth]


def _sheet(path: Path, world: Window, contents: tuple[str, ...], step: int, dtype: str) -> _Sheet:
    dataset = rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=-(-world.width // step),
        height=-(-world.height // step),
        count=len(contents),
        dtype=dtype,
        crs=_CRS,
        transform=Affine(10.0 * step, 0.0, _LEFT_M, 0.0, -10.0 * step, _TOP_M),
        # The truth is complete: it has no nodata.
        nodata=None if contents == ("truth",) else NODATA,
        tiled=True,
        blockxsize=_TILE_PX,
        blockysize=_TILE_PX,
        compress="deflate",
        predictor=2,
        interleave="band",
        bigtiff="if_safer",
    )
    return _Sheet(dataset, contents, step)


def _describe_bands(sheet: _Sheet) -> None:
    dataset = sheet.dataset
    dataset.descriptions = sheet.contents
    dataset.scales = (SCALE,) * len(sheet.contents)
    dataset.offsets = (OFFSET,) * len(sheet.contents)
    dataset.update_tags(datetime=_DATETIME, unit="reflectance")


def _describe_truth(sheet: _Sheet) -> None:
    legend = Legend.of(NAMES)
    dataset = sheet.dataset
    dataset.set_band_description(1, "truth")
    dataset.update_tags(**{f"class_{item.id}": item.name for item in legend.classes})
    dataset.write_colormap(
        1, {item.id: (*bytes.fromhex(item.color[1:]), 255) for item in legend.classes}
    )
