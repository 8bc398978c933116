"""How far scored ground lies from the nearest label that taught, exactly and with little memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.loading import Share
from covermap.chips.view import Viewer
from covermap.core.grid import window_geobox

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from scipy.spatial import cKDTree

# Points kept of teaching chips that may be asked for again.
_KEPT_POINTS = 1 << 21
# A sphere around a chip's corners holds the chip: this much for its curvature.
_ROUND = 1.01
_CRS_GEOCENTRIC = "EPSG:4978"


class LeastDistance:
    """Distance in metres from scored pixels to the nearest pixel whose label taught.

    Straight lines through the ellipsoid (WGS 84, EPSG:4978), so that grids of any CRS can be
    compared; up to 100 km they are shorter than the ground by less than 0.001 %. Only pixels at the
    edge of a labelled patch can be nearest, and only chips that are nearer than the least distance
    found so far are looked into: a chip is a sphere until then, 32 bytes.
    """

    def __init__(self, viewer: Viewer, shares: Sequence[Share]) -> None:
        from scipy.spatial import cKDTree

        self._viewer = viewer
        self._chips: list[tuple[Share, int]] = []
        spheres = []
        for share in shares:
            for place, (scene, window) in enumerate(share.windows):
                box = window_geobox(viewer.scenes[scene].geobox, window)
                if box.crs is not None:
                    self._chips.append((share, place))
                    spheres.append(_sphere(box))
        table = np.asarray(spheres, dtype=np.float64).reshape(-1, 4)
        self._centres, self._radii = table[:, :3], table[:, 3]
        self._tree = cKDTree(self._centres) if len(table) else None
        self._kept: OrderedDict[int, cKDTree | None] = OrderedDict()
        self._points = 0
        self._least = np.inf

    @property
    def least_m(self) -> float | None:
        """None where nothing could be measured: no label taught, or no grid has a CRS."""
        return float(self._least) if np.isfinite(self._least) else None

    def ask(self, box: GeoBox, mask: np.ndarray) -> None:
        """Take the scored pixels of one grid into account; `mask` is bool (H, W)."""
        if box.crs is None or self._tree is None or not mask.any():
            return
        points = _edge_points(box, mask)
        *centre, radius = _sphere(box)
        number = 8
        while not np.isfinite(self._least):
            number = min(number, len(self._chips))
            self._look(np.atleast_1d(self._tree.query(centre, k=number)[1]), points)
            if number == len(self._chips):
                return
            number *= 4
        reach = self._least + radius + self._radii.max()
        near = np.asarray(self._tree.query_ball_point(centre, reach), dtype=np.int64)
        gaps = np.linalg.norm(self._centres[near] - centre, axis=1) - self._radii[near] - radius
        for place in np.argsort(gaps, kind="stable"):
            if gaps[place] >= self._least:
                break
            self._look(near[place : place + 1], points)

    def _look(self, chips: np.ndarray, points: np.ndarray) -> None:
        for chip in chips.tolist():
            taught = self._taught(chip)
            if taught is not None:
                self._least = min(self._least, float(taught.query(points)[0].min()))

    def _taught(self, chip: int) -> cKDTree | None:
        """Edges of what taught in a chip; those asked for last are kept."""
        from scipy.spatial import cKDTree

        if chip in self._kept:
            self._kept.move_to_end(chip)
            return self._kept[chip]
        share, place = self._chips[chip]
        box = window_geobox(self._viewer.scenes[share.windows[place][0]].geobox, share.shown(place))
        mask = share.counted(share.read(place))
        found = cKDTree(_edge_points(box, mask)) if mask.any() else None
        self._kept[chip] = found
        self._points += 0 if found is None else found.n
        while self._points > _KEPT_POINTS and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._points -= 0 if old is None else old.n
        return found


def _edge_points(box: GeoBox, mask: np.ndarray) -> np.ndarray:
    """Centres (N, 3), in metres, of a mask's pixels that have a neighbour outside it."""
    from scipy.ndimage import binary_erosion

    rows, cols = np.nonzero(mask & ~binary_erosion(mask))
    return _geocentric(box, cols + 0.5, rows + 0.5)


def _sphere(box: GeoBox) -> tuple[float, float, float, float]:
    """Centre (x, y, z) and radius, in metres, of a sphere that holds a grid."""
    height, width = (float(n) for n in box.shape)
    cols, rows = np.array([0, width, width, 0, width / 2]), np.array([0, 0, height, height, 0])
    rows[-1] = height / 2
    points = _geocentric(box, cols, rows)
    x, y, z = points[-1].tolist()
    return x, y, z, float(np.linalg.norm(points[:-1] - points[-1], axis=1).max()) * _ROUND


def _geocentric(box: GeoBox, cols: np.ndarray, rows: np.ndarray) -> np.ndarray:
    a = box.affine
    x, y = a.a * cols + a.b * rows + a.c, a.d * cols + a.e * rows + a.f
    assert box.crs is not None
    moved = _transformer(box.crs.to_wkt()).transform(x, y, np.zeros_like(x))
    return np.column_stack(moved)


@lru_cache(maxsize=64)
def _transformer(crs_wkt: str) -> Any:
    from pyproj import Transformer

    return Transformer.from_crs(crs_wkt, _CRS_GEOCENTRIC, always_xy=True)
