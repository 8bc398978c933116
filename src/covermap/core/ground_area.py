"""How much ground the pixels of a grid cover, in any CRS."""

from __future__ import annotations

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import is_true_to_scale, resolution_m

# Areas are whole numbers of this part of the largest pixel: sums are then the same in any order.
_PARTS = 2**20
_LATTICE = (257, 33)
# Half the distance over which the shape of the ground is measured: small against the Earth, large
# against the rounding of coordinates.
_STEP_M = 500.0
_METRES_PER_DEGREE = 111_320.0


class GroundArea:
    """Ground area of the pixels of a grid, on the ellipsoid of its CRS.

    It is measured at the points of a lattice and interpolated between them: within a scene to
    about 1e-7 of the area, on a grid of the whole Earth to about 1e-4. Where there is no CRS every
    pixel is 1.

    Attributes
    ----------
    unit : float
        Square metres of one unit, in which areas are whole numbers.
    pixel : float
        Area of the smallest pixel in square metres.
    """

    def __init__(self, geobox: GeoBox) -> None:
        height, width = (int(size) for size in geobox.shape)
        self._rows = np.linspace(0, height, min(height + 1, _LATTICE[0]))
        self._cols = np.linspace(0, width, min(width + 1, _LATTICE[1]))
        areas = _areas_m2(geobox, self._rows[:, None], self._cols[None, :])
        self.unit = float(areas.max()) / _PARTS
        self.pixel = float(areas.min())
        self._parts = areas / self.unit

    def units(self, row: np.ndarray, col: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Area of runs of pixels side by side, int64.

        Parameters
        ----------
        row, col, length : ndarray of int
            The row of each run, its first column, and its number of pixels.
        """
        # Over one run the size of pixels changes evenly, so that of its middle is the mean.
        i, u = _place(self._rows, row + 0.5)
        j, v = _place(self._cols, col + 0.5 * length)
        parts = self._parts
        left = parts[i, j] * (1 - u) + parts[i + 1, j] * u
        right = parts[i, j + 1] * (1 - u) + parts[i + 1, j + 1] * u
        # One rounding of what a pixel is, so that pixels of equal size have equal areas.
        return np.rint(left * (1 - v) + right * v).astype(np.int64) * length


def row_areas_m2(geobox: GeoBox) -> np.ndarray:
    """Area of one pixel of each row in square metres, shape (H,), float64: the mean of its row.

    Projected grids that are true to scale are taken at their nominal scale, so that a pixel of
    10 m is 100 square metres; pictures without a CRS have pixels of 1.
    """
    height, width = (int(size) for size in geobox.shape)
    if geobox.crs is None or is_true_to_scale(geobox):
        width_m, height_m = resolution_m(geobox)
        return np.full(height, width_m * height_m)
    ground, rows = GroundArea(geobox), np.arange(height)
    units = ground.units(rows, np.zeros_like(rows), np.full_like(rows, width))
    return np.asarray(units * ground.unit / width)


def _place(points: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lattice interval of each wanted place, and how far into it (0..1)."""
    step = points[1] - points[0]
    number = np.clip((wanted / step).astype(np.int64), 0, len(points) - 2)
    return number, wanted / step - number


def _areas_m2(geobox: GeoBox, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Ground area of a pixel at places of a grid, in square metres."""
    affine, crs = geobox.affine, geobox.crs
    shape = np.broadcast_shapes(row.shape, col.shape)
    if crs is None:
        return np.ones(shape)
    width_m, height_m = resolution_m(geobox)
    proj = crs.proj
    if proj.geodetic_crs is None:
        return np.full(shape, width_m * height_m)
    x, y = affine.a * col + affine.b * row + affine.c, affine.d * col + affine.e * row + affine.f
    unit = proj.axis_info[0].unit_conversion_factor or 1.0
    step = _STEP_M / _METRES_PER_DEGREE if proj.is_geographic else _STEP_M / unit
    areas = np.asarray(_stretch(proj, x, y, step) * abs(affine.determinant))
    # Beyond the ends of a projection there is no ground; what is there counts as it is drawn.
    return np.where(np.isfinite(areas) & (areas > 0), areas, width_m * height_m)


def _stretch(proj: object, x: np.ndarray, y: np.ndarray, step: float) -> np.ndarray:
    """Square metres of ground in a unit square of a CRS.

    The determinant of the map from the CRS to the ellipsoid by central differences; radii of
    curvature of the ellipsoid after Snyder 1987, Map Projections: A Working Manual, p. 25.
    """
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(proj, proj.geodetic_crs, always_xy=True)  # type: ignore[attr-defined]
    geod = proj.get_geod()  # type: ignore[attr-defined]

    def degrees(dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = to_degrees.transform(x + dx, y + dy)
        return np.asarray(lon), np.asarray(lat)

    _, lat = degrees(0, 0)
    sine, cosine = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    bent = 1 - geod.es * sine**2
    north, east = geod.a * (1 - geod.es) / bent**1.5, geod.a / np.sqrt(bent) * cosine
    slopes = []
    for dx, dy in ((step, 0.0), (0.0, step)):
        (lon_after, lat_after), (lon_before, lat_before) = degrees(dx, dy), degrees(-dx, -dy)
        across = (lon_after - lon_before + 180) % 360 - 180
        slopes += [np.radians(across) * east, np.radians(lat_after - lat_before) * north]
    return np.abs(slopes[0] * slopes[3] - slopes[1] * slopes[2]) / (2 * step) ** 2
