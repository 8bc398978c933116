"""Where chips lie: on a grid, at random, around what is labelled, or one a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import ChipSettings
from covermap.core.errors import ProjectError
from covermap.core.grid import Window
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels
from covermap.labels.regions import Region

# A network holds some hundred numbers for each pixel of a chip.
_LARGEST_WHOLE = 2048


@dataclass(frozen=True)
class Placement:
    """A window that may become a chip.

    Attributes
    ----------
    scene : str
    window : Window
        Square; begins inside the scene and may reach beyond it on the right and below, the box of
        a region on all sides.
    use : str
        `all`; `teach`: it only teaches; `score`: it only validates and is scored. Random chips
        leave ground out: what validates or is scored is covered evenly besides.
    region : Region, optional
        What the window stands for, where polygons become chips.
    """

    scene: str
    window: Window
    use: Literal["all", "teach", "score"] = "all"
    region: Region | None = None


def placements(
    scenes: Sequence[Scene],
    scans: Sequence[Scan],
    labels: Labels,
    settings: ChipSettings,
    size: int,
    seed: int,
) -> list[Placement]:
    """Windows of all scenes that may hold labels, by scene and from the upper left on.

    Those of a grid, around labels and of whole scenes hold every labelled pixel; so do those for
    scoring beside random ones.

    Parameters
    ----------
    scenes, scans : sequence
        As many of each, in the same order.
    labels : Labels
    settings : ChipSettings
    size : int
        Side in pixels; of no account for whole scenes.
    seed : int
        Of random chips.

    Raises
    ------
    ProjectError
        Scenes too large for a chip each, or a stride larger than the chips.
    """
    if settings.place == "whole":
        return _whole(scenes, scans)
    found: list[Placement] = []
    for number, (scene, item) in enumerate(zip(scenes, scans, strict=True)):
        frame = _Frame.of(scene, item, size)
        if settings.place == "random":
            rng = np.random.default_rng([seed, number])
            drawn = _random(frame, item, settings.count, rng)
            found += [Placement(scene.name, window, "teach") for window in drawn]
            found += [Placement(scene.name, window, "score") for window in frame.grid(size)]
        elif settings.place == "around-labels":
            found += [Placement(scene.name, window) for window in _around(frame, scene, labels)]
        else:
            stride = settings.stride or size
            if stride > size:
                raise ProjectError(
                    f"chips: a stride of {stride} leaves ground out between chips of {size} px; "
                    f"write stride: {size} or less"
                )
            found += [Placement(scene.name, window) for window in frame.grid(stride)]
    return found


@dataclass(frozen=True)
class _Frame:
    """A scene's height and width, chips of a size in it, and its labelled cells, bool (R, C)."""

    shape: tuple[int, int]
    size: int
    labelled: np.ndarray

    @classmethod
    def of(cls, scene: Scene, scan: Scan, size: int) -> _Frame:
        height, width = (int(n) for n in scene.geobox.shape)
        labelled = np.zeros((-(-height // CELL), -(-width // CELL)), dtype=bool)
        labelled[tuple(scan.cells[:, :2].T)] = True
        return cls((height, width), size, labelled)

    def grid(self, stride: int) -> list[Window]:
        """Windows from the upper left corner on that meet a labelled cell."""
        rows, cols = (
            np.arange(max(0, -(-(side - self.size) // stride)) + 1) * stride for side in self.shape
        )
        return self.windows(np.stack(np.meshgrid(rows, cols), axis=-1).reshape(-1, 2))

    def windows(self, corners: np.ndarray) -> list[Window]:
        """Windows with upper left corners (N, 2) that meet a labelled cell, each once, in order."""
        corners = np.unique(corners, axis=0)
        total = np.zeros(tuple(n + 1 for n in self.labelled.shape), dtype=np.int64)
        total[1:, 1:] = self.labelled.cumsum(axis=0).cumsum(axis=1)
        top, left = (corners // CELL).T
        last = np.minimum((corners + self.size - 1) // CELL + 1, self.labelled.shape)
        bottom, right = last.T
        held = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        return [Window(int(row), int(col), self.size, self.size) for row, col in corners[held > 0]]

    def inside(self, corners: np.ndarray) -> np.ndarray:
        """Upper left corners (N, 2) moved so that chips stay in the scene where they fit."""
        return np.clip(corners, 0, np.maximum(np.asarray(self.shape) - self.size, 0))


def _whole(scenes: Sequence[Scene], scans: Sequence[Scan]) -> list[Placement]:
    labelled = [scene for scene, item in zip(scenes, scans, strict=True) if len(item.cells)]
    for scene in labelled:
        height, width = scene.geobox.shape
        if max(height, width) > _LARGEST_WHOLE:
            raise ProjectError(
                f"chips: {{place: whole}}: {scene.name} is {width} x {height} px, and a chip may "
                f"have at most {_LARGEST_WHOLE}; use place: grid"
            )
    side = max((max(scene.geobox.shape) for scene in labelled), default=0)
    side = -(-int(side) // CELL) * CELL
    return [Placement(scene.name, Window(0, 0, side, side)) for scene in labelled]


def _random(frame: _Frame, scan: Scan, count: int | None, rng: np.random.Generator) -> list[Window]:
    """Windows that hold a whole cell with usable labels, all such cells equally likely."""
    cells = np.unique(scan.counts[:, :2], axis=0)
    if not len(cells):
        return []
    number = count or len(scan.chips(frame.size))
    chosen = cells[rng.integers(len(cells), size=number)] * CELL
    corners = chosen - rng.integers(frame.size - CELL + 1, size=(number, 2))
    return frame.windows(frame.inside(corners))


def _around(frame: _Frame, scene: Scene, labels: Labels) -> list[Window]:
    """Windows round polygons, and round connected cells of labels that are no polygons."""
    boxes = [np.empty((0, 4), dtype=np.int64)]
    if isinstance(labels, Polygons):
        boxes.append(_polygon_boxes(labels, scene.geobox))
    if labels.dense or not labels.sources:
        from scipy.ndimage import find_objects, label

        numbers, _ = label(frame.labelled, structure=np.ones((3, 3)))
        pieces = [[r.start, c.start, r.stop, c.stop] for r, c in find_objects(numbers)]
        boxes.append(np.asarray(pieces, dtype=np.int64).reshape(-1, 4) * CELL)
    return frame.windows(frame.inside(_corners_over(np.concatenate(boxes), frame.size)))


def _polygon_boxes(labels: Polygons, geobox: GeoBox) -> np.ndarray:
    """Pixels round each polygon of a class that meets a grid, int64 (N, 4).

    First row and column, and those after the last.
    """
    table = labels.on(geobox)
    left, bottom, right, top = table.geometry[table["index"] >= 0].bounds.to_numpy().T
    back = ~geobox.affine
    x, y = np.stack([left, right, right, left]), np.stack([bottom, bottom, top, top])
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    first = np.column_stack([np.floor(rows.min(axis=0)), np.floor(cols.min(axis=0))])
    after = np.column_stack([np.ceil(rows.max(axis=0)), np.ceil(cols.max(axis=0))])
    first, after = np.maximum(first, 0), np.minimum(after, tuple(geobox.shape))
    return np.column_stack([first, after])[(after > first).all(axis=1)].astype(np.int64)


def _corners_over(boxes: np.ndarray, size: int) -> np.ndarray:
    """Upper left corners (N, 2) of windows that together cover each box, the box in the middle."""
    first, after = boxes[:, :2], boxes[:, 2:]
    numbers = -(-(after - first) // size)
    starts = (first + after - numbers * size) // 2
    windows = numbers.prod(axis=1)
    box = np.repeat(np.arange(len(boxes)), windows)
    place = np.arange(len(box)) - np.repeat(windows.cumsum() - windows, windows)
    return starts[box] + size * np.column_stack(np.divmod(place, numbers[box, 1]))
