"""The files of a map and what they are called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from covermap.mapping.polygons import polygon_files
from covermap.mapping.settings import MapOutput, MapSettings
from covermap.mapping.style import sidecar_of, style_paths


def output_files(target: Path, settings: MapSettings) -> list[Path]:
    """All files that a map with these settings writes."""
    further = [
        target.with_name(f"{target.stem}_{name}.tif")
        for name in settings.rasters
        if name != "class"
    ]
    files = [target, *further]
    # GDAL keeps category names in a file of its own beside the raster.
    sidecars = [sidecar_of(path) for path in files]
    polygons = polygon_files(target) if "polygons" in settings.outputs else ()
    return [*files, *polygons, *sidecars, *style_paths(target), preview_of(target)]


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
