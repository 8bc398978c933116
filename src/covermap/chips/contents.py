"""What a window of a scene holds, whatever the split: what filters ask and tables tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.core.grid import Window, whole, window_geobox
from covermap.core.legend import Legend
from covermap.core.place import place_of
from covermap.imagery.quality import cloud_share
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels
from covermap.labels.regions import Region
from covermap.labels.target import Target


@dataclass(frozen=True, eq=False)
class Contents:
    """Pixels of a window inside its scene, and shares 0..1 of them.

    Attributes
    ----------
    scene : Scene
    cut : Window
        The part of the window that lies in the scene; of a region's window its own box.
    share_valid, share_cloud : float
        Usable pixels; cloud, by the quality layer's own pixels.
    labelled : int
        Labelled pixels, usable or not.
    by_class : ndarray of int64, shape (K,)
        Usable labelled pixels of each class.
    region : int or None
        Row of the polygon that the window stands for.
    """

    scene: Scene
    cut: Window
    share_valid: float
    share_cloud: float
    labelled: int
    by_class: np.ndarray
    region: int | None = None

    @property
    def pixels(self) -> int:
        return self.cut.height * self.cut.width

    @property
    def share_labelled(self) -> float:
        """Share of usable labelled pixels."""
        return float(self.by_class.sum() / self.pixels)

    def class_shares(self, legend: Legend) -> dict[str, float]:
        """Share of each class in the usable labelled pixels; 0 where there are none."""
        return shares_by_name(self.by_class, legend)

    def columns(self) -> dict[str, Any]:
        """What every row of a table says of a window."""
        date = self.scene.date
        return {
            "scene": self.scene.name,
            "date": date.isoformat() if date else None,
            "col_off": self.cut.col_off,
            "row_off": self.cut.row_off,
            "width": self.cut.width,
            "height": self.cut.height,
            "share_valid": self.share_valid,
            "share_cloud": self.share_cloud,
            "region": self.region,
        }

    def footprint(self) -> Any:
        """The outline in longitude and latitude; None for a picture without a CRS.

        It is cut where it crosses the antimeridian, see `Place`.
        """
        place = place_of(window_geobox(self.scene.geobox, self.cut))
        return None if place is None else place.outline


def contents_of(
    scene: Scene,
    window: Window,
    usable: np.ndarray,
    target: Target,
    classes: int,
    region: Region | None = None,
) -> Contents:
    """What a window holds, of arrays (H, W) that were read for it.

    `usable` is False beyond the scene, and beyond the box of a region.
    """
    cut = region.box if region is not None else inner_window(scene, window)
    inside = cut.relative_to(window).slices
    labelled = target.labelled[inside]
    held = target.index[inside][labelled & usable[inside]]
    return Contents(
        scene=scene,
        cut=cut,
        share_valid=float(usable.sum() / (cut.height * cut.width)),
        share_cloud=cloud_share(scene, cut),
        labelled=int(labelled.sum()),
        by_class=np.bincount(held, minlength=classes).astype(np.int64),
        region=None if region is None else region.row,
    )


def read_contents(
    scene: Scene,
    labels: Labels,
    channels: Sequence[str],
    window: Window,
    region: Region | None = None,
) -> Contents:
    """What a window, or the box of the region that it is for, holds; read for no other purpose."""
    cut = region.box if region is not None else inner_window(scene, window)
    target = labels.burn(window_geobox(scene.geobox, cut), scene.name)
    if region is not None:
        target = region.own(target)
    usable = scene.usable(scene.read(channels, cut))
    return contents_of(scene, cut, usable, target, len(labels.legend), region)


def inner_window(scene: Scene, window: Window) -> Window:
    """The part of a window that lies in its scene.

    Raises
    ------
    ValueError
        There is none.
    """
    cut = window.intersection(whole(scene.geobox))
    if cut is None:
        raise ValueError(f"{window} lies outside {scene.name}")
    return cut


def shares_by_name(pixels: np.ndarray, legend: Legend) -> dict[str, float]:
    """Share of each class in counts of pixels (K,); 0 where there are none."""
    total = max(1, int(pixels.sum()))
    return {name: float(n / total) for name, n in zip(legend.names, pixels, strict=True)}
