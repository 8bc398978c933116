"""A finished map, and what is counted on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.area import Ground
from covermap.core.files import content_digest
from covermap.core.ground_area import row_areas_m2
from covermap.core.legend import Legend
from covermap.mapping.files import STYLES, map_files, written_outputs
from covermap.mapping.own_files import remove_left_over
from covermap.mapping.pipeline import StageSeconds
from covermap.mapping.polygons import made_of_digest, polygons_path, write_polygons
from covermap.mapping.settings import MapSettings
from covermap.mapping.writing import Scratch


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
    engine, precision : str
        What computed the network, and in which arithmetic.
    tile : (int, int)
        Rows and columns that the network saw at once.
    seconds : StageSeconds
        Where the time went.
    """

    paths: dict[str, Path]
    class_pixels: dict[int, int]
    class_area_m2: dict[int, float]
    valid_pixels: int
    total_pixels: int
    engine: str
    precision: str
    tile: tuple[int, int]
    seconds: StageSeconds = field(default_factory=StageSeconds, compare=False)


def publish(scratch: Scratch, legend: Legend, settings: MapSettings) -> None:
    """Give the files of a map their final names, and remove those of an earlier one."""
    remove_left_over(scratch.target, written_outputs(settings, legend))
    scratch.publish(legend)


def keep(scratch: Scratch, legend: Legend, settings: MapSettings, was_stopped: bool) -> None:
    """Complete what stands beside the rasters of a map that have their final names already.

    Parameters
    ----------
    scratch : Scratch
        Whose layers these are.
    legend : Legend
    settings : MapSettings
    was_stopped : bool
        Whether it was, so that styles may be those of an earlier map.
    """
    written = written_outputs(settings, legend)
    remove_left_over(scratch.target, written, is_replaced=False)
    styles = [file.path for file in map_files(scratch.target, written) if file.kind in STYLES]
    if was_stopped or not all(path.exists() for path in styles):
        scratch.publish_styles(legend)


def with_polygons(
    result: MapResult,
    out: Path,
    legend: Legend,
    settings: MapSettings,
    title: str,
    made_of: str = "",
) -> MapResult:
    """The result with the polygons of its published class map, where they are asked for.

    With a digest of what the map is made of, polygons that were made of the same stay.
    """
    if "polygons" not in settings.outputs:
        return result
    if made_of:
        made_of = content_digest([made_of, settings.min_area_m2])
    if not made_of or made_of_digest(polygons_path(out)) != made_of:
        write_polygons(out, legend, settings.min_area_m2, title, made_of=made_of)
    return replace(result, paths={**result.paths, "polygons": polygons_path(out)})


def counted(
    scratch: Scratch,
    legend: Legend,
    geobox: GeoBox,
    engine: str,
    precision: str,
    tile: tuple[int, int],
    ground: Ground | None = None,
    seconds: StageSeconds | None = None,
) -> MapResult:
    """Pixels and areas by class, counted on what was written.

    Parameters
    ----------
    scratch : Scratch
        Complete.
    legend : Legend
    geobox : GeoBox
        The map's grid.
    engine, precision, tile, seconds
        Kept in the result.
    ground : Ground, optional
        The wanted part of the grid; all of it otherwise.
    """
    areas = row_areas_m2(geobox)
    equal_areas = bool((areas == areas[0]).all())
    largest = legend.nodata if len(legend) else 0
    pixels, area_m2 = np.zeros(largest + 1, np.int64), np.zeros(largest + 1)
    wanted = Ground(geobox, None) if ground is None else ground
    total = valid = 0
    for window, ids in scratch.class_windows():
        total += int(wanted.mask(window).sum())
        if not len(legend):
            valid += int(np.isfinite(ids).sum())
            continue
        counts = np.bincount(ids.ravel(), minlength=len(pixels))
        pixels += counts
        if equal_areas:
            area_m2 += counts * areas[0]
            continue
        for row, line in zip(areas[window.row_off : window.row_stop], ids, strict=True):
            area_m2 += np.bincount(line, minlength=len(pixels)) * row
    return MapResult(
        paths={layer.output: layer.path for layer in scratch.layers},
        class_pixels={number: int(pixels[number]) for number in legend.ids},
        class_area_m2={number: float(area_m2[number]) for number in legend.ids},
        valid_pixels=valid + int(pixels[list(legend.ids)].sum()),
        total_pixels=total,
        engine=engine,
        precision=precision,
        tile=tile,
        seconds=StageSeconds() if seconds is None else seconds,
    )
