"""One window of one scene: its values, its labels, and whose ground each pixel is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from odc.geo.geobox import GeoBox
from scipy import ndimage

from covermap.chips.ground import Ground
from covermap.core.common_ground import Outlines, covered_by
from covermap.core.grid import Window, resolution_m, same_lattice, whole, window_geobox
from covermap.imagery.raster import Raster, Scene
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels
from covermap.labels.regions import Region
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
    held : ndarray of uint8 or uint32, shape (H + 2m, W + 2m)
        Bit k is set where ground of the part with code k lies, with a margin of m pixels around the
        window.
    counting : ndarray of int16
        Code of the part in which each pixel counts; -1 where it is unusable or unlabelled.
    groups : ndarray of int32
        Number of the group (block, polygons or scenes) of each pixel, -1 for none.
    margin : int
        m.
    buffer : int
        Pixels that labels which teach keep away from held-out ground.
    sliver : int
        Pixels by which held-out ground is widened: those that may lie under a pixel of another
        scene that counts there, and those whose values are interpolated from it.
    """

    raster: Raster
    usable: np.ndarray
    inside: np.ndarray
    target: Target
    held: np.ndarray
    counting: np.ndarray
    groups: np.ndarray
    margin: int
    buffer: int
    sliver: int

    def hidden(self, codes: np.ndarray) -> np.ndarray:
        """Ground of the parts `codes`, which others may not even see; bool (H, W)."""
        return self._cropped(spread(self._held_by(codes), self.sliver))

    def near(self, codes: np.ndarray, buffer_px: int) -> np.ndarray:
        """Ground nearer than `buffer_px` to that of the parts `codes`; bool (H, W)."""
        return self._cropped(spread(self._held_by(codes), buffer_px))

    def counted(self, codes: np.ndarray) -> np.ndarray:
        """Pixels that count in one of the parts `codes`; bool (H, W)."""
        return np.isin(self.counting, codes)

    def _held_by(self, codes: np.ndarray) -> np.ndarray:
        bits = np.bitwise_or.reduce(_bits(codes, self.held.dtype), initial=0)
        return (self.held & bits) > 0

    def _cropped(self, mask: np.ndarray) -> np.ndarray:
        m = self.margin
        return mask[m : mask.shape[0] - m, m : mask.shape[1] - m]


@dataclass(frozen=True)
class Viewer:
    """Opens views: scenes, labels, channels and the split in one place.

    With `regions` only their windows can be viewed: of each only the region's box is inside, and
    only its own polygon labels it.
    """

    scenes: dict[str, Scene]
    labels: Labels
    channels: tuple[str, ...]
    ground: Ground
    regions: Mapping[tuple[str, Window], Region] = field(default_factory=dict)
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
        sliver, buffer = self._widened[scene_name], self._buffers[scene_name]
        margin = max(1, buffer, sliver)
        wide = window.expanded(margin)
        wide_box = window_geobox(scene.geobox, wide)
        wide_target = self.labels.burn(wide_box, scene_name)
        box = window_geobox(scene.geobox, window)
        target = _cropped_target(wide_target, margin)
        raster = scene.read(self.channels, window)
        inside = inside_of(scene, window)
        if self.regions:
            region = self.regions[scene_name, window]
            inside &= region.inside
            target = region.own(target)
        usable = scene.usable(raster) & inside
        counting = self.ground.counting_in(box, target, scene_name)
        return View(
            raster=raster,
            usable=usable,
            inside=inside,
            target=target,
            held=self._held(wide_box, wide_target, scene_name, buffer),
            counting=np.where(usable, counting, -1).astype(np.int16),
            groups=self.ground.group_numbers(box, target, scene_name),
            margin=margin,
            buffer=buffer,
            sliver=sliver,
        )

    def codes(self, parts: Collection[str]) -> np.ndarray:
        """Codes of parts by name."""
        return self.ground.codes(parts)

    @cached_property
    def _buffers(self) -> dict[str, int]:
        """Of each scene, pixels that labels which teach keep away from held-out ground."""
        return {name: self.ground.buffer_on(s.geobox) for name, s in self.scenes.items()}

    @cached_property
    def reaches(self) -> dict[str, int]:
        """Of each scene, pixels by which its values tell of ground beyond the pixel that has them.

        That is so of bands that are brought onto its grid from another. Scenes that are held out
        whole are read from files of their own.
        """
        if self.ground.kind == "scenes":
            return dict.fromkeys(self.scenes, 0)
        return {name: scene.reach(self.channels) for name, scene in self.scenes.items()}

    @cached_property
    def _widened(self) -> dict[str, int]:
        """Of each scene, pixels by which held-out ground is widened."""
        return {name: self._slivers[name] + self.reaches[name] for name in self.scenes}

    @cached_property
    def _slivers(self) -> dict[str, int]:
        """Of each scene, pixels that may lie under pixels of others which count on held-out ground.

        Where all pixels coincide, 0. Else a pixel of another scene that counts at the edge of
        held-out ground reaches over it by half its diagonal, and so does a pixel of this scene.
        A scene without a CRS shares ground with none; scenes that are held out whole have no edge.
        """
        none = dict.fromkeys(self.scenes, 0)
        boxes = {name: s.geobox for name, s in self.scenes.items() if s.geobox.crs is not None}
        if not boxes or self.ground.kind == "scenes":
            return none
        first = self.ground.origin or next(iter(boxes.values()))
        if all(same_lattice(first, box) is not None for box in boxes.values()):
            return none
        sides = {name: resolution_m(box) for name, box in boxes.items()}
        largest = max(np.hypot(*side) for side in sides.values())
        return none | {
            name: int(np.ceil((np.hypot(*side) + largest) / 2 / min(side)))
            for name, side in sides.items()
        }

    def _held(self, geobox: GeoBox, target: Target, scene_name: str, buffer: int) -> np.ndarray:
        """Bits of the parts that hold each pixel, uint8 or uint32 (H, W)."""
        dtype = np.dtype(np.uint8 if len(self.ground.parts) <= 8 else np.uint32)
        standing = self.ground.standing_on(geobox, target, scene_name)
        held = np.where(standing >= 0, _bits(np.maximum(standing, 0), dtype), dtype.type(0))
        if self.ground.kind == "scenes" and buffer and geobox.crs is not None:
            return self._held_around(geobox, scene_name, held)
        if self._slivers[scene_name] and isinstance(self.labels, Polygons):
            # A polygon that holds no pixel centre here may hold one of another scene.
            owner = self.ground.part_of_source[:-1]
            for code in np.unique(owner[owner >= 0]):
                held[self.labels.touched(geobox, owner == code)] |= _bits(code, dtype)
        return held

    def _held_around(self, geobox: GeoBox, scene_name: str, own: np.ndarray) -> np.ndarray:
        """What is held where a scene ends: the ground of the scenes beside it.

        Within a scene its own part holds: that others show the same ground is for the audit to say.
        """
        names, outlines = self._footprints
        around = np.zeros_like(own)
        for place in outlines.near(geobox):
            code, _ = self.ground.scenes[names[place]]
            covered = covered_by(geobox, self.scenes[names[place]].geobox)
            around[covered] |= _bits(np.asarray(code), own.dtype)
        return np.where(covered_by(geobox, self.scenes[scene_name].geobox), own, around)

    @cached_property
    def _footprints(self) -> tuple[list[str], Outlines]:
        """Names and outlines of the scenes of some part, where these are held out whole."""
        names = [
            name
            for name, scene in self.scenes.items()
            if scene.geobox.crs is not None and self.ground.scenes.get(name, (-1, -1))[0] >= 0
        ]
        return names, Outlines([self.scenes[name].geobox for name in names])


def scenes_by_name(scenes: Sequence[Scene]) -> dict[str, Scene]:
    """Scenes under their names, which `open_scenes` makes unique."""
    return {scene.name: scene for scene in scenes}


def inside_of(scene: Scene, window: Window) -> np.ndarray:
    """Pixels of a window that lie in its scene; bool (H, W)."""
    inside = np.zeros(window.shape, dtype=bool)
    common = window.intersection(whole(scene.geobox))
    if common is not None:
        inside[common.relative_to(window).slices] = True
    return inside


def _bits(codes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    # A bit that does not fit would be 0, and its part never held out.
    if np.size(codes) and np.max(codes) >= 8 * dtype.itemsize:
        raise ValueError(f"part {np.max(codes)} has no bit in {dtype}")
    return np.left_shift(1, codes, dtype=np.int64).astype(dtype)


def _cropped_target(target: Target, margin: int) -> Target:
    inner = (slice(margin, -margin), slice(margin, -margin))
    return Target(target.index[inner], target.labelled[inner], target.source[inner])


def spread(mask: np.ndarray, pixels: int) -> np.ndarray:
    """A mask grown by a number of pixels in every direction, diagonals included."""
    if pixels <= 0 or not mask.any():
        return mask
    return np.asarray(
        ndimage.maximum_filter(mask, size=2 * pixels + 1, mode="constant", cval=False)
    )
