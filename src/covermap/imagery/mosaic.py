"""Tiles of one date that adjoin, read as one scene."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, WindowIndex, same_lattice, whole, window_geobox
from covermap.imagery.adjoining import TOLERANCE, adjoining
from covermap.imagery.file_scene import BandedScene, FileScene
from covermap.imagery.places import centres_inside, window_around
from covermap.imagery.raster import Band, Days, Raster


@dataclass(frozen=True)
class MosaicScene(BandedScene):
    """Tiles on one lattice; where they overlap the first valid value wins.

    `places` are the tiles' windows on the mosaic's grid, in the order of `tiles`.
    """

    name: str
    geobox: GeoBox
    tiles: tuple[FileScene, ...]
    places: tuple[Window, ...]

    @property
    def bands(self) -> tuple[Band, ...]:
        return self.tiles[0].bands

    @property
    def date(self) -> datetime.date | None:
        return self.tiles[0].date

    @property
    def days(self) -> Days | None:
        return self.tiles[0].days

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files of all tiles."""
        return tuple(dict.fromkeys(path for tile in self.tiles for path in tile.files))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """The notes of all tiles, each once."""
        told = dict.fromkeys(note for tile in self.tiles for note in tile.notes)
        return (f"{len(self.tiles)} adjoining tiles opened as one scene", *told)

    def read_own(self, names: Sequence[str], window: Window) -> Raster:
        """Values and validity of own bands; only tiles that the window touches are opened."""
        values = np.zeros((len(names), *window.shape), np.float32)
        valid = np.zeros(values.shape, bool)
        for tile, place, common in self._touched(window):
            raster = tile.read_own(names, common.relative_to(place))
            target = (slice(None), *common.relative_to(window).slices)
            fresh = raster.valid & ~valid[target]
            values[target] = np.where(fresh, raster.values, values[target])
            valid[target] |= fresh
        return Raster(values, valid, window_geobox(self.geobox, window), tuple(names))

    def own_reach(self, names: Sequence[str]) -> int:
        """The farthest of any tile."""
        return max(tile.own_reach(names) for tile in self.tiles)

    @cached_property
    def cloud_grid(self) -> GeoBox | None:
        """The grid of the first quality layer."""
        grids = (tile.cloud_grid for tile in self.tiles)
        return next((grid for grid in grids if grid is not None), None)

    def cloud_on(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Bool (H, W): cloud in every tile that reaches there."""
        cloud, seen = np.zeros(window.shape, bool), np.zeros(window.shape, bool)
        if self.cloud_grid is None:
            return cloud
        around = window_around(self.geobox, geobox, window).expanded(1)
        for tile, _, _ in self._touched(around):
            here = centres_inside(tile.geobox, whole(tile.geobox), geobox, window)
            if here.any():
                found = tile.cloud_on(geobox, window)
                cloud = np.where(here, found & (cloud | ~seen), cloud)
                seen |= here
        return cloud

    def _touched(self, window: Window) -> list[tuple[FileScene, Window, Window]]:
        touched = []
        for number in self._index.met_by(window):
            common = window.intersection(self.places[number])
            assert common is not None
            touched.append((self.tiles[number], self.places[number], common))
        return touched

    @cached_property
    def _index(self) -> WindowIndex:
        return WindowIndex(self.places)


def joined(scenes: Sequence[FileScene]) -> list[FileScene | MosaicScene]:
    """Scenes with tiles that adjoin put together; the others as they are, in their order.

    See `adjoining` for what belongs together: pictures of the same ground stay apart.
    """
    groups = ([scenes[number] for number in group] for group in adjoining(scenes))
    return [group[0] if len(group) == 1 else _mosaic(group) for group in groups]


def _place(one: GeoBox, other: GeoBox) -> Window:
    # From tile to tile what one disagrees by with the next adds up.
    origin = same_lattice(one, other, 10 * TOLERANCE)
    if origin is None:
        raise ValueError("the grids have no common lattice")
    return Window(origin[0], origin[1], int(other.shape[0]), int(other.shape[1]))


def _mosaic(tiles: Sequence[FileScene]) -> MosaicScene:
    base = tiles[0].geobox
    places = [_place(base, tile.geobox) for tile in tiles]
    top, left = min(p.row_off for p in places), min(p.col_off for p in places)
    bottom, right = max(p.row_stop for p in places), max(p.col_stop for p in places)
    frame = Window(top, left, bottom - top, right - left)
    snapped = tuple(
        replace(tile, geobox=window_geobox(base, place))
        for tile, place in zip(tiles, places, strict=True)
    )
    return MosaicScene(
        name=f"{tiles[0].name}+{len(tiles) - 1}",
        geobox=window_geobox(base, frame),
        tiles=snapped,
        places=tuple(place.relative_to(frame) for place in places),
    )
