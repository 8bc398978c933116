"""Pictures of places for the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.bundle.facts import Channel
from covermap.core.grid import Window, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons
from covermap.mapping.preview import display_bands, stretched

_OUTLINE = (255, 255, 255)
_PERCENTILES = (2.0, 98.0)


def picture(scene: Scene, window: Window, channels: Sequence[Channel] | None = None) -> np.ndarray:
    """A window of a scene in colours for the eye, uint8 (H, W, 3); invalid pixels are white.

    Parameters
    ----------
    scene : Scene
    window : Window
    channels : sequence of Channel, optional
        Of a model: all pictures are then shown alike, between what was low and high in training,
        so that one can be compared with another. By itself each is stretched to its own values.
    """
    names = display_bands(scene.bands)
    raster = scene.read(names, window)
    ends = {channel.name: (channel.low, channel.high) for channel in channels or ()}
    bands = [
        np.where(valid, _shown(values, valid, ends.get(name)), 255).astype(np.uint8)
        for name, values, valid in zip(names, raster.values, raster.valid, strict=True)
    ]
    return np.stack(bands if len(bands) == 3 else [bands[0]] * 3, axis=-1)


def _shown(values: np.ndarray, valid: np.ndarray, ends: tuple[float, float] | None) -> np.ndarray:
    if ends is None or not ends[1] > ends[0]:
        return stretched(values, valid, _PERCENTILES)
    share = (values - ends[0]) / (ends[1] - ends[0])
    return np.clip(np.nan_to_num(share) * 255, 0, 255)


def share_on(scene: Scene, labels: Polygons, row: int) -> float:
    """The share of a polygon that lies on a scene, 0..1."""
    shape = labels.on(scene.geobox).geometry.iloc[row]
    return float(shape.intersection(scene.geobox.extent.geom).area / shape.area)


def outlined(scene: Scene, labels: Polygons, row: int, margin: int = 12) -> np.ndarray | None:
    """The surroundings of a polygon with its outline, uint8 (H, W, 3); None off the scene."""
    from rasterio.features import rasterize

    shape = labels.on(scene.geobox).geometry.iloc[row]
    window = _window_around(scene, shape.bounds, margin)
    if window is None:
        return None
    box = window_geobox(scene.geobox, window)
    line = rasterize([(shape.boundary, 1)], out_shape=window.shape, transform=box.affine)
    image = picture(scene, window)
    image[line > 0] = _OUTLINE
    return image


def _window_around(
    scene: Scene, bounds: tuple[float, float, float, float], margin: int
) -> Window | None:
    left, bottom, right, top = bounds
    corners = [~scene.geobox.affine @ (x, y) for x in (left, right) for y in (bottom, top)]
    cols = [corner[0] for corner in corners]
    rows = [corner[1] for corner in corners]
    # Large polygons are shown whole but coarse pages stay small: at most a few hundred pixels.
    row, col = int(np.floor(min(rows))) - margin, int(np.floor(min(cols))) - margin
    height = min(int(np.ceil(max(rows))) + margin - row, 400)
    width = min(int(np.ceil(max(cols))) + margin - col, 400)
    window = Window(row, col, height, width)
    return window.intersection(Window(0, 0, *(int(n) for n in scene.geobox.shape)))
