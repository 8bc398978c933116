"""How training imagery was described, kept so that files which say less can be read alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from covermap.core.grid import pixel_size_m
from covermap.imagery.file_scene import ClippedScene
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.imagery.stack import StackScene
from covermap.mapping.reading import pictures_allowed

# What a new scene takes over; where it lies, its name and its date are its own.
_OWN = {"path", "name", "date"}


def describe_imagery(item: ImagerySettings, scene: Scene) -> dict[str, Any]:
    """Settings of the training imagery that a new file may need, its declared nodata included."""
    described = item.model_dump(mode="json", exclude=_OWN, exclude_none=True)
    quality = described.get("quality")
    if quality is not None and quality.get("path") is not None:
        # Where a mask file lies is no fact of the sensor.
        described.pop("quality")
    if item.stack is not None:
        described["min_dates"] = usable_rule(item, scene)
    declared = _declared_nodata(scene.files)
    if "nodata" not in described and declared is not None:
        described["nodata"] = declared
    return described


def pixel_sizes(scenes: Iterable[Scene]) -> tuple[float | None, float | None]:
    """The finest pixel size in metres of scenes with a CRS, and the coarsest where they differ."""
    sizes = [pixel_size_m(scene.geobox) for scene in scenes if scene.geobox.crs is not None]
    if not sizes:
        return None, None
    finest, coarsest = min(sizes), max(sizes)
    return finest, None if math.isclose(finest, coarsest, rel_tol=1e-6) else coarsest


def usable_rule(item: ImagerySettings, scene: Scene) -> int | None:
    """How many dates of a stack must be valid; None where all bands must be."""
    if item.stack is None:
        return None
    stack = scene.inner if isinstance(scene, ClippedScene) else scene
    assert isinstance(stack, StackScene)
    return stack.min_dates


def _declared_nodata(files: tuple[Path, ...]) -> float | None:
    import math

    import rasterio
    from rasterio.errors import RasterioIOError

    for path in files:
        try:
            with pictures_allowed(), rasterio.open(path) as dataset:
                value = dataset.nodata
        except RasterioIOError:
            continue
        return None if value is None or math.isnan(value) else float(value)
    return None
