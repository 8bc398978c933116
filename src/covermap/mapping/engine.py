"""Whole scenes mapped tile by tile in bounded memory; killed maps go on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rasterio
from odc.geo.geobox import GeoBox

from covermap import __version__
from covermap.core.area import Ground
from covermap.core.errors import ImageryError, ModelError, NothingToMapError, ProjectError
from covermap.core.files import content_digest
from covermap.core.grid import whole
from covermap.core.progress import say
from covermap.imagery.raster import Scene
from covermap.mapping.earlier import MADE_OF, SIZES, is_there, sizes_of, why_again
from covermap.mapping.filling import Filler, Job, fill_here
from covermap.mapping.ledger import Ledger, chosen_before, ledger_path, open_ledger
from covermap.mapping.memory import GDAL_CACHE_BYTES, Sizes, foretold_bytes, sizes_for
from covermap.mapping.pipeline import StageSeconds
from covermap.mapping.predictor import Predictor
from covermap.mapping.result import MapResult, counted, keep, publish, with_polygons
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import TilePlan, plan_tiles, plan_whole_tiles
from covermap.mapping.writing import Scratch, map_tags, plan_layers

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from covermap.bundle.facts import Bundle


def map_scene(
    scene: Scene,
    bundle: Bundle,
    predictor: Predictor,
    out: Path,
    settings: MapSettings,
    ground: BaseGeometry | None = None,
    title: str = "map",
    key: str = "",
    fill: Filler = fill_here,
    is_anew: bool = False,
) -> MapResult:
    """Map a scene on its own grid to Cloud Optimized GeoTIFFs.

    Memory holds a few tiles and a seam, never the scene; how much is told first. Where it does
    not suffice, smaller tiles are taken. A map that was killed goes on at the row of tiles where it
    stopped, and ends in the same bytes. One that is finished, of the same contents and settings, is
    taken as it is.

    Parameters
    ----------
    scene : Scene
    bundle : Bundle
        `channels` say what is read and how it is normalised, `legend` what the outputs mean.
    predictor : Predictor
        Of as many classes as the legend.
    out : Path
        The class map; further outputs stand beside it as `<stem>_<output>.tif`, polygons as
        `<stem>_polygons.gpkg`.
    settings : MapSettings
    ground : shapely geometry, optional
        In the scene's CRS: only pixels with their centre in it are mapped. What lies around it is
        still seen as context, so its pixels are those of a map of the whole scene.
    title : str
        Shown by the progress bar and kept in the files.
    key : str
        Digest of the contents of bundle and scene. Unfinished work of the same key is taken up, and
        a finished map kept; without a key the map begins anew.
    fill : callable
        Who computes the tiles: this process, or the workers of a cluster. The bytes are the same.
    is_anew : bool
        Whether a finished map is made again.

    Raises
    ------
    ImageryError
        No pixel of the scene is usable and wanted (`NothingToMapError`), or it is damaged.
    ModelError
        The network gives values that are no numbers, or memory does not suffice for any tile.
    OutputError
        A file cannot be written.
    ProjectError
        `tile` is too small for the network's context, or smaller than the chips of a network that
        sees everything.
    """
    if predictor.classes != bundle.outputs:
        raise ValueError(f"{predictor.classes} outputs, the bundle has {bundle.outputs}")
    wanted = Ground(scene.geobox, ground)
    if not wanted.touches(whole(scene.geobox)):
        raise ImageryError(
            f"{scene.name}: the area to map lies outside the scene; expected an area that meets "
            f"{_bounds_text(scene.geobox)}"
        )
    sizes = _sizes(bundle, predictor, settings)
    work = _Work(scene, bundle, predictor, out, settings, ground, wanted, title, key, fill, is_anew)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):
        return _with_room(work, sizes, _sizes_before(out, key, sizes))


@dataclass(frozen=True)
class _Work:
    """What `map_scene` was asked for."""

    scene: Scene
    bundle: Bundle
    predictor: Predictor
    out: Path
    settings: MapSettings
    area: BaseGeometry | None
    ground: Ground
    title: str
    key: str
    fill: Filler
    is_anew: bool

    def plan(self, sizes: Sizes) -> TilePlan:
        height, width = (int(size) for size in self.scene.geobox.shape)
        if self.bundle.at_chip_size:
            return plan_whole_tiles((height, width), sizes.tile)
        return plan_tiles((height, width), sizes.tile, self.predictor.halo, self.predictor.stride)


def _sizes(bundle: Bundle, predictor: Predictor, settings: MapSettings) -> Sizes:
    if not bundle.at_chip_size:
        return sizes_for(predictor, len(bundle.channels), settings)
    if settings.tile != "auto" and settings.tile < bundle.chip_size:
        raise ProjectError(
            f"map: tile: {settings.tile} is less than the chips of {bundle.chip_size} px that this "
            "network was validated on, and its answers depend on all that it sees at once; "
            f"expected at least {bundle.chip_size}, or auto"
        )
    return Sizes(bundle.chip_size)


def _sizes_before(out: Path, key: str, asked: Sizes) -> Sizes:
    """The sizes that a map of the same contents came to when memory ran out, finished or not."""
    before = chosen_before(ledger_path(out), key) or sizes_of(out, key)
    try:
        if before["tile_asked"] == asked.tile:
            return Sizes(int(before["tile"]), int(before["batch"]))
    except (KeyError, TypeError, ValueError):
        pass
    return asked


def _with_room(work: _Work, asked: Sizes, sizes: Sizes) -> MapResult:
    """The map, with smaller tiles than asked for where memory runs out."""
    from covermap.models.hardware import is_out_of_memory

    while True:
        try:
            return _mapped(work, asked, sizes)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        plan = work.plan(sizes)
        smaller = sizes.smaller(plan, work.predictor, work.settings)
        if smaller is None or (work.bundle.at_chip_size and smaller.tile < sizes.tile):
            raise ModelError(
                f"{work.scene.name}: memory does not suffice for tiles of {plan.rows.tile} x "
                f"{plan.cols.tile} px; choose a smaller --tile, or close other programs"
            )
        sizes = smaller
        say(f"{work.title}: memory ran out, going on with at most {sizes.tile} px x {sizes.batch}")


def _mapped(work: _Work, asked: Sizes, sizes: Sizes) -> MapResult:
    """One attempt: plan, fill what the ledger lacks, count, publish."""
    plan, predictor, bundle = work.plan(sizes), work.predictor, work.bundle
    batch = sizes.batch_of(plan)
    scratch = Scratch(plan_layers(work.out, bundle.legend, work.settings), work.scene.geobox)
    tags = map_tags(
        bundle.legend,
        str(bundle.model.get("name", "")) if bundle.model else "",
        predictor.engine,
        predictor.precision,
        __version__,
        work.title,
        work.key,
    )
    came_to = {"tile_asked": asked.tile, "tile": sizes.tile, "batch": sizes.batch}
    chosen = {
        "key": work.key,
        "engine": predictor.engine,
        "precision": predictor.precision,
        **came_to,
    }
    digest = content_digest(_inputs(work, plan, batch, tags))
    if work.key:
        tags[MADE_OF] = digest
    ledger = open_ledger(
        ledger_path(work.out), content_digest([digest, list(work.settings.rasters)])
    )
    is_kept = not work.is_anew and is_there(scratch.layers, tags)
    seconds = StageSeconds()
    if is_kept:
        say(f"{work.title}: already there")
        # They are of another map that was begun here.
        scratch.remove()
    else:
        if not work.key or not ledger.done or not scratch.exists():
            _tell_why(work, tags)
            if sizes != asked:
                tags[SIZES] = json.dumps(came_to)
            # The old ledger goes first: it must never vouch for files that are being made anew.
            ledger.closed()
            scratch.create(tags, bundle.legend)
            ledger = Ledger(ledger.path, ledger.digest, chosen=chosen).noted(range(0))
        _tell_memory(work, plan, batch)
        job = Job(work.scene, bundle, plan, work.area, work.settings, batch)
        seconds = work.fill(job, predictor, scratch, ledger, work.title)
    begun = time.perf_counter()
    result = counted(
        scratch,
        bundle.legend,
        work.scene.geobox,
        engine=predictor.engine,
        precision=predictor.precision,
        tile=plan.tile_shape,
        ground=work.ground,
        seconds=seconds,
    )
    if is_kept:
        keep(scratch, bundle.legend, work.settings, was_stopped=ledger.path.exists())
    elif result.valid_pixels:
        publish(scratch, bundle.legend, work.settings)
    scratch.remove()
    seconds.finish += time.perf_counter() - begun
    if result.valid_pixels:
        result = with_polygons(
            result, work.out, bundle.legend, work.settings, work.title, tags.get(MADE_OF, "")
        )
    ledger.closed()
    if not result.valid_pixels:
        raise NothingToMapError(
            f"{work.scene.name}: no usable pixel to map"
            f"{' in the wanted area' if work.area else ''}; expected valid values in the bands "
            f"{', '.join(bundle.channel_names)}: check nodata and quality"
        )
    return result


def _tell_why(work: _Work, tags: dict[str, str]) -> None:
    """Say why a map of ours does not stay."""
    why = why_again(work.out, tags) if work.key and not work.is_anew else ""
    if why:
        say(f"{work.title}: {work.out.name} is made again, since {why}")


def _tell_memory(work: _Work, plan: TilePlan, batch: int) -> None:
    needed = foretold_bytes(work.predictor, len(work.bundle.channels), work.settings, plan, batch)
    told = "1 tile" if plan.count == 1 else f"{plan.count} tiles"
    say(
        f"{work.title}: {told} of {plan.rows.tile} x {plan.cols.tile} px, at most "
        f"{needed / 1e9:.1f} GB of memory"
    )


def _inputs(work: _Work, plan: TilePlan, batch: int, tags: dict[str, str]) -> dict[str, Any]:
    """Everything that the bytes of a layer depend on, given that `key` stands for the contents."""
    scene, bundle = work.scene, work.bundle
    return {
        "key": work.key,
        "scene": scene.name,
        "grid": [list(scene.geobox.affine), list(scene.geobox.shape), str(scene.geobox.crs)],
        "channels": [[c.name, c.mean, c.std] for c in bundle.channels],
        "legend": bundle.legend.to_dict(),
        "settings": work.settings.model_dump(
            exclude={"outputs", "min_area_m2", "tile", "engine", "precision"}
        ),
        "plan": str(plan),
        "batch": batch,
        "tags": tags,
        "ground": None if work.area is None else work.area.wkb_hex,
    }


def _bounds_text(geobox: GeoBox) -> str:
    left, bottom, right, top = geobox.extent.boundingbox.bbox
    return f"x {left:g} to {right:g}, y {bottom:g} to {top:g}"
