"""The tiles of a scene as a network sees them: read, normalised, with what is wanted of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from covermap.core.area import Ground
from covermap.core.grid import whole
from covermap.imagery.raster import Raster, Scene
from covermap.mapping.tiles import TilePlan

if TYPE_CHECKING:
    from covermap.bundle.facts import Bundle


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel over the training pixels, float32 (C, 1, 1)."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, bundle: Bundle) -> Normalisation:
        rows = [(channel.mean, channel.std) for channel in bundle.channels]
        mean, std = np.array(rows, np.float32).T[:, :, None, None]
        return cls(mean, std)

    def applied(self, raster: Raster) -> np.ndarray:
        """Values (C, H, W), float32; what is missing takes the training mean, which is then 0."""
        values = np.subtract(raster.values, self.mean, dtype=np.float32)
        values /= self.std
        # Picked, not multiplied: at invalid pixels anything may stand, no number included.
        if not raster.valid.all():
            values[~raster.valid] = 0
        return values


@dataclass(frozen=True)
class Tile:
    """A tile as read.

    Attributes
    ----------
    row, col : int
        Place in the plan.
    values : ndarray of float32, shape (C, H, W), or None
        Normalised; None where nothing is wanted. For a model that standardises what it is shown
        a further channel is 1 at usable pixels, else 0.
    wanted : ndarray of bool or None
        Pixels of the completed window that get a class.
    """

    row: int
    col: int
    values: np.ndarray | None = None
    wanted: np.ndarray | None = None


class Source:
    """The tiles of a scene, read and normalised."""

    def __init__(self, scene: Scene, bundle: Bundle, plan: TilePlan, ground: Ground) -> None:
        self.plan = plan
        self.legend, self.quantity = bundle.legend, bundle.quantity
        self._scene = scene
        self._ground = ground
        self._names, self._tells_usable = bundle.channel_names, bundle.standardises
        self._normalisation = Normalisation.of(bundle)

    def tiles(self, rows: range) -> Iterator[Tile]:
        """Tiles of some rows, in the order of the plan."""
        for row in rows:
            for col in range(self.plan.cols.count):
                yield self._tile(row, col)

    def _tile(self, row: int, col: int) -> Tile:
        window = self.plan.read_window(row, col)
        core = self.plan.core_window(row, col)
        inside = core.intersection(whole(self._scene.geobox))
        if inside is None or not self._ground.touches(inside):
            return Tile(row, col)
        raster = self._scene.read(self._names, window)
        wanted = np.zeros(window.shape, dtype=bool)
        local, usable = inside.relative_to(window).slices, self._scene.usable(raster)
        wanted[local] = usable[local] & self._ground.mask(inside)
        if not wanted.any():
            return Tile(row, col)
        completed = self.plan.completed_window(row, col).relative_to(window)
        values = self._normalisation.applied(raster)
        if self._tells_usable:
            values = np.concatenate([values, usable[np.newaxis].astype(np.float32)])
        return Tile(row, col, values, wanted[completed.slices])
