"""Layers that say which pixels are cloud, shadow, fill: class codes or bit flags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.grid import Window, whole
from covermap.imagery.places import centres_inside, window_around
from covermap.imagery.raster import Scene
from covermap.imagery.sources import BandSource, read_codes

# Sentinel-2 L2A scene classification (Sentinel-2 Products Specification Document, table of SCL):
# 0 no data, 1 saturated or defective, 3 cloud shadow, 8 and 9 cloud of medium and high
# probability, 10 thin cirrus. Dark areas (2) and unclassified (7) stay usable.
SCL_INVALID = (0, 1, 3, 8, 9, 10)
SCL_CLOUD = (3, 8, 9, 10)
# Landsat Collection 2 QA_PIXEL (USGS LSDS-1619, table 6-3): bit 0 fill, 1 dilated cloud,
# 2 cirrus, 3 cloud, 4 cloud shadow.
QA_PIXEL_INVALID = 0b11111
QA_PIXEL_CLOUD = 0b11110


@dataclass(frozen=True)
class QualityLayer:
    """Codes of one layer and which of them forbid a pixel.

    Attributes
    ----------
    source : BandSource
        Where the codes are kept, at any resolution; the nearest one counts. Its nodata tells
        nothing, as the ground beyond it.
    invalid, cloud : tuple of int or None
        Codes that forbid a pixel, and those that mean cloud or cloud shadow. None means every
        code but 0. With `bits` they are single numbers whose set bits are flags.
    bits : bool
        Whether codes are bit flags.
    """

    source: BandSource
    invalid: tuple[int, ...] | None = None
    cloud: tuple[int, ...] | None = None
    bits: bool = False

    def invalid_at(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Bool (H, W): which pixels are forbidden; those the layer tells nothing of are, too."""
        codes, told = read_codes(self.source, geobox, window)
        return self._among(codes, self.invalid) | ~told

    def cloud_at(self, geobox: GeoBox, window: Window) -> np.ndarray:
        """Bool (H, W): which pixels are cloud or cloud shadow."""
        codes, told = read_codes(self.source, geobox, window)
        return self._among(codes, self.cloud) & told

    def _among(self, codes: np.ndarray, wanted: tuple[int, ...] | None) -> np.ndarray:
        if wanted is None:
            return codes != 0
        if self.bits:
            return (codes & sum(wanted)) != 0
        return np.isin(codes, wanted)


def cloud_share(scene: Scene, window: Window) -> float:
    """Share 0..1 of a window's ground in the scene that is cloud or cloud shadow.

    Counted in the quality layer's own pixels whose centres lie in the window: resampled, a coarse
    pixel at the window's border would count by a part. Where the layer is so coarse that no centre
    does, in the scene's pixels.
    """
    inner = window.intersection(whole(scene.geobox))
    if inner is None or scene.cloud_grid is None:
        return 0.0
    native = window_around(scene.cloud_grid, scene.geobox, inner)
    held = centres_inside(scene.geobox, inner, scene.cloud_grid, native)
    if held.any():
        return float((scene.cloud_on(scene.cloud_grid, native) & held).sum() / held.sum())
    return float(scene.cloud(inner).mean())


def told(layer: QualityLayer) -> str:
    """A note on which codes of a layer forbid a pixel."""
    if layer.bits:
        flags = [str(bit) for bit in range(16) if sum(layer.invalid or ()) >> bit & 1]
        codes = "flags in bits " + ", ".join(flags)
    elif layer.invalid is None:
        codes = "all codes but 0"
    else:
        codes = "classes " + ", ".join(str(code) for code in layer.invalid)
    return f"quality layer {layer.source.path.name}: {codes} are invalid"


def scl_layer(source: BandSource) -> QualityLayer:
    """Sentinel-2's scene classification with the default classes."""
    return QualityLayer(source, SCL_INVALID, SCL_CLOUD)


def qa_pixel_layer(source: BandSource) -> QualityLayer:
    """Landsat Collection 2's QA_PIXEL with the default flags."""
    return QualityLayer(source, (QA_PIXEL_INVALID,), (QA_PIXEL_CLOUD,), bits=True)
