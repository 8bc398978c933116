"""Ground held out by regions of another file: each polygon, or each value of a column, whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from covermap.chips.ground import ANY_PART, NO_PART, Ground, part_at_home
from covermap.chips.parts import Split, SplitCase, buffer_px
from covermap.chips.regions import OUTSIDE, Regions
from covermap.chips.settings import SplitSettings
from covermap.chips.split_groups import split_of_groups
from covermap.chips.zones import ZoneCounts
from covermap.core.errors import LabelError, SplitError, nearest
from covermap.labels.areas import repaired
from covermap.labels.columns import as_text
from covermap.labels.vector_file import parts_of, read_only_layer


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
    counts, home, outside = counts_by_region(case, regions)
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
            part_of_source=part_at_home(home, codes),
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
    return [] if settings.regions is None else parts_of(base / settings.regions)


def read_regions(settings: SplitSettings, base: Path) -> tuple[Regions, str]:
    """The regions that the project names, of no part yet, and what to call them.

    Raises
    ------
    SplitError
        No such file or column, or no polygons with a CRS in it.
    LabelError
        Several layers.
    """
    path = base / str(settings.regions)
    if not path.exists():
        raise SplitError(f"{path}: no such file; check split: regions: in the project")
    try:
        table = read_only_layer(path, "split: regions", "regions_alone.gpkg")
    except LabelError:
        raise
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
    shapes = repaired(table.geometry.to_numpy())
    return Regions(shapes, table.crs.to_wkt(), numbers.astype(np.int32), nowhere), unit


def counts_by_region(case: SplitCase, regions: Regions) -> tuple[np.ndarray, np.ndarray, int]:
    """What each region holds, the region of each polygon, and what lies outside of all.

    Returns
    -------
    counts : ndarray of int64, shape (R, K)
        Usable labelled pixels by region and class.
    home : ndarray of int64, shape (sources + 1,)
        The only region in which a polygon counts; -2 where it is cut at borders, -1 for none.
    outside : int
        Pixels that lie in no region.
    """
    names = len(case.labels.legend)
    found = ZoneCounts.of(case, lambda geobox, _: regions.numbers(geobox))
    home = np.full(case.labels.sources + 1, ANY_PART, dtype=np.int64)
    if case.regions:
        home = found.home(case.labels.sources, outside=OUTSIDE)
    held = np.zeros((len(regions.part_of) + 1, names), dtype=np.int64)
    held[found.zones] = found.counting(home, names)
    outside = found.by_class(names)[found.zones == OUTSIDE].sum()
    regions_of = np.append(found.zones, OUTSIDE)[np.maximum(home, 0)]
    return held[:-1], np.where(home < 0, home, regions_of), int(outside)
