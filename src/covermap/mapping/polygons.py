"""Polygons of a finished class map, in a GeoPackage."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from covermap import __version__
from covermap.core.errors import OutputError, UnwritableError
from covermap.core.files import complete_file, fixed_date
from covermap.core.ground_area import GroundArea
from covermap.core.legend import Legend
from covermap.core.progress import progress, say
from covermap.mapping.outlines import Rings, Tracer
from covermap.mapping.reading import pictures_allowed
from covermap.mapping.regions import RegionStrip, end_of, region_strips
from covermap.mapping.runs import Strips, read_strips, scratch_folder
from covermap.mapping.sieve import limit_of, sieve
from covermap.mapping.style import write_polygon_style

LAYER = "polygons"
_SOFTWARE, _MADE_OF = "software", "made_of"
# Polygons are written when so many vertices are waiting.
_BATCH_VERTICES = 500_000


@dataclass(frozen=True)
class WrittenPolygons:
    """What `write_polygons` wrote.

    Attributes
    ----------
    count : int
        Polygons.
    merged : int
        Regions below the minimum mapping unit that were merged into a neighbour.
    small : int
        Polygons that stay below it, since there is nothing but nodata around them.
    """

    count: int
    merged: int
    small: int


def polygons_path(class_map: Path) -> Path:
    """Where the polygons of a class map lie."""
    return class_map.with_name(f"{class_map.stem}_polygons.gpkg")


def polygon_files(class_map: Path) -> tuple[Path, Path]:
    """The polygons of a class map, and their style for QGIS."""
    path = polygons_path(class_map)
    return path, path.with_suffix(".qml")


def write_polygons(
    class_map: Path,
    legend: Legend,
    min_area_m2: float | None = None,
    title: str = "map",
    strip_rows: int | None = None,
    made_of: str = "",
) -> WrittenPolygons:
    """Write the regions of a class map as polygons beside it, `<stem>_polygons.gpkg`.

    A polygon is a 4-connected region of one class, however many tiles it crosses, with its
    `class_id`, `class_name` and `area_m2` on the ground (`area_px` for pictures without a CRS).
    Nodata is no polygon. Vertices are corners of pixels, the same in all polygons that meet there,
    so that they tile the mapped ground without gaps or overlaps. They stand in order of their
    lowest, then of their first pixel. The file depends on the pixels of the map alone.

    Memory is that of a strip of two million pixels (about a hundred bytes for each of its runs of
    equal pixels), of the outlines that are not closed yet (8 bytes a vertex), and of one batch of
    polygons, or the largest one, while they are written (about 100 bytes a vertex). Holes of a
    region that goes on, as the islands in a sea, wait on the disk, and so do the tables of all
    strips. A region is never cut, so one that covers the whole scene takes memory for its outline
    and its holes once, in the end.

    Parameters
    ----------
    class_map : Path
        A finished class map.
    legend : Legend
        Its classes.
    min_area_m2 : float, optional
        Minimum mapping unit in square metres (pixels for pictures without a CRS): smaller regions
        are merged into their neighbours first, see `covermap.mapping.sieve.sieve`.
    title : str
        Shown by the progress bars.
    strip_rows : int, optional
        Rows that are worked on at once; the result does not depend on it.
    made_of : str
        Digest of all that they depend on, kept in the file; see `made_of_digest`.

    Raises
    ------
    OutputError
        No room on the disk.
    """
    out, style = polygon_files(class_map)
    with pictures_allowed(), rasterio.open(class_map) as dataset:
        geobox = GeoBox(dataset.shape, dataset.transform, dataset.crs and dataset.crs.to_wkt())
    ground = GroundArea(geobox)
    limit = limit_of(min_area_m2 or 0.0, ground)
    folder = class_map.with_name(f".{class_map.stem}.polygons.scratch")
    with _told_of(out), scratch_folder(folder):
        strips = read_strips(class_map, folder, strip_rows, f"{title}: reading the map")
        sieved = sieve(strips, geobox, ground, min_area_m2 or 0.0, title)
        write_polygon_style(style, legend)
        with complete_file(out) as scratch:
            # GDAL would take an empty file for a damaged one.
            scratch.unlink()
            file = _File(scratch, geobox, legend, ground, made_of)
            count = small = 0
            for batch in _batched(_polygons(strips, title)):
                count += len(batch)
                small += sum(polygon.area < limit for polygon in batch)
                file.append(batch)
            file.require_whole(count)
    merged = "" if min_area_m2 is None else _merged(sieved.merged, small, min_area_m2, geobox)
    say(f"{title}: {count:,} polygons{merged}")
    return WrittenPolygons(count, sieved.merged, small)


def is_own(path: Path) -> bool:
    """Whether a file is polygons as this program writes them."""
    return _metadata(path).get(_SOFTWARE, "").startswith("covermap")


def made_of_digest(path: Path) -> str:
    """Digest of all that a file of polygons was made of; empty where it is not known."""
    return _metadata(path).get(_MADE_OF, "")


def _metadata(path: Path) -> dict[str, str]:
    """What a file of polygons says of itself; empty of any other file."""
    import pyogrio

    try:
        return dict(pyogrio.read_info(path, layer=LAYER)["layer_metadata"] or {})
    except (ValueError, OSError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        return {}


def _merged(merged: int, small: int, min_area_m2: float, geobox: GeoBox) -> str:
    unit = "pixels" if geobox.crs is None else "m²"
    told = f"; {merged:,} regions below {min_area_m2:g} {unit} merged into their neighbours"
    if not small:
        return told
    return f"{told}, {small:,} stay: there is nothing but nodata around them"


@dataclass(frozen=True)
class _Polygon:
    """A complete polygon.

    Attributes
    ----------
    rings : list of ndarray of int32, shape (P, 2)
        Column and row of the vertices of its outline, then of its holes.
    code : int
        Class id.
    area : int
        In the units of `GroundArea`.
    """

    rings: list[np.ndarray]
    code: int
    area: int


def _polygons(strips: Strips, title: str) -> Iterator[_Polygon]:
    tracer, holes = Tracer(strips.width), _Holes(strips.file("holes.bin"))
    with progress(f"{title}: polygons", strips.height, "rows") as told:
        for strip in region_strips(strips):
            yield from _completed(tracer.rings(strip), strip, holes)
            told.advance(strips.height_of(strip.number))
        end = end_of(strip)
        yield from _completed(tracer.rings(end), end, holes)


def _completed(rings: Rings, strip: RegionStrip, holes: _Holes) -> Iterator[_Polygon]:
    """The polygons whose outline closes in a strip; all their holes closed before."""
    closing = rings.regions[rings.outer]
    is_closing = np.isin(rings.regions, closing)
    holes.keep(rings, np.flatnonzero(~is_closing))
    own = np.flatnonzero(is_closing)
    own = own[np.lexsort((~rings.outer[own], rings.regions[own]))]
    begins = np.searchsorted(rings.regions[own], closing)
    ends = np.searchsorted(rings.regions[own], closing, side="right")
    names, firsts = np.unique(strip.regions, return_index=True)
    place = firsts[np.searchsorted(names, closing)]
    codes, areas = strip.runs.codes[place].tolist(), strip.areas[place].tolist()
    for number in np.lexsort((closing, rings.lowest[rings.outer])):
        outline, *inner = map(rings.points_of, own[begins[number] : ends[number]])
        inner += holes.taken(int(closing[number]))
        inner.sort(key=lambda points: (points[0, 1], points[0, 0]))
        yield _Polygon([outline, *inner], codes[number], areas[number])


def _batched(polygons: Iterable[_Polygon]) -> Iterator[list[_Polygon]]:
    """The same polygons, some at once: the file does not depend on the strips they came from."""
    batch: list[_Polygon] = []
    vertices = 0
    for polygon in polygons:
        batch.append(polygon)
        vertices += sum(map(len, polygon.rings))
        if vertices >= _BATCH_VERTICES:
            yield batch
            batch, vertices = [], 0
    if batch:
        yield batch


class _Holes:
    """Holes of regions that are not complete yet, on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._end = 0

    def keep(self, rings: Rings, numbers: np.ndarray) -> None:
        """Put some of the rings away."""
        with self._path.open("ab") as file:
            for number in numbers:
                points, region = rings.points_of(number), int(rings.regions[number])
                file.write(points.tobytes())
                self._places.setdefault(region, []).append((self._end, len(points)))
                self._end += points.nbytes

    def taken(self, region: int) -> list[np.ndarray]:
        """The holes of a region that were put away."""
        places = self._places.pop(region, None)
        if places is None:
            return []
        rings = []
        with self._path.open("rb") as file:
            for offset, count in places:
                file.seek(offset)
                rings.append(np.fromfile(file, np.int32, 2 * count).reshape(-1, 2))
        return rings


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    from pyogrio.errors import DataSourceError, FeatureError

    try:
        yield
    except UnwritableError as error:
        raise OutputError(f"{error}; the class map is finished and stays") from None
    except (OSError, RasterioError, DataSourceError, FeatureError) as error:
        raise OutputError(
            f"{path}: cannot be written ({' '.join(str(error).split())}). Make room on the disk or "
            "choose another --out; the class map is finished and stays"
        ) from None


class _File:
    """A GeoPackage that grows batch by batch."""

    def __init__(
        self, path: Path, geobox: GeoBox, legend: Legend, ground: GroundArea, made_of: str
    ) -> None:
        self._path, self._geobox, self._legend, self._ground = path, geobox, legend, ground
        self._facts = {_SOFTWARE: f"covermap {__version__}"}
        if made_of:
            self._facts[_MADE_OF] = made_of

    def append(self, batch: list[_Polygon]) -> None:
        import shapely
        from pyogrio import raw

        has_crs = self._geobox.crs is not None
        area = np.array([polygon.area for polygon in batch]) * self._ground.unit
        names = dict(zip(self._legend.ids, self._legend.names, strict=True))
        is_new = not self._path.exists()
        metadata = {"layer_metadata": self._facts} if is_new else {}
        with fixed_date(), warnings.catch_warnings():
            # A picture has no CRS, and that is said.
            warnings.filterwarnings("ignore", "'crs' was not provided")
            raw.write(
                str(self._path),
                layer=LAYER,
                driver="GPKG",
                geometry=shapely.to_wkb(_geometries(batch, self._geobox.affine)),
                geometry_type="Polygon",
                field_data=[
                    np.array([polygon.code for polygon in batch], np.int32),
                    np.array([names[polygon.code] for polygon in batch], object),
                    area if has_crs else np.rint(area).astype(np.int64),
                ],
                fields=["class_id", "class_name", "area_m2" if has_crs else "area_px"],
                crs=str(self._geobox.crs.to_wkt()) if has_crs else None,
                append=not is_new,
                **metadata,
            )

    def require_whole(self, count: int) -> None:
        """Stop where a full disk kept the last from the file, which GDAL tells nobody.

        Raises
        ------
        OSError
        """
        import pyogrio

        info = pyogrio.read_info(self._path, layer=LAYER)
        if info["features"] != count or not info["capabilities"]["fast_spatial_filter"]:
            raise OSError("its polygons or their spatial index are not complete")


def _geometries(batch: list[_Polygon], affine: Affine) -> np.ndarray:
    """Polygons in the CRS, their outlines counter-clockwise, as shapely objects."""
    import shapely

    rings = [ring for polygon in batch for ring in polygon.rings]
    lengths = np.array([len(ring) for ring in rings])
    points, begins = np.concatenate(rings), np.cumsum(lengths) - lengths
    # Each ring ends where it began.
    offsets = np.concatenate([[0], np.cumsum(lengths + 1)])
    ring = np.repeat(np.arange(len(rings)), lengths + 1)
    step = np.arange(offsets[-1]) - offsets[ring]
    # Rings run clockwise on the screen, where most maps have their y axis upside down.
    forward = step if affine.determinant > 0 else lengths[ring] - step
    col, row = points[begins[ring] + forward % lengths[ring]].T
    x = affine.a * col + affine.b * row + affine.c
    y = affine.d * col + affine.e * row + affine.f
    polygons = np.cumsum([0, *(len(polygon.rings) for polygon in batch)])
    return np.asarray(
        shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, np.stack([x, y], axis=1), (offsets, polygons)
        )
    )
