"""Ground held out by regions of another file: each polygon, or each value of a column, whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from covermap.chips.ground import ANY_PART, NO_PART, Ground
from covermap.chips.parts import Split, SplitCase, buffer_px
from covermap.chips.regions import Regions
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_groups import split_of_groups
from covermap.core.errors import SplitError, nearest
from covermap.core.grid import Window, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.columns import as_text

# Cells looked at together; a window of a file's size in pixels.
_CELLS = 16


def split_by_region(case: SplitCase) -> Split:
    """Regions held out whole; a polygon that crosses their border is cut there, with a buffer.

    Raises
    ------
    SplitError
        The file of regions cannot be read, does not meet the labels, or holds one region only; or
        fewer than two classes can be assessed.
    """
    if any(scene.geobox.crs is None for scene in case.scenes):
        raise SplitError(
            "split: by region: regions cannot be laid over an image without a CRS; use split: "
            "{by: list} or {by: images}"
        )
    regions, unit = read_regions(case.settings, case.base)
    counts, outside = counts_by_region(case, regions)
    if not counts.any():
        raise SplitError(
            f"{case.base / str(case.settings.regions)}: no label lies in any region; check the CRS "
            "and extent of both"
        )

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return Ground(
            kind="regions",
            parts=parts,
            buffer_px=buffer_px(case, "regions"),
            blocks={},
            origin=None,
            block_px=0,
            part_of_source=np.full(case.labels.sources + 1, ANY_PART, dtype=np.int16),
            group_of_source=np.full(case.labels.sources + 1, -1, dtype=np.int32),
            regions=replace(regions, part_of=codes, _by_crs={}),
            buffer_m=case.settings.buffer_m,
        )

    split = split_of_groups(case, counts, unit, ground)
    if not outside:
        return split
    note = f"{outside:,} labelled pixels lie outside all regions and are not used"
    return replace(split, reasons=(*split.reasons, note))


def region_files(settings: SplitSettings, base: Path) -> list[Path]:
    """The file of regions, where the project names one; a split depends on it."""
    from covermap.labels.reading import parts_of

    return [] if settings.regions is None else parts_of(base / settings.regions)


def read_regions(settings: SplitSettings, base: Path) -> tuple[Regions, str]:
    """The regions that the project names, of no part yet, and what to call them.

    Raises
    ------
    SplitError
        No such file or column, or no polygons with a CRS in it.
    """
    import pyogrio

    path = base / str(settings.regions)
    if not path.exists():
        raise SplitError(f"{path}: no such file; check split: regions: in the project")
    try:
        table = pyogrio.read_dataframe(path)
    except Exception as error:
        raise SplitError(f"{path}: cannot be read as vector data ({error})") from None
    if "geometry" not in table.columns or table.crs is None:
        raise SplitError(f"{path}: split: regions needs polygons with a CRS")
    table = table[table.geometry.geom_type.isin(["Polygon", "MultiPolygon"])]
    if not len(table):
        raise SplitError(f"{path}: split: regions needs polygons, and holds none")
    column, unit = settings.attribute, f"regions of {path.name}"
    numbers = np.arange(len(table))
    if column is not None:
        names = [str(name) for name in table.columns if name != "geometry"]
        if column not in names:
            raise SplitError(f"{path}: no column '{column}'; {nearest(column, names)}")
        values = np.asarray([value or "" for value in as_text(table[column])])
        numbers = np.unique(values, return_inverse=True)[1]
        unit = f"values of '{column}' in {path.name}"
    nowhere = np.full(int(numbers.max()) + 1, NO_PART, dtype=np.int16)
    shapes = table.geometry.make_valid().to_numpy()
    return Regions(shapes, table.crs.to_wkt(), numbers.astype(np.int32), nowhere), unit


def counts_by_region(case: SplitCase, regions: Regions) -> tuple[np.ndarray, int]:
    """Labelled pixels by region and class, int64 (R, K), and those outside of all regions.

    Usable ones in cells of one region; in cells that a border crosses, all labelled ones.
    """
    counts = np.zeros((len(regions.part_of) + 1, len(case.labels.legend)), dtype=np.int64)
    for scene, item in zip(case.scenes, case.scans, strict=True):
        for window, rows in _windows(item):
            numbers = regions.numbers(window_geobox(scene.geobox, window))
            lone, mixed = _regions_of_cells(numbers)
            cells = item.counts[rows, :2] - (window.row_off // CELL, window.col_off // CELL)
            plain = ~mixed[tuple(cells.T)]
            held = item.counts[rows][plain]
            np.add.at(counts, (lone[tuple(cells[plain].T)], held[:, 2]), held[:, 4])
            if not plain.all():
                _add_mixed(case, scene, window, numbers, mixed, counts)
    return counts[:-1], int(counts[-1].sum())


def _windows(item: Scan) -> Iterator[tuple[Window, np.ndarray]]:
    """Windows of 16 x 16 cells that hold labels, and the rows of the counts in each."""
    if not len(item.counts):
        return
    corners, place = np.unique(item.counts[:, :2] // _CELLS, axis=0, return_inverse=True)
    side = _CELLS * CELL
    for number, (row, col) in enumerate(corners.tolist()):
        yield Window(row * side, col * side, side, side), np.nonzero(place.ravel() == number)[0]


def _regions_of_cells(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Region of the first pixel of each cell of a window, and whether the cell holds others."""
    cells = numbers.reshape(_CELLS, CELL, _CELLS, CELL).swapaxes(1, 2).reshape(_CELLS, _CELLS, -1)
    return cells[..., 0], (cells != cells[..., :1]).any(axis=-1)


def _add_mixed(
    case: SplitCase,
    scene: Scene,
    window: Window,
    numbers: np.ndarray,
    mixed: np.ndarray,
    counts: np.ndarray,
) -> None:
    target = case.labels.burn(window_geobox(scene.geobox, window), scene.name)
    rows, cols = (np.arange(CELL * _CELLS) < n for n in _inside(scene, window))
    inside = rows[:, None] & cols[None, :]
    chosen = np.kron(mixed, np.ones((CELL, CELL), dtype=bool)) & target.labelled & inside
    np.add.at(counts, (numbers[chosen], target.index[chosen]), 1)


def _inside(scene: Scene, window: Window) -> tuple[int, int]:
    height, width = (int(n) for n in scene.geobox.shape)
    return height - window.row_off, width - window.col_off
