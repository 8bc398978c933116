"""Polygons (or points with a radius) with a class each: read, checked, burnt onto a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError, counted, nearest
from covermap.core.legend import Legend
from covermap.imagery.headers import GIVE_A_CRS
from covermap.imagery.raster import Scene
from covermap.labels.areas import check_places, edges_of, without_edges
from covermap.labels.classes import (
    BACKGROUND,
    legend_of_coding,
    legend_of_column,
    strength_of_rows,
)
from covermap.labels.coding import coding_of, legend_path, legend_settings
from covermap.labels.columns import are_ids, as_text, choose_class_column, is_integer_like
from covermap.labels.overlaps import told_of_overlaps
from covermap.labels.placed import goes_beyond, moved_to, placed_on
from covermap.labels.polygon_file import drawing_path, only_areas, read_layer
from covermap.labels.settings import LabelSettings, LegendSettings
from covermap.labels.slips import classes_not_held, names_alike, names_mistyped
from covermap.labels.target import Target

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

# So few rows may well be one of each class.
_FEW_ROWS = 5


def _no_columns() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame()


@dataclass(frozen=True)
class Polygons:
    """Polygons and the legend of their classes.

    Attributes
    ----------
    table : GeoDataFrame
        Column `index` is the position of the class in the legend, -1 for ground that was drawn but
        is ignored or has no class; the frame's row numbers are the `source` of a burnt pixel.
    legend : Legend
        All classes, `background` included when the drawing is complete.
    complete : bool
        Whether ground that nobody drew is background.
    path : Path
        Where the polygons come from.
    notes : tuple of str
        What was passed over, repaired or chosen.
    faults : tuple of str
        Those of the notes that tell what may be wrong in the file or the project.
    files : tuple of Path
        All files that the labels depend on.
    strength : ndarray of int32, shape (N,)
        Where polygons overlap, the strongest wins; of equally strong ones the later row.
    all_touched : bool
        Whether a polygon takes every pixel that it touches, not only those whose centre it holds.
    attributes : DataFrame
        All columns of the file, row by row as `table`; a split may group polygons by one of them.
    attribute : str
        The column that holds the classes.
    passed_over : tuple of str
        The other columns and what spoke against them, where the column was not given.
    rows : ndarray of int, shape (N,)
        Row of the file, from 0, of each row of the table: rows without an area are passed over.
    unit : str
        What a row is in words: `polygon`, or `point` where it is a disc of one.
    """

    table: gpd.GeoDataFrame
    legend: Legend
    complete: bool
    path: Path
    notes: tuple[str, ...]
    files: tuple[Path, ...] = ()
    strength: np.ndarray | None = None
    all_touched: bool = False
    attributes: pd.DataFrame = field(default_factory=_no_columns, repr=False)
    attribute: str = ""
    passed_over: tuple[str, ...] = ()
    rows: np.ndarray = field(default_factory=lambda: np.arange(0), repr=False)
    faults: tuple[str, ...] = ()
    unit: str = "polygon"
    _by_crs: dict[str, gpd.GeoDataFrame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def sources(self) -> int:
        return len(self.table)

    @property
    def drawn(self) -> tuple[int, ...]:
        counts = self.table["index"].value_counts()
        return tuple(int(counts.get(place, 0)) for place in range(len(self.legend)))

    @property
    def dense(self) -> bool:
        return self.complete

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a person should look at before anything is trained."""
        found = (*self.faults, *([] if self.overlaps is None else [self.overlaps]))
        if self.sources <= _FEW_ROWS or max(self.drawn, default=0) > 1:
            return found
        return (
            *found,
            f"each of the {self.sources} rows is a class of its own by column '{self.attribute}'; "
            "which column holds the classes? (labels: {attribute: ...})",
        )

    @cached_property
    def overlaps(self) -> str | None:
        """Polygons of different classes on the same ground, in words; None where there are none."""
        return told_of_overlaps(self.table, self.legend, self.strength, self.unit)

    def in_crs(self, crs: Any) -> gpd.GeoDataFrame:
        """The table in another CRS; kept for the next call."""
        key = str(crs)
        if key not in self._by_crs:
            self._by_crs[key] = moved_to(self.table, key)
        return self._by_crs[key]

    def on(self, geobox: GeoBox) -> gpd.GeoDataFrame:
        """The table where it lies on a grid with a CRS; kept for the next call."""
        key = f"{geobox.crs}{' beyond 180' if goes_beyond(geobox) else ''} on grids"
        if key not in self._by_crs:
            self._by_crs[key] = placed_on(self.table, geobox)
        return self._by_crs[key]

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """What the polygons say of each pixel of a grid, whatever scene it belongs to.

        A pixel belongs to a polygon that holds its centre, with `all_touched` to one that touches
        it; where several do, the strongest wins, of equally strong ones the later row.

        Raises
        ------
        LabelError
            The grid has no CRS, so that polygons cannot be laid over it.
        """
        from rasterio.features import rasterize

        table, near = self._near(geobox)
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        source = np.full(shape, -1, dtype=np.int32)
        if len(near):
            shapes = table.geometry.to_numpy()[near]
            rasterize(
                ((shape_, int(row)) for shape_, row in zip(shapes, near, strict=True)),
                out=source,
                transform=geobox.affine,
                all_touched=self.all_touched,
            )
        return self._target(source)

    def merged(self, legend: Legend, places: Sequence[int]) -> Polygons:
        """The same polygons with merged classes: class k becomes class `places[k]` of `legend`."""
        table = self.table.copy()
        index = table["index"].to_numpy()
        moved = np.asarray(places, dtype=np.int16)[np.maximum(index, 0)]
        table["index"] = np.where(index >= 0, moved, np.int16(-1)).astype(np.int16)
        return replace(self, table=table, legend=legend, _by_crs={})

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether some polygon, or background, may lie on a grid."""
        if self.complete or geobox.crs is None:
            return True
        return bool(len(self._near(geobox)[1]))

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """How many polygons lie elsewhere or under others; stop when none lies on any scene.

        Raises
        ------
        LabelError
            No polygon meets a scene.
        """
        hits = self.meeting(scenes)
        if not hits:
            raise LabelError(self._far_from(scenes[0]))
        outside = len(self.table) - len(hits)
        total = counted(len(self.table), self.unit)
        verb = "lies" if outside == 1 else "lie"
        notes = [f"{outside:,} of {total} {verb} outside all scenes"] if outside else []
        return (*notes, *([] if self.overlaps is None else [self.overlaps]))

    def meeting(self, scenes: Sequence[Scene]) -> set[int]:
        """Rows of the table that meet the frame of some scene."""
        return {row for scene in scenes for row in self._near(scene.geobox)[1].tolist()}

    def _far_from(self, scene: Scene) -> str:
        here = scene.geobox.extent.to_crs("EPSG:4326").boundingbox
        there = self.in_crs("EPSG:4326").total_bounds
        return (
            f"{self.path}: no {self.unit} lies on the imagery. Image {scene.name}: longitude "
            f"{here.left:.4f} to {here.right:.4f}, latitude {here.bottom:.4f} to {here.top:.4f}; "
            f"{self.unit}s: {there[0]:.4f} to {there[2]:.4f}, {there[1]:.4f} to {there[3]:.4f}. "
            f"{check_places(here, there)}"
        )

    def touched(self, geobox: GeoBox, chosen: np.ndarray) -> np.ndarray:
        """Pixels of a grid that any of the `chosen` rows of the table touches; bool (H, W)."""
        from rasterio.features import rasterize

        table, near = self._near(geobox)
        shapes = table.geometry.to_numpy()[near[chosen[near]]]
        touched = np.zeros(tuple(int(n) for n in geobox.shape), dtype=np.uint8)
        if len(shapes):
            rasterize(shapes, out=touched, transform=geobox.affine, all_touched=True)
        return touched > 0

    def classes_of(self, source: np.ndarray) -> np.ndarray:
        """Position of the class in the legend for each `source`; -1 for none or ignored."""
        lookup = np.append(self.table["index"].to_numpy(dtype=np.int16), np.int16(-1))
        return lookup[source]

    def _near(self, geobox: GeoBox) -> tuple[gpd.GeoDataFrame, np.ndarray]:
        """The table in the grid's CRS, and its rows that may meet the grid, weakest first."""
        if geobox.crs is None:
            raise LabelError(
                f"{self.path}: polygons cannot be laid over an image without a CRS; {GIVE_A_CRS}"
            )
        table = self.on(geobox)
        near = np.sort(table.sindex.query(geobox.extent.geom, predicate="intersects"))
        if self.strength is not None:
            near = near[np.argsort(self.strength[near], kind="stable")]
        return table, near

    def _target(self, source: np.ndarray) -> Target:
        index = self.classes_of(source)
        labelled = index >= 0
        if self.complete:
            nobody = source < 0
            index = np.where(nobody, self.legend.index(BACKGROUND), index).astype(np.int16)
            labelled = labelled | nobody
        return Target(np.where(labelled, index, 0).astype(np.int16), labelled, source)


def read_polygons(settings: LabelSettings, base: Path) -> Polygons:
    """Read the labels of a project.

    Parameters
    ----------
    settings : LabelSettings
        What the project says of its labels.
    base : Path
        Folder that relative paths start from.

    Raises
    ------
    LabelError
        The file, layer or column does not exist, there is no polygon, no CRS, or a class that the
        project does not name.
    """
    path = drawing_path(settings, base)
    _require_no_mask_keys(settings, path)
    table = read_layer(path, settings.layer)
    notes: list[str] = []
    faults: list[str] = []
    unit = "polygon" if settings.radius_m is None else "point"
    table = only_areas(table, path, settings.radius_m, notes, faults)
    attribute, passed_over = _attribute(table, settings, path, notes)
    values = as_text(table[attribute])
    _count_unlabelled(values, attribute, unit, faults)
    integers = is_integer_like(table[attribute]) or are_ids(values.dropna())
    legend_file = legend_path(settings.base_legend, base)
    if settings.base_legend is not None:
        coding = coding_of(legend_settings(settings.base_legend, base))
        legend, index_of = legend_of_coding(values, coding, settings, path, attribute)
        if isinstance(settings.base_legend, LegendSettings):
            # A shipped legend, or one in a file, is that of many drawings.
            missing = [name for name in coding.legend.names if name not in legend.names]
            why = f"column '{attribute}' does not hold it"
            faults += classes_not_held(missing, values.dropna(), why, "legend")
    else:
        legend, index_of = legend_of_column(values, integers, settings, path, attribute)
        faults += _slips(values.dropna(), legend, settings, attribute, unit)
    strength = strength_of_rows(values, settings.priority, path, attribute)
    rows = table.index.to_numpy()
    attributes = table.drop(columns="geometry").reset_index(drop=True)
    table = table[["geometry"]].reset_index(drop=True)
    table["index"] = np.asarray(
        [index_of.get(value, -1) if value else -1 for value in values], dtype=np.int16
    )
    if settings.inner_buffer_m > 0:
        table, strength = _without_edges(table, strength, settings, path, notes)
        # The edges of a complete drawing are rows of their own, after and like those they are of.
        same = np.arange(len(table)) % len(rows)
        rows, attributes = rows[same], attributes.iloc[same].reset_index(drop=True)
    files = (path, *([legend_file] if legend_file else []))
    return Polygons(
        table,
        legend,
        settings.complete,
        path,
        (*notes, *faults),
        files,
        strength if strength.any() else None,
        settings.all_touched,
        attributes,
        attribute,
        passed_over,
        rows,
        tuple(faults),
        unit,
    )


def _slips(
    values: pd.Series, legend: Legend, settings: LabelSettings, attribute: str, unit: str
) -> list[str]:
    """What looks mistyped in the column of classes, or in the project's list of them."""
    alike = names_alike(legend.names)
    if settings.classes is not None:
        held = {*values, BACKGROUND} if settings.complete else {*values}
        missing = [name for name in settings.classes if name not in held]
        why = f"column '{attribute}' does not hold it"
        return alike + classes_not_held(missing, values, why)
    rows = values.value_counts()
    return alike + names_mistyped({name: int(rows.get(name, 0)) for name in legend.names}, unit)


def _require_no_mask_keys(settings: LabelSettings, path: Path) -> None:
    given = settings.model_fields_set & {"values", "band", "tokens", "tolerance", "strict"}
    if given:
        raise LabelError(
            f"labels: '{sorted(given)[0]}' is for masks, but {path} holds polygons; leave it out"
        )


def _without_edges(
    table: gpd.GeoDataFrame,
    strength: np.ndarray,
    settings: LabelSettings,
    path: Path,
    notes: list[str],
) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    """Polygons without their edges; where the drawing is complete the edges are no background."""
    import pandas as pd

    width = settings.inner_buffer_m
    shapes = table.geometry
    inner, vanished = without_edges(shapes, width)
    if vanished.all():
        raise LabelError(
            f"{path}: every polygon is narrower than twice inner_buffer_m ({width:g} m); use a "
            "smaller one"
        )
    notes.append(f"ground nearer than {width:g} m to an edge of its polygon is unlabelled")
    if vanished.any():
        number = counted(int(vanished.sum()), "polygon")
        notes.append(f"{number} too narrow for that dropped")
    table = table.set_geometry(inner)
    if not settings.complete:
        return table, strength
    rims = table.assign(index=np.int16(-1)).set_geometry(edges_of(shapes, inner))
    weakest = np.full(len(rims), strength.min(initial=0) - 1, dtype=np.int32)
    both = pd.concat([table, rims], ignore_index=True)
    return both, np.concatenate([strength, weakest])


def _attribute(
    table: gpd.GeoDataFrame, settings: LabelSettings, path: Path, notes: list[str]
) -> tuple[str, tuple[str, ...]]:
    """The column of classes, and the columns passed over where it is chosen here."""
    columns = [str(name) for name in table.columns if name != "geometry"]
    if settings.attribute is not None:
        if settings.attribute not in columns:
            raise LabelError(
                f"{path}: no column '{settings.attribute}'; {nearest(settings.attribute, columns)}"
            )
        return settings.attribute, ()
    choice = choose_class_column(
        table.drop(columns="geometry"), fewest=1 if settings.complete else 2
    )
    if choice.column is None:
        raise LabelError(
            f"{path}: no column looks like classes (columns: {', '.join(columns) or 'none'}); name "
            "it: labels: {attribute: ...}"
        )
    others = f"; passed over: {', '.join(choice.passed_over)}" if choice.passed_over else ""
    notes.append(f"classes taken from column '{choice.column}'{others}")
    return choice.column, choice.passed_over


def _count_unlabelled(values: Any, attribute: str, unit: str, faults: list[str]) -> None:
    unlabelled = int(values.isna().sum())
    if unlabelled:
        verb = "has" if unlabelled == 1 else "have"
        faults.append(
            f"{counted(unlabelled, unit)} {verb} no class in '{attribute}': taken as unlabelled "
            "ground"
        )
