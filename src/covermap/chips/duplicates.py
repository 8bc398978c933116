"""Pictures that are shown twice: near-duplicates of chips across the parts of a split.

The audit of ground cannot see that a picture without a CRS is a copy of another one. Each chip
gets a fingerprint that hardly changes when the picture is compressed again, made a little brighter
or given more contrast: its coarsest structure without mean and spread. Chips with near
fingerprints are then compared pixel by pixel. A copy that was turned, mirrored, or cut elsewhere
is not found, nor a changed copy of chips smaller than 48 pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.parts import Training
from covermap.chips.view import Viewer
from covermap.core.common_ground import share_ground
from covermap.core.grid import Window, window_geobox
from covermap.core.progress import progress
from covermap.imagery.raster import Raster

if TYPE_CHECKING:
    import geopandas as gpd

# The fingerprint: lowest frequencies (without the mean) of the cosine transform of a thumbnail.
_THUMBNAIL, _FREQUENCIES = 32, 6
# Unit vectors: 0.25 is a correlation of 0.97 of the coarsest structure.
_NEAR = 0.25
# Correlation of two chips at the size below from which they count as one picture; different
# photographs of like ground stay far under it.
_SAME_PICTURE, _COMPARED = 0.95, 32
# A chip with a shorter side shows too little to tell a copy from a likeness: only identical ones
# count; and one that the border of a larger scene cuts to a strip shows nothing.
_SMALLEST, _STRIP = 48, 12
# Less spread than this of a channel's mean, and it has no structure to be told from noise.
_FLAT = 1e-3
_LISTED = 50


@dataclass(frozen=True)
class Place:
    """A chip: upper left corner in its scene, and the parts that its labels belong to."""

    scene: str
    row_off: int
    col_off: int
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Twins:
    """Two chips that show one picture; `identical` when every value is the same."""

    one: Place
    other: Place
    correlation: float
    identical: bool

    def across(self, training: Training) -> bool:
        """Whether one of them teaches a network (or chooses its epoch) that scores the other."""
        teaching = {*training.train, *training.validate}
        sides = (self.one.parts, self.other.parts)
        return any(
            not teaching.isdisjoint(taught) and not set(training.score).isdisjoint(scored)
            for taught, scored in (sides, sides[::-1])
        )

    def told(self) -> str:
        """The pair in words."""
        names = " and ".join(
            f"{place.scene} (row {place.row_off}, column {place.col_off}; {'/'.join(place.parts)})"
            for place in (self.one, self.other)
        )
        return f"{names}: {'identical' if self.identical else f'alike {self.correlation:.2f}'}"


@dataclass(frozen=True)
class Duplicates:
    """All pairs of chips in different parts that show one picture.

    Attributes
    ----------
    pairs : int
        How many there are.
    identical : int
        How many of them are equal in every value.
    copies_of_scored : int
        How many of these show a network in training the very picture that it is scored on.
    listed : tuple of Twins
        The first ones, identical ones before others; at most 50.
    """

    pairs: int = 0
    identical: int = 0
    copies_of_scored: int = 0
    listed: tuple[Twins, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Duplicates:
        """What `to_dict` made, also after JSON."""
        listed = tuple(
            Twins(
                _place(item["one"]), _place(item["other"]), item["correlation"], item["identical"]
            )
            for item in content["listed"]
        )
        return cls(**{**content, "listed": listed})

    def lines(self) -> list[str]:
        """What was found in words; empty when nothing was."""
        if not self.pairs:
            return []
        same = f", {self.identical:,} of them identical" if self.identical else ""
        what = "pair of chips" if self.pairs == 1 else "pairs of chips"
        return [
            f"NEAR-DUPLICATES: {self.pairs:,} {what} in different parts show the same picture"
            f"{same}; the first: {self.listed[0].told()}"
        ]


def find_duplicates(
    viewer: Viewer, chips: gpd.GeoDataFrame, trainings: Sequence[Training]
) -> Duplicates:
    """Chips in different parts of a split that show the same picture.

    Chips that are known to share ground are left to the audit of ground. Two hundred bytes are kept
    of each chip, never its pixels.

    Parameters
    ----------
    viewer : Viewer
    chips : GeoDataFrame
        The table of chips.
    trainings : sequence of Training
        What is taught and scored together.
    """
    from scipy.spatial import cKDTree

    if chips["split"].nunique() < 2:
        return Duplicates()
    places, prints = _fingerprints(viewer, chips)
    if len(places) < 2:
        return Duplicates()
    pairs = identical = copies = 0
    same: list[Twins] = []
    alike: list[Twins] = []
    tree = cKDTree(prints)
    for number, print_ in enumerate(prints):
        # One chip at a time: a thousand copies of one picture make a million pairs.
        near = sorted(n for n in tree.query_ball_point(print_, _NEAR) if n > number)
        for other in near:
            twins = _compared(viewer, places[number], places[other])
            if twins is None:
                continue
            pairs, identical = pairs + 1, identical + twins.identical
            copies += twins.identical and any(twins.across(training) for training in trainings)
            kept = same if twins.identical else alike
            if len(kept) < _LISTED:
                kept.append(twins)
    return Duplicates(pairs, identical, copies, (*same, *alike)[:_LISTED])


def _place(content: dict[str, Any]) -> Place:
    return Place(content["scene"], content["row_off"], content["col_off"], tuple(content["parts"]))


def _fingerprints(
    viewer: Viewer, chips: gpd.GeoDataFrame
) -> tuple[list[tuple[Place, Window]], np.ndarray]:
    """Chips that have any structure, and the fingerprint (N, 35) of each, float32."""
    placed, prints = [], []
    total = len(chips.drop_duplicates(["scene", "row_off", "col_off"]))
    with progress("Fingerprints of chips", total, "chips") as bar:
        for place, window in _windows(chips):
            found = _fingerprint_of(viewer, place.scene, window)
            if found is not None:
                placed.append((place, window))
                prints.append(found)
            bar.advance()
    return placed, np.asarray(prints, dtype=np.float32)


def _windows(chips: gpd.GeoDataFrame) -> Iterator[tuple[Place, Window]]:
    """Each window of the table once, cut by its scene, with its parts."""
    keys = ["scene", "row_off", "col_off", "height", "width"]
    for (scene, row, col, height, width), rows in chips.groupby(keys, sort=False):
        parts = tuple(dict.fromkeys(rows["split"]))
        yield (
            Place(str(scene), int(row), int(col), parts),
            Window(int(row), int(col), int(height), int(width)),
        )


def _gray(viewer: Viewer, scene: str, window: Window) -> np.ndarray:
    """Mean over the channels, float32 (H, W); where a pixel is unusable, the mean of the others."""
    return _gray_of(*_read(viewer, scene, window))


def _gray_of(raster: Raster, usable: np.ndarray) -> np.ndarray:
    gray = raster.values.mean(axis=0)
    if usable.all():
        return gray
    filled = gray[usable].mean() if usable.any() else 0.0
    return np.where(usable, gray, np.float32(filled))


def _read(viewer: Viewer, name: str, window: Window) -> tuple[Raster, np.ndarray]:
    """A window of a scene and its usable pixels."""
    if not viewer.regions:
        # Chips are viewed again and again: kept views are not read twice.
        view = viewer.view(name, window)
        return view.raster, view.usable
    # Of a region its box, without the padding that a view has around it.
    scene = viewer.scenes[name]
    raster = scene.read(viewer.channels, window)
    return raster, scene.usable(raster)


def _fingerprint_of(viewer: Viewer, scene: str, window: Window) -> np.ndarray | None:
    """Unit vector of the lowest frequencies of a chip; None where there is no structure."""
    from scipy.fft import dctn

    own = viewer.scenes[scene].geobox.shape
    raster, usable = _read(viewer, scene, window)
    if min(window.shape) < min(_STRIP, *own) or not _has_structure(raster.values[:, usable]):
        return None
    found = dctn(_shrunk(_gray_of(raster, usable), _THUMBNAIL), norm="ortho")
    low = np.zeros((_FREQUENCIES, _FREQUENCIES))
    found = found[:_FREQUENCIES, :_FREQUENCIES]
    low[: found.shape[0], : found.shape[1]] = found
    print_ = low.ravel()[1:]
    length = float(np.linalg.norm(print_))
    return None if length == 0 else (print_ / length).astype(np.float32)


def _has_structure(values: np.ndarray) -> bool:
    """Whether any channel of (C, N) values varies by more than noise does."""
    if not values.shape[1]:
        return False
    # By channel: beside 300 K the spread of a reflectance is nothing.
    least = _FLAT * np.maximum(np.abs(values.mean(axis=1)), 1e-6)
    return bool((values.std(axis=1) > least).any())


def _shrunk(gray: np.ndarray, side: int) -> np.ndarray:
    """Means over a grid of side x side boxes, or of pixels where there are fewer; float64."""
    for axis in (0, 1):
        number = gray.shape[axis]
        edges = np.unique(np.linspace(0, number, side + 1).astype(int)[:-1])
        sums = np.add.reduceat(gray.astype(np.float64), edges, axis=axis)
        counts = np.diff(np.append(edges, number))
        gray = sums / (counts[:, None] if axis == 0 else counts[None, :])
    return gray


def _compared(
    viewer: Viewer, one: tuple[Place, Window], other: tuple[Place, Window]
) -> Twins | None:
    """The pair, when both show one picture in different parts and do not share known ground."""
    (place, window), (place_2, window_2) = one, other
    if set(place.parts) == set(place_2.parts) and len(place.parts) == 1:
        return None
    if _share_ground(viewer, one, other):
        return None
    grays = [_gray(viewer, item.scene, cut) for item, cut in (one, other)]
    if grays[0].shape != grays[1].shape:
        side = min(_COMPARED, *grays[0].shape, *grays[1].shape)
        small = [_shrunk(gray, side) for gray in grays]
    else:
        small = [_shrunk(gray, _COMPARED) for gray in grays]
    correlation = float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1])
    if not correlation >= _SAME_PICTURE:
        return None
    identical = window.shape == window_2.shape and _digest(viewer, *one) == _digest(viewer, *other)
    if not identical and min(*window.shape, *window_2.shape) < _SMALLEST:
        return None
    return Twins(place, place_2, round(correlation, 4), identical)


def _share_ground(viewer: Viewer, one: tuple[Place, Window], other: tuple[Place, Window]) -> bool:
    boxes = [
        window_geobox(viewer.scenes[place.scene].geobox, window) for place, window in (one, other)
    ]
    if boxes[0].crs is None and one[0].scene != other[0].scene:
        return False
    return share_ground(*boxes)


def _digest(viewer: Viewer, place: Place, window: Window) -> bytes:
    raster, _ = _read(viewer, place.scene, window)
    digest = hashlib.blake2b(raster.valid.tobytes())
    digest.update(np.where(raster.valid, raster.values, 0).tobytes())
    return digest.digest()
