"""Points counted in the cells of a grid, and counts as a density from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError, counted
from covermap.core.legend import Legend
from covermap.imagery.headers import GIVE_A_CRS
from covermap.imagery.raster import Scene
from covermap.labels.areas import check_places
from covermap.labels.kind_settings import CapSettings, DensitySettings, Method
from covermap.labels.placed import goes_beyond, placed_on
from covermap.labels.protocol import NothingDrawn
from covermap.labels.target import Target

if TYPE_CHECKING:
    import geopandas as gpd

NONE = "none"


@dataclass(frozen=True)
class Counts:
    """How many points lie in each cell of a grid.

    Attributes
    ----------
    number : ndarray of int32, shape (H, W)
        Points; 0 where nothing is known.
    labelled : ndarray of bool, shape (H, W)
        Where the absence of points means that there are none.
    """

    number: np.ndarray
    labelled: np.ndarray


@dataclass(frozen=True)
class CountHistogram:
    """How many cells hold each number of points: adds up, and is all that a cap is made from.

    Attributes
    ----------
    cells : dict of int to int
        Cells by their number of points, 0 included.
    """

    cells: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Counts, counted: np.ndarray | None = None) -> CountHistogram:
        """The histogram of the labelled cells of a window.

        Parameters
        ----------
        counts : Counts
        counted : ndarray of bool, shape (H, W), optional
            Which cells may teach: usable ones on training ground; all by default.
        """
        chosen = counts.labelled if counted is None else counts.labelled & counted
        numbers, cells = np.unique(counts.number[chosen], return_counts=True)
        return cls(dict(zip(numbers.tolist(), cells.tolist(), strict=True)))

    def __add__(self, other: CountHistogram) -> CountHistogram:
        both = sorted({*self.cells, *other.cells})
        return CountHistogram({n: self.cells.get(n, 0) + other.cells.get(n, 0) for n in both})

    @property
    def total(self) -> int:
        """How many cells were counted."""
        return sum(self.cells.values())

    def percentile(self, percentile: float, over: str = "all", method: Method = "linear") -> float:
        """A percentile of the cells' numbers, as `numpy.percentile` has it; 0 without any cell.

        Parameters
        ----------
        percentile : float
            0..100.
        over : {"all", "nonzero"}
            Whether empty cells take part.
        method : {"linear", "lower", "higher"}
        """
        numbers = np.array(sorted(n for n in self.cells if n or over == "all"), dtype=np.int64)
        if not len(numbers):
            return 0.0
        ends = np.cumsum([self.cells[int(n)] for n in numbers])
        place = (int(ends[-1]) - 1) * percentile / 100
        lower, higher = (
            float(numbers[np.searchsorted(ends, int(rank), side="right")])
            for rank in (np.floor(place), np.ceil(place))
        )
        if method != "linear":
            return lower if method == "lower" else higher
        return lower + (place - np.floor(place)) * (higher - lower)


@dataclass(frozen=True)
class Cap:
    """The number of points that a density of 1 stands for; 0 where training ground has none."""

    points: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.points) and self.points >= 0):
            raise ValueError(f"a cap is a number of points, 0 or more, not {self.points}")

    @classmethod
    def fitted(cls, training: CountHistogram, settings: float | CapSettings) -> Cap:
        """The cap that the project asks for.

        Parameters
        ----------
        training : CountHistogram
            Of cells on training ground only: validation and test ground must not teach.
        settings : float or CapSettings
            A fixed number of points, or a percentile of the training cells.
        """
        if not isinstance(settings, CapSettings):
            return cls(float(settings))
        return cls(training.percentile(settings.percentile, settings.over, settings.method))


def scaled(number: np.ndarray, cap: Cap) -> np.ndarray:
    """Numbers of points as densities: float32, 0..1, 1 from the cap on; all 0 for a cap of 0."""
    if cap.points == 0:
        return np.zeros(np.shape(number), dtype=np.float32)
    return np.minimum(np.asarray(number) / cap.points, 1.0).astype(np.float32)


@dataclass(frozen=True)
class Density(NothingDrawn):
    """Points and the ground on which their absence counts.

    As labels of pixels it is the discrete variant: classes by the number of points in a cell.

    Attributes
    ----------
    points : GeoDataFrame
        One row a point, in the CRS of its file.
    legend : Legend
        The classes of the discrete variant: `none`, then one for each level.
    levels : tuple of int
        Least number of points of each class after the first.
    path : Path
    files : tuple of Path
    areas : GeoDataFrame, optional
        Outside of these polygons nothing is known.
    notes : tuple of str
    """

    points: gpd.GeoDataFrame
    legend: Legend
    levels: tuple[int, ...]
    path: Path
    files: tuple[Path, ...]
    areas: gpd.GeoDataFrame | None = None
    notes: tuple[str, ...] = ()
    _xy: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _areas: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def dense(self) -> bool:
        return self.areas is None

    def counts(self, geobox: GeoBox) -> Counts:
        """The points in each cell of a grid.

        A cell holds its left and upper edge (those towards the grid's first column and row) but not
        its right and lower one, so that each point is in one cell.

        Raises
        ------
        LabelError
            The grid has no CRS.
        """
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        col, row = _pixel_places(self._in_crs(geobox), geobox)
        inside = (row >= 0) & (row < shape[0]) & (col >= 0) & (col < shape[1])
        cells = row[inside].astype(np.int64) * shape[1] + col[inside].astype(np.int64)
        number = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        labelled = self._known(geobox)
        return Counts(np.where(labelled, number, 0).astype(np.int32), labelled)

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """The class of each cell by its number of points."""
        counts = self.counts(geobox)
        index = np.searchsorted(np.array(self.levels), counts.number, side="right")
        return Target(
            np.where(counts.labelled, index, 0).astype(np.int16),
            counts.labelled,
            np.full(counts.number.shape, -1, dtype=np.int32),
        )

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether the number of points may be known somewhere on a grid."""
        if self.areas is None:
            return True
        near = self._areas_in(geobox).sindex.query(geobox.extent.geom, predicate="intersects")
        return bool(len(near))

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """How many points lie on the scenes.

        Raises
        ------
        LabelError
            None does, or none on the areas, so that every density would be 0.
        """
        hit = np.zeros(len(self.points), dtype=bool)
        known = False
        for scene in scenes:
            col, row = _pixel_places(self._in_crs(scene.geobox), scene.geobox)
            height, width = scene.geobox.shape
            hit |= (row >= 0) & (row < height) & (col >= 0) & (col < width)
            known = known or self.touches(scene.geobox)
        if not hit.any():
            raise LabelError(self._far_from(scenes[0]))
        if not known:
            raise LabelError(
                f"{self.files[-1]}: no polygon of labels: areas lies on the imagery; check the "
                "CRS and extent of both"
            )
        if self.areas is not None:
            on_areas = _within(self.points, self.areas)
            if not (hit & on_areas).any():
                raise LabelError(
                    f"{self.path}: {int(hit.sum()):,} points lie on the imagery but none inside "
                    "labels: areas, so every density would be 0; check both files"
                )
            hit &= on_areas
        outside = len(hit) - int(hit.sum())
        where = "all scenes" if self.areas is None else "all scenes or areas"
        told = (f"{counted(int(hit.sum()), 'point')} counted",)
        return (*told, f"{counted(outside, 'point')} outside {where}") if outside else told

    def _known(self, geobox: GeoBox) -> np.ndarray:
        """Bool (H, W): cells whose centre lies in an area."""
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        if self.areas is None:
            return np.ones(shape, dtype=bool)
        from rasterio.features import rasterize

        table = self._areas_in(geobox)
        near = table.sindex.query(geobox.extent.geom, predicate="intersects")
        known = np.zeros(shape, dtype=np.uint8)
        if len(near):
            rasterize(table.geometry.to_numpy()[near], out=known, transform=geobox.affine)
        return known > 0

    def _in_crs(self, geobox: GeoBox) -> np.ndarray:
        """Coordinates of the points in the grid's CRS, float64 (N, 2); kept for the next call."""
        key = self._key(geobox)
        if key not in self._xy:
            moved = self.points.geometry.to_crs(key)
            self._xy[key] = np.column_stack([moved.x.to_numpy(), moved.y.to_numpy()])
        if goes_beyond(geobox):
            return _turned(self._xy[key], geobox)
        return self._xy[key]

    def _areas_in(self, geobox: GeoBox) -> Any:
        key = f"{self._key(geobox)}{' beyond 180' if goes_beyond(geobox) else ''}"
        if key not in self._areas:
            assert self.areas is not None
            self._areas[key] = placed_on(self.areas, geobox)
        return self._areas[key]

    def _key(self, geobox: GeoBox) -> str:
        if geobox.crs is None:
            raise LabelError(
                f"{self.path}: points cannot be laid over an image without a CRS; {GIVE_A_CRS}"
            )
        return str(geobox.crs)

    def _far_from(self, scene: Scene) -> str:
        here = scene.geobox.extent.to_crs("EPSG:4326").boundingbox
        there = self.points.geometry.to_crs("EPSG:4326").total_bounds
        return (
            f"{self.path}: no point lies on the imagery. Image {scene.name}: longitude "
            f"{here.left:.4f} to {here.right:.4f}, latitude {here.bottom:.4f} to {here.top:.4f}; "
            f"points: {there[0]:.4f} to {there[2]:.4f}, {there[1]:.4f} to {there[3]:.4f}. "
            f"{check_places(here, there)}"
        )


def read_density(settings: DensitySettings, base: Path) -> Density:
    """Read points, and areas where the project names them.

    Raises
    ------
    LabelError
        A file, layer or column does not exist; there is no point, none of the wanted dates, or no
        CRS.
    """
    from covermap.labels.point_files import read_areas, read_points

    path = base / settings.points
    notes: list[str] = []
    points = read_points(path, settings, notes)
    areas, files = None, [path]
    if settings.areas is not None:
        areas = read_areas(base / settings.areas, settings.areas_layer)
        files.append(base / settings.areas)
    legend, levels = legend_of_levels(settings.levels), tuple(settings.levels)
    return Density(points, legend, levels, path, tuple(files), areas, tuple(notes))


def legend_of_levels(levels: Sequence[int]) -> Legend:
    """Classes by number of points: 0 is `none`, then `1 to 9`, `10 and more` for levels 1, 10."""
    names = {0: NONE if levels[0] == 1 else f"fewer than {levels[0]}"}
    for place, least in enumerate(levels, start=1):
        if place == len(levels):
            names[place] = f"{least} and more"
        elif levels[place] == least + 1:
            names[place] = str(least)
        else:
            names[place] = f"{least} to {levels[place] - 1}"
    return Legend.of(names)


def _pixel_places(xy: np.ndarray, geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of the cell of each point, whole numbers as float64."""
    inverse = ~geobox.affine
    col = inverse.a * xy[:, 0] + inverse.b * xy[:, 1] + inverse.c
    row = inverse.d * xy[:, 0] + inverse.e * xy[:, 1] + inverse.f
    return _floored(col), _floored(row)


def _turned(xy: np.ndarray, geobox: GeoBox) -> np.ndarray:
    """Points in degrees on the turn round the Earth that is nearest to a grid's middle."""
    middle = (geobox.boundingbox.left + geobox.boundingbox.right) / 2
    turns = np.rint((middle - xy[:, 0]) / 360)
    return np.column_stack([xy[:, 0] + 360 * turns, xy[:, 1]])


def _floored(places: np.ndarray) -> np.ndarray:
    # A point on a border comes out a rounding error to either side of it, and differently from
    # each window: within a millionth of a cell it is on the border.
    nearest = np.round(places)
    return np.where(np.abs(places - nearest) < 1e-6, nearest, np.floor(places))


def _within(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> np.ndarray:
    """Bool (N,): points inside any area."""
    inside = np.zeros(len(points), dtype=bool)
    shapes = points.geometry.to_crs(areas.crs)
    found = areas.sindex.query(shapes.to_numpy(), predicate="intersects")[0]
    inside[found] = True
    return inside
