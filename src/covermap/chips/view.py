"""One window of one scene: its values, its labels, and whose ground each pixel is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from covermap.chips.ground import Ground
from covermap.core.grid import Window, whole, window_geobox
from covermap.imagery.raster import Raster, Scene
from covermap.labels.polygons import Polygons
from covermap.labels.target import Target

_KEPT_BYTES = 1 << 29


@dataclass(frozen=True)
class View:
    """A window of a scene with its labels and parts; all arrays (H, W) but the raster's.

    Attributes
    ----------
    raster : Raster
        The channels of the network.
    usable, inside : ndarray of bool
        Usable pixels; pixels of the scene's own grid.
    target : Target
        The labels.
    standing : ndarray of int16, shape (H + 2m, W + 2m)
        Code of the part whose ground each pixel is, with a margin of m pixels around the window.
    counting : ndarray of int16
        Code of the part in which each pixel counts; -1 where it is unusable or unlabelled.
    groups : ndarray of int32
        Number of the group (block or polygons) of each pixel, -1 for none.
    margin : int
        m.
    sliver : int
        Pixels by which held-out ground is widened: 1 where pixels may straddle a block border.
    """

    raster: Raster
    usable: np.ndarray
    inside: np.ndarray
    target: Target
    standing: np.ndarray
    counting: np.ndarray
    groups: np.ndarray
    margin: int
    sliver: int

    def hidden(self, codes: np.ndarray) -> np.ndarray:
        """Ground of the parts `codes`, which others may not even see; bool (H, W)."""
        return self._cropped(_spread(np.isin(self.standing, codes), self.sliver))

    def near(self, codes: np.ndarray, buffer_px: int) -> np.ndarray:
        """Ground nearer than `buffer_px` to that of the parts `codes`; bool (H, W)."""
        return self._cropped(_spread(np.isin(self.standing, codes), buffer_px))

    def counted(self, codes: np.ndarray) -> np.ndarray:
        """Pixels that count in one of the parts `codes`; bool (H, W)."""
        return np.isin(self.counting, codes)

    def _cropped(self, mask: np.ndarray) -> np.ndarray:
        m = self.margin
        return mask[m : mask.shape[0] - m, m : mask.shape[1] - m]


@dataclass(frozen=True)
class Viewer:
    """Opens views: scenes, labels, channels and the split in one place."""

    scenes: dict[str, Scene]
    labels: Polygons
    channels: tuple[str, ...]
    ground: Ground
    _kept: dict[tuple[str, Window], View] = field(default_factory=dict, repr=False, compare=False)

    def view(self, scene_name: str, window: Window) -> View:
        """Read a window of a scene; it may reach beyond the scene, where nothing is inside.

        Folds and the audit ask for the same windows again: as many as fit under a lid are kept.
        """
        key = (scene_name, window)
        if key in self._kept:
            return self._kept[key]
        view = self._read(scene_name, window)
        size = view.raster.values.nbytes + view.raster.valid.nbytes + 16 * view.usable.nbytes
        if size * (len(self._kept) + 1) <= _KEPT_BYTES:
            self._kept[key] = view
        return view

    def _read(self, scene_name: str, window: Window) -> View:
        scene = self.scenes[scene_name]
        margin = max(1, self.ground.buffer_px)
        wide = window.expanded(margin)
        wide_box = window_geobox(scene.geobox, wide)
        wide_target = self.labels.burn(wide_box)
        box = window_geobox(scene.geobox, window)
        target = _cropped_target(wide_target, margin)
        raster = scene.read(self.channels, window)
        inside = _inside(scene, window)
        usable = scene.usable(raster) & inside
        counting = self.ground.counting_in(box, target)
        return View(
            raster=raster,
            usable=usable,
            inside=inside,
            target=target,
            standing=self.ground.standing_on(wide_box, wide_target),
            counting=np.where(usable, counting, -1).astype(np.int16),
            groups=self.ground.group_numbers(box, target),
            margin=margin,
            sliver=0 if self.ground.on_lattice(scene.geobox) else 1,
        )

    def codes(self, parts: Collection[str]) -> np.ndarray:
        """Codes of parts by name."""
        return self.ground.codes(parts)


def scenes_by_name(scenes: Sequence[Scene]) -> dict[str, Scene]:
    """Scenes under their names, which `open_scenes` makes unique."""
    return {scene.name: scene for scene in scenes}


def _inside(scene: Scene, window: Window) -> np.ndarray:
    inside = np.zeros(window.shape, dtype=bool)
    common = window.intersection(whole(scene.geobox))
    if common is not None:
        inside[common.relative_to(window).slices] = True
    return inside


def _cropped_target(target: Target, margin: int) -> Target:
    inner = (slice(margin, -margin), slice(margin, -margin))
    return Target(target.index[inner], target.labelled[inner], target.source[inner])


def _spread(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask grown by a number of pixels in every direction, diagonals included."""
    if pixels <= 0 or not mask.any():
        return mask
    return np.asarray(
        ndimage.maximum_filter(mask, size=2 * pixels + 1, mode="constant", cval=False)
    )
