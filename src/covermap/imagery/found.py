"""What was recognised in files as a scene and its bands, before a project speaks of it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from covermap.core.grid import pixel_size_m
from covermap.imagery.bands import KnownBand
from covermap.imagery.headers import ImageHeader
from covermap.imagery.quality import QualityLayer
from covermap.imagery.raster import Unit


@dataclass(frozen=True)
class FoundBand:
    """A band in a file, with what its product says of it.

    `scale`, `offset` and `unit` are None where the product says nothing; `nodata` are DNs that the
    product, not the file, declares; `named` is False for a mere number (`band_3`).
    """

    name: str
    header: ImageHeader
    index: int = 1
    known: KnownBand | None = None
    scale: float | None = None
    offset: float | None = None
    unit: Unit | None = None
    nodata: tuple[float, ...] = ()
    named: bool = True
    alpha: int | None = None

    @property
    def pixel_m(self) -> float:
        return pixel_size_m(self.header.geobox)


@dataclass(frozen=True)
class Found:
    """What was recognised as one scene, before the project's settings are applied."""

    name: str
    date: datetime.date | None
    bands: tuple[FoundBand, ...]
    quality: QualityLayer | None = None
    notes: tuple[str, ...] = ()
    metadata: tuple[Path, ...] = ()
