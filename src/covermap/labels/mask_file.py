"""One mask file: what its numbers are, and the classes of its nearest pixels on any grid."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError
from covermap.core.grid import whole
from covermap.imagery.headers import read_header
from covermap.imagery.pool import POOL
from covermap.imagery.sources import read_nearest
from covermap.labels.coding import Coding, color_text, packed_colors

Kind = Literal["ids", "colors", "table"]
# Formats whose colour tables say what a pixel is; in a GeoTIFF they are only for display.
_TABLE_SUFFIXES = frozenset({".png", ".gif", ".bmp"})
_LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg"})
_MOST_CODES_OF_JPEG = 12
_TRANSPARENT = -1
_BEYOND = 2.0**63


@dataclass(frozen=True)
class MaskFile:
    """A raster of labels.

    Attributes
    ----------
    path : Path
    geobox : GeoBox
        The grid that it lies on.
    kind : str
        `ids`: class codes; `colors`: red, green and blue; `table`: indexes into a colour table.
    band : int
        Number of the band with class codes, from 1.
    nodata : float, optional
        What the file declares to be no data in the band that is read; of colours the packed one
        whose red, green and blue are all declared so.
    mask : {"none", "dataset"} or int
        Whether the file has a mask of its own, under which it says nothing; a number names a band
        that is 0 where the file is transparent.
    table : tuple of int
        Packed colour of each index of the colour table; -1 for transparent ones.
    bands : int
        How many bands of numbers the file has.
    """

    path: Path
    geobox: GeoBox
    kind: Kind
    band: int = 1
    nodata: float | None = None
    mask: str | int = "none"
    table: tuple[int, ...] = ()
    bands: int = 1

    def read(self, geobox: GeoBox, nodata_too: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Codes or packed colours (int64) of the nearest pixels, and where there is one (bool).

        There is none where the file declares no data, unless `nodata_too` takes that for a code.

        Raises
        ------
        LabelError
            A number that is no whole one, or too large.
        """
        bands = [1, 2, 3] if self.kind == "colors" else [self.band]
        raw, there = read_nearest(self.path, bands, self.geobox, geobox, whole(geobox), self.mask)
        if self.kind == "colors":
            packed = packed_colors(*raw).astype(np.int64)
            if self.nodata is not None and not nodata_too:
                there = there & (packed != self.nodata)
            return packed, there
        if self.nodata is not None and not nodata_too:
            # In the file's own type: the usual nodata of float32 is no integer of 64 bits.
            with np.errstate(over="ignore"):
                there = there & (raw[0] != self.nodata)
        return self._codes(raw[0], there)

    def positions(self, geobox: GeoBox, coding: Coding, tolerance: float | None) -> np.ndarray:
        """Position of each pixel's class, int16 (H, W); -1 for none, -2 for what is unknown."""
        known = coding.colors if self.kind == "colors" else coding.codes
        found, there = self.read(geobox, nodata_too=self.nodata in known)
        if self.kind == "ids":
            positions = coding.of_codes(np.where(there, found, _any_code(coding)))
        else:
            positions = coding.of_colors(np.where(there, found, _any_color(coding)), tolerance)
        return np.where(there, positions, np.int16(-1))

    def told(self, found: int) -> str:
        """A code or packed colour as a person would write it."""
        return str(found) if self.kind == "ids" else color_text(found)

    def _codes(self, raw: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if np.issubdtype(raw.dtype, np.floating):
            there = there & np.isfinite(raw)
            raw = np.where(there, raw, 0)
            broken = raw != np.floor(raw)
            if broken.any():
                raise LabelError(
                    f"{self.path}: holds {raw[broken][0]:.9g}, but class codes are whole numbers; "
                    f"is band {self.band} a layer of measurements or scores, or was it resampled? "
                    "Give masks of whole codes, or name the band that holds them: "
                    "labels: {band: 2}"
                )
            huge = np.abs(raw) >= _BEYOND
            if huge.any():
                raise LabelError(
                    f"{self.path}: holds {raw[huge][0]:.8g}, which is no class code. If it means "
                    "no data, declare it so: gdal_edit.py -a_nodata "
                    f"{raw[huge][0]:.8g} {self.path.name}"
                )
        codes = raw.astype(np.int64)
        if self.kind == "ids":
            return codes, there
        packed = np.asarray(self.table, dtype=np.int64)[codes]
        return packed, there & (packed != _TRANSPARENT)


def open_mask(
    path: Path, values: Literal["auto", "ids", "colors"], band: int, palette: bool
) -> MaskFile:
    """What a mask file holds, on its own grid.

    Parameters
    ----------
    path : Path
    values : str
        What the project says that it holds; `auto` takes red, green and blue as colours where
        no further band is asked for, and indexes into the colour table of a PNG too where `palette`
        is True.
    band : int
        Number of the band with class codes.
    palette : bool
        Whether the legend has colours for masks.

    Raises
    ------
    LabelError
        There is no such band, or colours are asked of a file without any.
    """
    header = read_header(path)
    # GDAL names the first bands of any file red, green and blue only where the file says so.
    is_rgb = header.colors[:3] == ("red", "green", "blue") and header.dtypes[0] == "uint8"
    alpha = header.count if header.colors[-1] == "alpha" and header.count in (2, 4) else None
    mask = alpha or ("dataset" if header.has_mask else "none")
    table = _color_table(path) if header.colors[0] == "palette" and header.count == 1 else ()
    if values == "colors" and not (is_rgb or table):
        raise LabelError(
            f"{path}: holds no colours (bands: {', '.join(header.colors)}); leave labels: values "
            "out, or write values: ids"
        )
    if is_rgb and values != "ids" and band == 1:
        nodata = _nodata_color(header.nodata[:3])
        return MaskFile(path, header.geobox, "colors", 1, nodata, mask, bands=header.count)
    is_table = bool(table) and palette and path.suffix.lower() in _TABLE_SUFFIXES
    if table and (values == "colors" or (values == "auto" and is_table)):
        return MaskFile(path, header.geobox, "table", table=table)
    if band > header.count:
        raise LabelError(f"{path}: has {header.count} band(s), no band {band}; labels: {{band: 1}}")
    nodata = header.nodata[band - 1]
    mask = "none" if band == alpha else mask
    return MaskFile(path, header.geobox, "ids", band, nodata, mask, bands=header.count)


def is_lossy(path: Path) -> bool:
    """Whether a file's format changes colours and codes along edges."""
    return path.suffix.lower() in _LOSSY_SUFFIXES


def require_codes_kept(paths: Iterable[Path], codes: Collection[int]) -> None:
    """Refuse masks whose codes a compression changed: what is left of two classes is many.

    Raises
    ------
    LabelError
        Naming one of them.
    """
    path = next((path for path in paths if is_lossy(path)), None)
    if path is not None and len(codes) > _MOST_CODES_OF_JPEG:
        raise LabelError(
            f"{path}: the masks hold {len(codes)} codes from {min(codes)} to {max(codes)}, and "
            "JPEG changes codes along edges, so that most of these are no classes; export them as "
            "PNG or GeoTIFF (of two classes, those above 127 are one), or say which codes are "
            "which class: labels: {legend: ...}"
        )


def _nodata_color(declared: tuple[float | None, ...]) -> float | None:
    """The packed colour that is no data in red, green and blue; None where one band has none."""
    levels = [value for value in declared if value is not None and value in range(256)]
    if len(levels) < len(declared):
        return None
    return float(packed_colors(*(np.asarray(level, np.int64) for level in levels)))


def _color_table(path: Path) -> tuple[int, ...]:
    with POOL.lend(path) as dataset:
        entries = dataset.colormap(1)
    packed = [_TRANSPARENT] * (max(entries) + 1)
    for index, (red, green, blue, alpha) in entries.items():
        packed[index] = (red << 16 | green << 8 | blue) if alpha else _TRANSPARENT
    # An index beyond the table would be a damaged file; GDAL shows it as black.
    return (*packed, *[0] * (256 - len(packed)))


def _any_code(coding: Coding) -> int:
    return next(iter(coding.codes), 0)


def _any_color(coding: Coding) -> int:
    return next(iter(coding.colors), 0)
