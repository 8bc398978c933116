"""Small pictures that are labelled everywhere, for tests of splits by whole scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, window_geobox
from covermap.core.legend import Legend
from covermap.labels.target import Target
from prepared import noisy_scene
from tiny import ArrayScene, tiny_geobox

LEGEND = Legend.of({0: "a", 1: "b", 2: "c"})


class Everywhere:
    """Labels on every pixel: class by row, or a table of classes by scene."""

    legend, sources, drawn, dense, notes, files, path = LEGEND, 0, (0, 0, 0), True, (), (), "masks"

    def __init__(self, only: dict[str, int] | None = None) -> None:
        self.only = only or {}

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        shape = tuple(int(n) for n in geobox.shape)
        row = round((~geobox.affine).f)
        index = (np.indices(shape)[0] - row) // 8 % 3
        if scene_name in self.only:
            index = np.full(shape, self.only[scene_name])
        return Target(index.astype(np.int16), np.ones(shape, bool), np.full(shape, -1, np.int32))

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        return True


def pictures(number: int, crs: int | None = None, **more: Any) -> list[ArrayScene]:
    """Pictures of 64 x 64 pixels, `p0` and on; with a CRS side by side and apart."""
    boxes = [tiny_geobox(64, 64, crs=crs) for _ in range(number)]
    if crs is not None:
        boxes = [window_geobox(box, Window(0, 100 * n, 64, 64)) for n, box in enumerate(boxes)]
    return [noisy_scene(box, f"p{n}", n, **more) for n, box in enumerate(boxes)]


def overlapping() -> list[ArrayScene]:
    """Six scenes: p0 and p1 share 24 rows, p2 and p3 34 rows of 54 columns."""
    box = tiny_geobox(64, 64)
    places = [(0, 0), (40, 0), (0, 500), (30, 510), (900, 0), (900, 200)]
    return [
        noisy_scene(window_geobox(box, Window(row, col, 64, 64)), f"p{n}", n)
        for n, (row, col) in enumerate(places)
    ]
