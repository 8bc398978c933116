"""Whole scenes mapped tile by tile: read, predict, blend, write; killed maps go on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap import __version__
from covermap.core.errors import ImageryError, ModelError, ProjectError
from covermap.core.files import content_digest
from covermap.core.grid import Window, row_areas_m2, whole
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.imagery.raster import Scene
from covermap.mapping.blending import Blender
from covermap.mapping.ledger import Ledger, open_ledger
from covermap.mapping.predictor import Predictor
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import TilePlan, plan_tiles, smallest_tile
from covermap.mapping.writing import Scratch, encode, map_tags, plan_layers

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from covermap.bundle import Bundle

# One tile of this side keeps two cores busy; larger ones need more memory and gain nothing, unless
# the context takes more than a fifth of them.
_AUTO_TILE = 1024
_AUTO_TILE_HALOS = 10
# Smaller tiles go through the network together, up to the pixels of one of this side.
_BATCH_SIDE = 512
_LARGEST_BATCH = 4


@dataclass(frozen=True)
class MapResult:
    """A finished map.

    Attributes
    ----------
    paths : dict
        Output (`class`, `confidence`, ...) to file.
    class_pixels : dict
        Class id to number of pixels, for every class of the legend.
    class_area_m2 : dict
        Class id to area in square metres (square pixels for pictures without a CRS). Areas counted
        on a map are biased by its errors.
    valid_pixels : int
        Pixels that have a class, or a value.
    total_pixels : int
        Pixels of the scene, or of the wanted ground in it.
    precision : str
        Arithmetic of the network.
    tile : (int, int)
        Rows and columns that the network saw at once.
    """

    paths: dict[str, Path]
    class_pixels: dict[int, int]
    class_area_m2: dict[int, float]
    valid_pixels: int
    total_pixels: int
    precision: str
    tile: tuple[int, int]


def map_scene(
    scene: Scene,
    bundle: Bundle,
    predictor: Predictor,
    out: Path,
    settings: MapSettings,
    ground: BaseGeometry | None = None,
    title: str = "map",
    key: str = "",
) -> MapResult:
    """Map a scene on its own grid to Cloud Optimized GeoTIFFs.

    Memory holds a few tiles and two seams, never the scene. A map that was killed goes on at the
    row of tiles where it stopped, and ends in the same bytes.

    Parameters
    ----------
    scene : Scene
    bundle : Bundle
        `channels` say what is read and how it is normalised, `legend` what the outputs mean.
    predictor : Predictor
        Of as many classes as the legend.
    out : Path
        The class map; further outputs stand beside it as `<stem>_<output>.tif`.
    settings : MapSettings
    ground : shapely geometry, optional
        In the scene's CRS: only pixels with their centre in it are mapped. What lies around it is
        still seen as context, so its pixels are those of a map of the whole scene.
    title : str
        Shown by the progress bar and kept in the files.
    key : str
        Digest of the contents of bundle and scene. Unfinished work of the same key is taken up;
        without a key the map begins anew.

    Raises
    ------
    ImageryError
        No pixel of the scene is usable and wanted.
    ModelError
        The network gives values that are no numbers.
    ProjectError
        `tile` is too small for the network's context.
    """
    if predictor.classes != bundle.outputs:
        raise ValueError(f"{predictor.classes} outputs, the bundle has {bundle.outputs}")
    plan = _plan(scene.geobox, predictor, settings)
    wanted_ground = _Ground(scene.geobox, ground)
    if not wanted_ground.touches(whole(scene.geobox)):
        raise ImageryError(
            f"{scene.name}: the area to map lies outside the scene; expected an area that meets "
            f"{_bounds_text(scene.geobox)}"
        )
    precision = str(getattr(predictor, "precision", "float32"))
    scratch = Scratch(plan_layers(out, bundle.legend, settings.outputs), scene.geobox)
    model = str(bundle.model.get("name", "")) if bundle.model else ""
    tags = map_tags(bundle.legend, model, precision, __version__, title)
    inputs = _inputs(key, scene, bundle, settings, plan, tags, ground)
    ledger = open_ledger(out.with_name(f".{out.stem}.ledger.json"), content_digest(inputs))
    if not key or not ledger.rows_done or not scratch.exists():
        # The old ledger goes first: it must never vouch for files that are being made anew.
        ledger.closed()
        scratch.create(tags, bundle.legend)
        ledger = Ledger(ledger.path, ledger.digest).noted(0)
    source = _Source(scene, bundle, plan, wanted_ground)
    _fill(source, predictor, scratch, ledger, settings, title)
    result = _count(scratch, scene.geobox, bundle.legend, wanted_ground, precision, plan)
    if result.valid_pixels:
        scratch.publish(bundle.legend)
    scratch.remove()
    ledger.closed()
    if not result.valid_pixels:
        raise ImageryError(
            f"{scene.name}: no usable pixel to map{' in the wanted area' if ground else ''}; "
            "expected valid values in the bands "
            f"{', '.join(channel.name for channel in bundle.channels)}: check nodata and quality"
        )
    return result


@dataclass(frozen=True)
class _Tile:
    """A tile as read: `values` normalised (C, H, W), or None where nothing is wanted.

    `wanted` is bool of the completed window.
    """

    row: int
    col: int
    values: np.ndarray | None = None
    wanted: np.ndarray | None = None


class _Source:
    """The tiles of a scene, read and normalised."""

    def __init__(self, scene: Scene, bundle: Bundle, plan: TilePlan, ground: _Ground) -> None:
        self.plan = plan
        self.legend, self.quantity = bundle.legend, bundle.quantity
        self._scene = scene
        self._ground = ground
        self._names = [channel.name for channel in bundle.channels]
        channels = bundle.channels
        self._mean = np.array([c.mean for c in channels], np.float32)[:, None, None]
        self._std = np.array([c.std for c in channels], np.float32)[:, None, None]

    def tiles(self, first_row: int) -> Iterator[_Tile]:
        """Tiles from a row on, in the order of the plan."""
        for row in range(first_row, self.plan.rows.count):
            for col in range(self.plan.cols.count):
                yield self._tile(row, col)

    def _tile(self, row: int, col: int) -> _Tile:
        window = self.plan.read_window(row, col)
        core = self.plan.core_window(row, col)
        inside = core.intersection(whole(self._scene.geobox))
        if inside is None or not self._ground.touches(inside):
            return _Tile(row, col)
        raster = self._scene.read(self._names, window)
        wanted = np.zeros(window.shape, dtype=bool)
        local = inside.relative_to(window).slices
        wanted[local] = self._scene.usable(raster)[local] & self._ground.mask(inside)
        if not wanted.any():
            return _Tile(row, col)
        # What is missing takes the training mean, which is 0 after normalisation.
        values = np.where(raster.valid, (raster.values - self._mean) / self._std, np.float32(0))
        completed = self.plan.completed_window(row, col).relative_to(window)
        return _Tile(row, col, values.astype(np.float32, copy=False), wanted[completed.slices])


class _Ground:
    """Which pixels of a grid lie in the wanted area, by their centres."""

    def __init__(self, geobox: GeoBox, area: BaseGeometry | None) -> None:
        self._area = None
        if area is not None:
            from shapely import prepare
            from shapely.affinity import affine_transform

            # In pixels every grid is upright, so rotated and south-up scenes need no care.
            to_pixels = ~geobox.affine
            self._area = affine_transform(
                area,
                [to_pixels.a, to_pixels.b, to_pixels.d, to_pixels.e, to_pixels.c, to_pixels.f],
            )
            prepare(self._area)

    def touches(self, window: Window) -> bool:
        """Whether any of the area lies in a window; quick, so that tiles need not be read."""
        return self._area is None or bool(self._area.intersects(_box(window)))

    def mask(self, window: Window) -> np.ndarray:
        """Bool (height, width) of a window."""
        if self._area is None or self._area.contains(_box(window)):
            return np.ones(window.shape, dtype=bool)
        if not self.touches(window):
            return np.zeros(window.shape, dtype=bool)
        from rasterio.features import rasterize

        shift = Affine.translation(window.col_off, window.row_off)
        burnt = rasterize([self._area], out_shape=window.shape, transform=shift, dtype="uint8")
        return np.asarray(burnt == 1)


def _plan(geobox: GeoBox, predictor: Predictor, settings: MapSettings) -> TilePlan:
    smallest = smallest_tile(predictor.halo, predictor.stride)
    wide = -(-_AUTO_TILE_HALOS * predictor.halo // predictor.stride) * predictor.stride
    lattice = _AUTO_TILE // predictor.stride * predictor.stride
    tile = max(lattice, wide, smallest) if settings.tile == "auto" else settings.tile
    if tile < smallest:
        raise ProjectError(
            f"map: tile: {tile} leaves nothing beside the context of {predictor.halo} px that this "
            f"network needs on each side; expected at least {smallest}, or auto"
        )
    height, width = geobox.shape
    return plan_tiles((int(height), int(width)), tile, predictor.halo, predictor.stride)


def _inputs(
    key: str,
    scene: Scene,
    bundle: Bundle,
    settings: MapSettings,
    plan: TilePlan,
    tags: dict[str, str],
    ground: BaseGeometry | None,
) -> dict[str, object]:
    """Everything that the bytes of a map depend on, given that `key` stands for the contents."""
    return {
        "key": key,
        "scene": scene.name,
        "grid": [list(scene.geobox.affine), list(scene.geobox.shape), str(scene.geobox.crs)],
        "channels": [[c.name, c.mean, c.std] for c in bundle.channels],
        "legend": bundle.legend.to_dict(),
        "outputs": list(settings.outputs),
        "plan": str(plan),
        "tags": tags,
        "ground": None if ground is None else ground.wkb_hex,
    }


def _fill(
    source: _Source,
    predictor: Predictor,
    scratch: Scratch,
    ledger: Ledger,
    settings: MapSettings,
    title: str,
) -> None:
    """Make the rows of tiles that the ledger lacks."""
    plan, done = source.plan, ledger.rows_done
    if done == plan.rows.count:
        return
    # The row above still adds to the first one that is missing: make it again, without writing.
    first = max(0, done - 1)
    blender = Blender(plan, predictor.classes)
    scene_window = Window(0, 0, plan.rows.length, plan.cols.length)
    tiles = _read_ahead(source.tiles(first))
    with progress(title, (plan.rows.count - first) * plan.cols.count, "tiles") as bar:
        for row, in_row in itertools.groupby(tiles, key=lambda tile: tile.row):
            blender.begin_row()
            with scratch.opened() as writer:
                for tile, shares in _predicted(in_row, predictor, plan):
                    bar.advance()
                    if shares is None or tile.wanted is None:
                        blender.skip()
                        continue
                    total = blender.add(row, tile.col, shares)
                    window = plan.completed_window(row, tile.col)
                    inside = window.intersection(scene_window)
                    if row < done or inside is None:
                        continue
                    rows, cols = inside.relative_to(window).slices
                    wanted = tile.wanted[rows, cols]
                    shown = total[:, rows, cols]
                    if source.quantity is not None:
                        shown = source.quantity.of(shown)
                    layers = encode(shown, wanted, source.legend, settings.outputs)
                    writer.write(inside, layers)
            if row >= done:
                ledger = ledger.noted(row + 1)


def _predicted(
    tiles: Iterator[_Tile], predictor: Predictor, plan: TilePlan
) -> Iterator[tuple[_Tile, np.ndarray | None]]:
    """Tiles of a row with their probabilities (K, H, W); None where nothing is wanted."""
    height, width = plan.tile_shape
    size = max(1, min(_LARGEST_BATCH, _BATCH_SIDE**2 // (height * width), plan.cols.count))
    pending: list[_Tile] = []
    for tile in tiles:
        pending.append(tile)
        if sum(item.values is not None for item in pending) == size:
            yield from _predict(pending, predictor, size)
            pending = []
    yield from _predict(pending, predictor, size)


def _predict(
    tiles: list[_Tile], predictor: Predictor, size: int
) -> Iterator[tuple[_Tile, np.ndarray | None]]:
    arrays = [tile.values for tile in tiles if tile.values is not None]
    if arrays:
        # A batch is always of the same size: kernels chosen by size differ in the last bits, and
        # a pixel must not depend on how many other tiles are wanted.
        batch = np.zeros((size, *arrays[0].shape), dtype=np.float32)
        batch[: len(arrays)] = arrays
        shares = predictor.probabilities(batch)
        _check(shares, (size, predictor.classes, *arrays[0].shape[1:]))
        answers = iter(shares)
    for tile in tiles:
        yield tile, None if tile.values is None else next(answers)


def _check(shares: np.ndarray, expected: tuple[int, ...]) -> None:
    if shares.shape != expected:
        raise ValueError(f"the predictor gave {shares.shape}, expected {expected}")
    if not np.isfinite(shares.sum(dtype=np.float64)):
        raise ModelError(
            "the network gives probabilities that are no numbers; expected finite weights and "
            "inputs in the units of the training: check the scale of the scene, or train again"
        )


def _read_ahead(tiles: Iterator[_Tile]) -> Iterator[_Tile]:
    """The same tiles, one being read while another is computed."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, tiles, None)
        while (tile := coming.result()) is not None:
            coming = reader.submit(next, tiles, None)
            yield tile


def _count(
    scratch: Scratch,
    geobox: GeoBox,
    legend: Legend,
    ground: _Ground,
    precision: str,
    plan: TilePlan,
) -> MapResult:
    """Pixels and areas by class, counted on what was written."""
    areas = row_areas_m2(geobox)
    pixels = dict.fromkeys(legend.ids, 0)
    area_m2 = dict.fromkeys(legend.ids, 0.0)
    total = valid = 0
    for window, ids in scratch.class_windows():
        total += int(ground.mask(window).sum())
        if not len(legend):
            valid += int(np.isfinite(ids).sum())
            continue
        rows = areas[window.row_off : window.row_stop]
        for number in np.unique(ids[ids != legend.nodata]):
            in_row = (ids == number).sum(axis=1)
            pixels[int(number)] += int(in_row.sum())
            area_m2[int(number)] += float(in_row @ rows)
    return MapResult(
        paths={layer.output: layer.path for layer in scratch.layers},
        class_pixels=pixels,
        class_area_m2=area_m2,
        valid_pixels=valid + sum(pixels.values()),
        total_pixels=total,
        precision=precision,
        tile=plan.tile_shape,
    )


def _box(window: Window) -> BaseGeometry:
    from shapely.geometry import box

    return box(window.col_off, window.row_off, window.col_stop, window.row_stop)


def _bounds_text(geobox: GeoBox) -> str:
    left, bottom, right, top = geobox.extent.boundingbox.bbox
    return f"x {left:g} to {right:g}, y {bottom:g} to {top:g}"
