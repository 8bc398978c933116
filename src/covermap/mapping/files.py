"""The files of a map and what they are called: the one list of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from covermap.core.legend import Legend
from covermap.mapping.polygons import polygon_files
from covermap.mapping.settings import MapOutput, MapSettings
from covermap.mapping.style import sidecar_of, style_paths

Kind = Literal[
    "raster",
    "statistics",
    "polygons",
    "polygon style",
    "QGIS style",
    "SLD style",
    "attributes",
    "preview",
]

# What tells GIS programs how to show the class map.
STYLES: frozenset[Kind] = frozenset({"QGIS style", "SLD style", "attributes"})


@dataclass(frozen=True)
class MapFile:
    """A file of a map.

    Attributes
    ----------
    output : str
        What it holds or shows.
    kind : str
        `statistics` are what GDAL may keep beside a raster; all else is written by this program.
    path : Path
    """

    output: MapOutput
    kind: Kind
    path: Path


def map_files(target: Path, outputs: Iterable[MapOutput] = get_args(MapOutput)) -> list[MapFile]:
    """All files that the map at `target` may have with these outputs.

    Parameters
    ----------
    target : Path
        The class map, or map of values.
    outputs : iterable of str
        See `written_outputs`; all that there are by default.
    """
    return [file for output in outputs for file in _files_of(target, output)]


def written_outputs(settings: MapSettings, legend: Legend) -> tuple[MapOutput, ...]:
    """The outputs of a map with these settings; without a class it is one of values alone."""
    return settings.outputs if len(legend) else ("value",)


def layer_path(target: Path, output: MapOutput) -> Path:
    """Where a raster of the map at `target` lies."""
    if output in ("class", "value"):
        return target
    return target.with_name(f"{target.stem}_{output}.tif")


def _files_of(target: Path, output: MapOutput) -> Iterator[MapFile]:
    if output == "polygons":
        geopackage, style = polygon_files(target)
        yield MapFile(output, "polygons", geopackage)
        yield MapFile(output, "polygon style", style)
        return
    path = layer_path(target, output)
    yield MapFile(output, "raster", path)
    if output == "class":
        qml, sld = style_paths(target)
        yield MapFile(output, "QGIS style", qml)
        yield MapFile(output, "SLD style", sld)
    yield MapFile(output, "attributes" if output == "class" else "statistics", sidecar_of(path))
    if path == target:
        yield MapFile(output, "preview", preview_of(target))


def in_the_way(names: Iterable[str]) -> tuple[str, str] | None:
    """Two scenes of which one is called like a file beside the map of the other; None for none.

    Examples
    --------
    >>> in_the_way(["june", "june_confidence", "july"])
    ('june', 'june_confidence')
    """
    every = set(names)
    for name in sorted(every):
        for kind in get_args(MapOutput):
            if f"{name}_{kind}" in every:
                return name, f"{name}_{kind}"
    return None


def preview_of(target: Path) -> Path:
    """The picture that stands beside a map."""
    return target.with_name(f"{target.stem}_preview.png")
