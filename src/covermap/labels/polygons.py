"""Polygons with a class each: read, checked, burnt onto a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError, nearest
from covermap.core.legend import Legend
from covermap.labels.columns import as_text, choose_class_column, is_integer_like
from covermap.labels.settings import LabelSettings
from covermap.labels.target import Target

if TYPE_CHECKING:
    import geopandas as gpd

BACKGROUND = "background"


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
    """

    table: gpd.GeoDataFrame
    legend: Legend
    complete: bool
    path: Path
    notes: tuple[str, ...]
    _by_crs: dict[str, gpd.GeoDataFrame] = field(default_factory=dict, repr=False, compare=False)

    def in_crs(self, crs: Any) -> gpd.GeoDataFrame:
        """The table in another CRS; kept for the next call."""
        key = str(crs)
        if key not in self._by_crs:
            self._by_crs[key] = self.table.to_crs(key)
        return self._by_crs[key]

    def burn(self, geobox: GeoBox) -> Target:
        """What the polygons say of each pixel of a grid.

        A pixel belongs to a polygon that holds its centre; where several do, the later row wins, as
        GDAL burns it.

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
            )
        return self._target(source)

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
        """The table in the grid's CRS, and its rows that may meet the grid, in order."""
        if geobox.crs is None:
            raise LabelError(
                f"{self.path}: polygons cannot be laid over an image without a CRS; give it one "
                "(gdal_edit.py -a_srs EPSG:CODE image.tif)"
            )
        table = self.in_crs(geobox.crs)
        return table, np.sort(table.sindex.query(geobox.extent.geom, predicate="intersects"))

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
    path = base / settings.path
    table = _read_layer(path, settings.layer)
    notes: list[str] = []
    table = _only_polygons(table, path, notes)
    attribute = _attribute(table, settings, path, notes)
    values = as_text(table[attribute])
    _count_unlabelled(values, attribute, notes)
    integers = is_integer_like(table[attribute])
    legend, index_of = _legend(values, integers, settings, path, attribute)
    table = table[["geometry"]].reset_index(drop=True)
    table["index"] = np.asarray(
        [index_of.get(value, -1) if value else -1 for value in values], dtype=np.int16
    )
    return Polygons(table, legend, settings.complete, path, tuple(notes))


def _read_layer(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    import pyogrio

    if not path.exists():
        raise LabelError(f"{path}: no such file; check labels: path in the project")
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        if layer is not None and layer not in layers:
            raise LabelError(f"{path}: no layer '{layer}'; {nearest(layer, layers)}")
        if layer is None and len(layers) > 1:
            raise LabelError(
                f"{path}: holds {len(layers)} layers ({', '.join(layers)}); name one: "
                "labels: {layer: ...}"
            )
        table = pyogrio.read_dataframe(path, layer=layer)
    except LabelError:
        raise
    except Exception as error:
        raise LabelError(f"{path}: cannot be read as vector data ({error})") from None
    if "geometry" not in table.columns:
        raise LabelError(f"{path}: has no geometry; polygons were expected")
    return table


def _only_polygons(table: gpd.GeoDataFrame, path: Path, notes: list[str]) -> gpd.GeoDataFrame:
    import shapely

    if not len(table):
        raise LabelError(f"{path}: holds no polygon at all; draw some and save the layer")
    geometry = table.geometry
    missing = geometry.isna() | geometry.is_empty
    kinds = geometry[~missing].geom_type
    if not kinds.isin(["Polygon", "MultiPolygon", "GeometryCollection"]).any():
        found = ", ".join(sorted(kinds.unique())) or "empty geometries"
        raise LabelError(
            f"{path}: holds no polygon at all (found: {found}); draw areas, not {found}"
        )
    if table.crs is None:
        raise LabelError(
            f"{path}: has no CRS (coordinate reference system), so its polygons cannot be placed; "
            "assign the right one (ogr2ogr -a_srs EPSG:CODE out.gpkg in) and use that file"
        )
    if missing.any():
        notes.append(f"{int(missing.sum())} rows without geometry passed over")
    table = table[~missing].copy()
    invalid = ~table.geometry.is_valid
    if invalid.any():
        notes.append(f"{int(invalid.sum())} self-crossing polygons repaired")
        # A spike that is left as a line would be burnt as one: only areas hold pixels.
        table.loc[invalid, "geometry"] = shapely.make_valid(
            table.geometry[invalid].to_numpy(), method="structure", keep_collapsed=False
        )
    areas = shapely.area(table.geometry.to_numpy()) > 0
    if not areas.any():
        raise LabelError(f"{path}: holds no polygon with an area; draw areas")
    if not areas.all():
        notes.append(f"{int((~areas).sum())} rows without an area passed over")
    return table[areas]


def _attribute(
    table: gpd.GeoDataFrame, settings: LabelSettings, path: Path, notes: list[str]
) -> str:
    columns = [str(name) for name in table.columns if name != "geometry"]
    if settings.attribute is not None:
        if settings.attribute not in columns:
            raise LabelError(
                f"{path}: no column '{settings.attribute}'; {nearest(settings.attribute, columns)}"
            )
        return settings.attribute
    choice = choose_class_column(table.drop(columns="geometry"))
    if choice.column is None:
        raise LabelError(
            f"{path}: no column looks like classes (columns: {', '.join(columns) or 'none'}); name "
            "it: labels: {attribute: ...}"
        )
    others = f"; passed over: {', '.join(choice.passed_over)}" if choice.passed_over else ""
    notes.append(f"classes taken from column '{choice.column}'{others}")
    return choice.column


def _count_unlabelled(values: Any, attribute: str, notes: list[str]) -> None:
    unlabelled = int(values.isna().sum())
    if unlabelled:
        verb = "polygon has" if unlabelled == 1 else "polygons have"
        notes.append(f"{unlabelled} {verb} no class in '{attribute}': taken as unlabelled ground")


def _legend(
    values: Any, integers: bool, settings: LabelSettings, path: Path, attribute: str
) -> tuple[Legend, dict[str, int]]:
    """The legend, and the position in it of each value of the column."""
    present = sorted({str(value) for value in values if value})
    for name in settings.ignore:
        if name not in present:
            raise LabelError(
                f"{path}: labels: ignore names '{name}', which column '{attribute}' does not hold; "
                f"{nearest(name, present)}"
            )
    used = [value for value in present if value not in settings.ignore]
    if not used:
        raise LabelError(f"{path}: column '{attribute}' holds no class that is not ignored")
    id_of = _ids(used, integers, settings, path, attribute)
    names_by_id: dict[int, str] = {}
    for value in settings.classes or used:
        if value in id_of:
            names_by_id.setdefault(id_of[value], value)
    if settings.complete and BACKGROUND not in names_by_id.values():
        free = next(number for number in range(65535) if number not in names_by_id)
        names_by_id[free] = BACKGROUND
    legend = Legend.of(names_by_id)
    return legend, {value: legend.ids.index(number) for value, number in id_of.items()}


def _ids(
    used: list[str], integers: bool, settings: LabelSettings, path: Path, attribute: str
) -> dict[str, int]:
    if settings.classes is not None:
        strangers = [value for value in used if value not in settings.classes]
        if strangers:
            raise LabelError(
                f"{path}: column '{attribute}' holds '{strangers[0]}', which labels: classes does "
                f"not name; {nearest(strangers[0], settings.classes)} Add it there, or to "
                "labels: ignore"
            )
        return {value: settings.classes[value] for value in used}
    if integers:
        numbers = {value: int(value) for value in used}
        outside = [value for value, number in numbers.items() if not 0 <= number <= 65534]
        if outside:
            raise LabelError(
                f"{path}: column '{attribute}' holds {outside[0]}; class ids must lie in 0..65534. "
                f"Give it another id: labels: {{classes: {{{outside[0]}: 1}}}}"
            )
        return numbers
    return {value: place for place, value in enumerate(used, start=1)}
