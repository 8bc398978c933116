"""The whole truth of generated ground, against which the reported score is held (law 14)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from covermap.assessment import scores
from covermap.assessment.tally import Tally
from covermap.core.errors import LabelError
from covermap.core.grid import Window, window_geobox
from covermap.core.legend import Legend
from covermap.imagery.raster import Scene


def require_class_raster(path: Path) -> None:
    """Stop where a file cannot hold the class of each pixel.

    Raises
    ------
    LabelError
        It is no raster.
    """
    import rasterio
    from rasterio.errors import RasterioError

    try:
        rasterio.open(path).close()
    except RasterioError:
        raise LabelError(
            f"{path}: truth: is no raster; expected a GeoTIFF with the class id of each pixel (of "
            "polygons make one: gdal_rasterize -a ID -tr 10 10 polygons.gpkg truth.tif)"
        ) from None


class Truth:
    """Tally of a map against a class raster that knows every pixel."""

    def __init__(self, path: Path, legend: Legend) -> None:
        self.path, self.legend = path, legend
        self.tally = Tally.zero(len(legend))

    def add(self, scene: Scene, window: Window, predicted: np.ndarray, counted: np.ndarray) -> None:
        """Count the pixels of a window whose true class the legend has."""
        index, known = self.legend.to_index(self._read(scene, window))
        self.tally += Tally.of(index, predicted, counted & known, len(self.legend))

    def scores(self, assessed: Sequence[str]) -> dict[str, Any]:
        """Scores of all valid pixels of the tested ground."""
        chosen = [self.legend.index(name) for name in assessed]
        return {
            "true_overall_accuracy": scores.overall_accuracy(self.tally),
            "true_class_mean_iou": scores.class_mean_iou(self.tally, chosen),
            "true_pixels": self.tally.total,
        }

    def _read(self, scene: Scene, window: Window) -> np.ndarray:
        import rasterio
        from rasterio.enums import Resampling
        from rasterio.errors import RasterioError
        from rasterio.vrt import WarpedVRT
        from rasterio.windows import Window as FileWindow

        box = window_geobox(scene.geobox, window)
        try:
            with (
                rasterio.open(self.path) as dataset,
                WarpedVRT(
                    dataset,
                    crs=box.crs.to_wkt() if box.crs else None,
                    transform=box.affine,
                    width=box.shape[1],
                    height=box.shape[0],
                    resampling=Resampling.nearest,
                    src_nodata=None,
                    nodata=self.legend.nodata,
                ) as aligned,
            ):
                full = FileWindow(0, 0, window.width, window.height)
                return np.asarray(aligned.read(1, window=full))
        except RasterioError as error:
            raise LabelError(f"{self.path}: not readable as a class raster ({error})") from None
