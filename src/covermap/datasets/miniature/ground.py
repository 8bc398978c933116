"""Which class lies where in a small piece of generated ground.

Fields are the base; stands of natural cover, villages, roads and lakes lie on top, in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from covermap.core.grid import Window
from covermap.datasets.world import noise
from covermap.datasets.world.cover import coordinates
from covermap.datasets.world.parcels import frame, parcels

# Places of one set lie so far apart that no pattern of one reaches another.
_APART_PX = 20_000


@dataclass(frozen=True)
class Plan:
    """Which classes a landscape has, and how large their patches are.

    Shares are parts of 1; what `stands` leave free is fields.

    Attributes
    ----------
    fields : mapping of int to float
        Class of a parcel to how often it is drawn.
    stands : mapping of int to float
        Class of a natural patch to its share of the ground.
    village, lake, road : int, optional
        Classes of houses, of water, and of lines between estates.
    field_px : tuple of float
        Width and length of a parcel.
    stand_px : float
        Size of a natural patch.
    village_px, lake_px : float
        Distance of villages and of lakes; their sizes follow from it.
    road_px : float
        Half the width of a road.
    """

    fields: Mapping[int, float]
    stands: Mapping[int, float] = field(default_factory=dict)
    village: int | None = None
    lake: int | None = None
    road: int | None = None
    field_px: tuple[float, float] = (24.0, 36.0)
    stand_px: float = 26.0
    village_px: float = 120.0
    lake_px: float = 140.0
    road_px: float = 3.0


@dataclass(frozen=True)
class Ground:
    """The truth of a window, and what the look of each pixel depends on.

    Attributes
    ----------
    window : Window
    ids : ndarray of uint8, shape (H, W)
        The class.
    patch : ndarray of uint64, shape (H, W)
        Identity of the patch of one class that a pixel belongs to.
    across : ndarray of float32, shape (H, W)
        Position across the rows of a field, in pixels.
    house : ndarray of uint64, shape (H, W)
        Identity of a house's plot.
    edge : ndarray of float32, shape (H, W)
        Distance to the side of that plot, in pixels.
    """

    window: Window
    ids: np.ndarray
    patch: np.ndarray
    across: np.ndarray
    house: np.ndarray
    edge: np.ndarray


def place(number: int, height: int, width: int) -> Window:
    """The window of the picture `number` of a set, far from all others."""
    return Window(number * _APART_PX, 0, height, width)


def ground(window: Window, plan: Plan, seed: int) -> Ground:
    """The ground of a window; the same pixels in whatever window."""
    x, y = coordinates(window)
    x, y = np.broadcast_to(x, window.shape), np.broadcast_to(y, window.shape)
    bent_x, bent_y = (
        axis + 0.25 * plan.stand_px * _wind(x, y, plan.stand_px, f"bend {name}", seed)
        for axis, name in ((x, "x"), (y, "y"))
    )
    estates = frame(x, y, seed)
    fields = parcels(estates, *plan.field_px, noise.stream(seed, "parcel"))
    plots = parcels(estates, 9.0, 12.0, noise.stream(seed, "plot"))
    ids = _drawn(noise.uniform(noise.stream(seed, "crop"), fields.key), plan.fields)
    patch = fields.key.copy()

    cells = noise.mosaic(bent_x, bent_y, plan.stand_px, noise.stream(seed, "stand"))
    luck = noise.uniform(noise.stream(seed, "cover"), cells.key)[cells.index]
    natural = luck < sum(plan.stands.values())
    if plan.stands:
        total = np.float32(sum(plan.stands.values()))
        _lay(ids, patch, natural, _drawn(luck / total, plan.stands), cells.key[cells.index])
    if plan.village is not None:
        size = plan.village_px
        spots = noise.Scatter(size, 0.75, 0.16 * size, 0.34 * size)
        near = noise.blobs(plots.x, plots.y, spots, noise.stream(seed, "village"))
        _lay(ids, patch, near.inside > 0, plan.village, plots.key)
    if plan.road is not None:
        lines = parcels(estates, 70.0, 110.0, noise.stream(seed, "road"))
        _lay(ids, patch, lines.edge < plan.road_px, plan.road, lines.key)
    if plan.lake is not None:
        size = plan.lake_px
        spots = noise.Scatter(size, 0.6, 0.12 * size, 0.3 * size)
        near = noise.blobs(bent_x, bent_y, spots, noise.stream(seed, "lake"))
        _lay(ids, patch, near.inside > 0, plan.lake, near.key)
    return Ground(
        window,
        ids,
        noise.hashed(noise.stream(seed, "patch"), patch, ids),
        np.mod(estates.across, 1024.0).astype(np.float32),
        plots.key,
        plots.edge,
    )


def _wind(x: np.ndarray, y: np.ndarray, period: float, name: str, seed: int) -> np.ndarray:
    return noise.fractal(x, y, 1.5 * period, 3, noise.stream(seed, name)).astype(np.float64)


def _drawn(luck: np.ndarray, shares: Mapping[int, float]) -> np.ndarray:
    """Classes (uint8) by uniform numbers, each as often as its share."""
    limits = np.cumsum(list(shares.values()))[:-1] / sum(shares.values())
    numbers = np.array(list(shares), np.uint8)
    return numbers[np.searchsorted(limits.astype(np.float32), luck, side="right")]


def _lay(
    ids: np.ndarray, patch: np.ndarray, where: np.ndarray, cls: int | np.ndarray, key: np.ndarray
) -> None:
    np.copyto(ids, np.asarray(cls, np.uint8), where=where)
    np.copyto(patch, key, where=where)
