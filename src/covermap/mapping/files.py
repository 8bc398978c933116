"""The files of a map and what they are called."""

from __future__ import annotations

from pathlib import Path

from covermap.mapping.polygons import polygon_files
from covermap.mapping.settings import MapSettings
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


def preview_of(target: Path) -> Path:
    """The picture that stands beside a map."""
    return target.with_name(f"{target.stem}_preview.png")
