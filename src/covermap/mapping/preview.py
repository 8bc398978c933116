"""Pictures for people: a map with its legend, and a scene in colours one can look at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.files import complete_file
from covermap.core.grid import resolution_m, tiles, whole
from covermap.core.legend import Legend
from covermap.core.names import shortened
from covermap.imagery.raster import Band, Scene
from covermap.mapping.reading import pictures_allowed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Centres of red, green and blue of Sentinel-2 (ESA, Sentinel-2 MSI spectral responses), and how
# far from them a band still counts as that colour.
_RGB_NM = (665.0, 560.0, 490.0)
_COLOR_RADIUS_NM = 45.0
_READ_SIDE = 1024
_DPI = 100
_SOFTWARE = "covermap"
# Of so many classes all are in the legend, of more those on the map; lines that a figure grows for;
# the share of its width that the legend may take.
_FEW_CLASSES, _MOST_LINES, _LEGEND_SHARE = 24, 40, 0.34


def write_preview(
    map_path: Path, legend: Legend, out: Path, width: int = 1600, title: str = ""
) -> None:
    """A PNG picture of a class map with legend, scale bar and north arrow.

    The map is read through its overviews, so memory depends on `width` alone. Nodata is
    white. Pictures without a CRS have neither scale bar nor arrow.

    Parameters
    ----------
    map_path : Path
        A class map as `map_scene` writes it.
    legend : Legend
        Its classes.
    out : Path
        The PNG.
    width : int
        Of the picture in pixels, about.
    title : str
        Printed above the map.
    """
    ids, nodata, geobox = _read_overview(map_path, width)
    figure, _ = _figure(_colored(ids, legend, nodata), geobox, width, title)
    _draw_legend(figure, legend, set(np.unique(ids).tolist()))
    _save(figure, out)


def value_picture(map_path: Path, width: int) -> np.ndarray:
    """A map of numbers as a picture, uint8 (H, W, 3): a colour ramp from 0, nodata white.

    Parameters
    ----------
    map_path : Path
        A map of values as `map_scene` writes it.
    width : int
        Longer side of the picture in pixels, about.
    """
    values, _, _ = _read_overview(map_path, width)
    picture = np.full((*values.shape, 3), 255, dtype=np.uint8)
    known = np.isfinite(values)
    picture[known] = _ramp(values[known] / _highest(values))
    return picture


def write_value_preview(
    map_path: Path, unit: str, out: Path, width: int = 1600, title: str = ""
) -> None:
    """A PNG picture of a map of numbers with its colour ramp; nodata is white."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values, _, geobox = _read_overview(map_path, width)
    figure, axes = _figure(value_picture(map_path, width), geobox, width, title)
    scale = ScalarMappable(Normalize(0, _highest(values)), "viridis")
    figure.colorbar(scale, ax=axes, fraction=0.046).set_label(unit, parse_math=False)
    _save(figure, out)


def _figure(picture: np.ndarray, geobox: GeoBox, width: int, title: str) -> tuple[Figure, Axes]:
    """A picture (H, W, 3 or 4) with title, scale bar and north arrow; room to its right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, cols = picture.shape[:2]
    # What is beside the map takes a fifth of the width; the height follows the map, within reason.
    map_width = width * 0.78 / _DPI
    height = min(max(map_width * rows / cols + 0.9, 3.0), 2.0 * width / _DPI)
    figure = Figure(figsize=(width / _DPI, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(picture, interpolation="nearest")
    axes.set_axis_off()
    if title:
        # A name may hold dollar signs: it is no formula.
        axes.set_title(title, loc="left", parse_math=False)
    if geobox.crs is not None:
        _draw_scale(axes, geobox, (rows, cols))
        _draw_north(axes, geobox, (rows, cols))
    return figure, axes


def _draw_legend(figure: Figure, legend: Legend, present: set[int]) -> None:
    """The classes beside the map, those on it first; what has no room is counted.

    The figure grows in height for up to 40 lines; more classes stand in a second column.
    """
    from matplotlib.patches import Patch

    shown = sorted(legend.classes, key=lambda item: item.id not in present)
    if len(shown) > _FEW_CLASSES:
        shown = [item for item in shown if item.id in present]
    size = 10.0 if len(shown) <= _FEW_CLASSES else 8.0
    line_inches = 1.55 * size / 72
    width, height = figure.get_size_inches()
    height = max(height, min(len(shown), _MOST_LINES) * line_inches + 0.4)
    figure.set_size_inches(width, height)
    lines = int((height - 0.4) / line_inches)
    columns = 1 if len(shown) <= lines else 2
    more = len(shown) - columns * lines
    if more > 0:
        more += 1
        shown = shown[:-more]
    # A letter is about half as wide as its line is high, and beside it stands its colour.
    letters = int(_LEGEND_SHARE * width / columns * 72 / (0.56 * size)) - 6
    handles = [
        Patch(
            facecolor=item.color,
            edgecolor="#444444",
            linewidth=0.5,
            label=shortened(item.name, letters),
        )
        for item in shown
    ]
    if more > 0:
        handles.append(Patch(facecolor="none", edgecolor="none", label=f"and {more} more"))
    drawn = figure.legend(
        handles=handles,
        loc="outside right upper",
        frameon=False,
        fontsize=size,
        ncols=columns,
        labelspacing=0.35,
        columnspacing=1.0,
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)


def is_own_picture(path: Path) -> bool:
    """Whether a file is a preview as this program writes it."""
    try:
        with path.open("rb") as file:
            # Texts of a PNG stand before its pixels (PNG 1.2, 4.2.3).
            return b"tEXtSoftware\0" + _SOFTWARE.encode() in file.read(1000)
    except OSError:
        return False


def _save(figure: Figure, out: Path) -> None:
    with complete_file(out) as scratch:
        # matplotlib would write its version into the file, which is its pixels and our name alone.
        figure.savefig(scratch, format="png", metadata={"Software": _SOFTWARE})


def _highest(values: np.ndarray) -> float:
    """The end of the colour ramp: the largest value, or 1 where none is above 0."""
    known = values[np.isfinite(values)]
    largest = float(known.max()) if known.size else 0.0
    return largest if largest > 0 else 1.0


def _ramp(shares: np.ndarray) -> np.ndarray:
    import matplotlib as mpl

    colors = mpl.colormaps["viridis"](np.clip(shares, 0, 1))[:, :3]
    return np.rint(colors * 255).astype(np.uint8)


def quicklook(
    scene: Scene, max_size: int = 1000, percentiles: tuple[float, float] = (2.0, 98.0)
) -> np.ndarray:
    """A scene as a picture: true colour where it has red, green and blue, else its first bands.

    Every n-th pixel is taken while the scene is read by blocks, so memory does not grow with it.
    Each band is stretched on its own between two percentiles of its valid pixels.

    Parameters
    ----------
    scene : Scene
    max_size : int
        Longer side of the picture in pixels, at most.
    percentiles : (float, float)
        Per cent of pixels that become black, and below which they are not yet white.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Invalid pixels are white.
    """
    names = display_bands(scene.bands)
    height, width = (int(side) for side in scene.geobox.shape)
    step = max(1, math.ceil(max(height, width) / max_size))
    shape = (math.ceil(height / step), math.ceil(width / step))
    values = np.zeros((len(names), *shape), dtype=np.float32)
    valid = np.zeros(shape, dtype=bool)
    side = max(1, _READ_SIDE // step) * step
    for window in tiles(whole(scene.geobox), side):
        raster = scene.read(names, window)
        rows = slice(window.row_off // step, math.ceil(window.row_stop / step))
        cols = slice(window.col_off // step, math.ceil(window.col_stop / step))
        values[:, rows, cols] = raster.values[:, ::step, ::step]
        valid[rows, cols] = np.all(raster.valid[:, ::step, ::step], axis=0)
    picture = np.stack([stretched(band, valid, percentiles) for band in values], axis=-1)
    if len(names) == 1:
        picture = np.repeat(picture, 3, axis=-1)
    picture[~valid] = 255
    return picture


def display_bands(bands: tuple[Band, ...]) -> list[str]:
    """Names of the bands to show as red, green, blue; one name for a grey picture."""
    chosen = [_nearest_band(bands, wavelength) for wavelength in _RGB_NM]
    if None not in chosen and len(set(chosen)) == 3:
        return [name for name in chosen if name is not None]
    return [band.name for band in bands[: 3 if len(bands) >= 3 else 1]]


def _nearest_band(bands: tuple[Band, ...], wavelength_nm: float) -> str | None:
    known = [
        (abs(band.wavelength_nm - wavelength_nm), band.name)
        for band in bands
        if band.wavelength_nm is not None
    ]
    distance, name = min(known, default=(math.inf, None))
    return name if distance <= _COLOR_RADIUS_NM else None


def map_picture(map_path: Path, legend: Legend, width: int) -> np.ndarray:
    """A class map in the legend's colours, uint8 (H, W, 3), about `width` wide; nodata is white."""
    ids, nodata, _ = _read_overview(map_path, width)
    colored = _colored(ids, legend, nodata)
    return np.where(colored[..., 3:] > 0, colored[..., :3], 255).astype(np.uint8)


def stretched(band: np.ndarray, valid: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    """A band stretched between two percentiles of its valid pixels, uint8 (H, W)."""
    if not valid.any():
        return np.full(band.shape, 255, dtype=np.uint8)
    low, high = np.percentile(band[valid], percentiles)
    share = (band - low) / (high - low) if high > low else np.full(band.shape, 0.5)
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def _read_overview(path: Path, width: int) -> tuple[np.ndarray, float, GeoBox]:
    """Class ids, or values, on a grid of at most `width` columns, 2 x `width` rows; the grid."""
    import rasterio
    from affine import Affine

    with pictures_allowed(), rasterio.open(path) as dataset:
        factor = max(1.0, dataset.width / width, dataset.height / (2 * width))
        rows = max(1, round(dataset.height / factor))
        cols = max(1, round(dataset.width / factor))
        ids = dataset.read(1, out_shape=(rows, cols))
        affine = dataset.transform @ Affine.scale(dataset.width / cols, dataset.height / rows)
        crs = None if dataset.crs is None else dataset.crs.to_wkt()
        return ids, float(dataset.nodata), GeoBox((rows, cols), affine, crs)


def _colored(ids: np.ndarray, legend: Legend, nodata: float) -> np.ndarray:
    """RGBA uint8 (H, W, 4); nodata and ids that no class has are transparent."""
    index, known = legend.to_index(ids)
    colors = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] + [255] for c in legend.colors]
    picture = np.asarray(colors, dtype=np.uint8)[index]
    picture[~known | (ids == nodata)] = 0
    return picture


def _draw_scale(axes: Axes, geobox: GeoBox, shape: tuple[int, int]) -> None:
    rows, cols = shape
    pixel_m = resolution_m(geobox)[0]
    length_m = _round_length(pixel_m * cols / 4)
    length = length_m / pixel_m
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    # Below the picture, where it covers nothing.
    y = rows * 1.02
    axes.plot([0, length], [y, y], color="black", linewidth=3, clip_on=False)
    axes.text(length, y, f" {label}", va="center", ha="left", clip_on=False)


def _draw_north(axes: Axes, geobox: GeoBox, shape: tuple[int, int]) -> None:
    rows, cols = shape
    inverse = ~geobox.affine
    # The step of pixels that one unit of northing makes; rows count downwards.
    across, down = inverse.b, inverse.e
    length = math.hypot(across, down)
    size = max(rows, cols) * 0.04
    tip = (cols - size + across / length * size / 2, rows + size + down / length * size / 2)
    tail = (cols - size - across / length * size / 2, rows + size - down / length * size / 2)
    axes.annotate(
        "",
        xy=tip,
        xytext=tail,
        arrowprops={"arrowstyle": "-|>", "color": "black"},
        annotation_clip=False,
    )
    axes.text(cols - 2 * size, rows + size, "N", va="center", ha="center", clip_on=False)


def _round_length(length_m: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is no longer."""
    power = 10.0 ** math.floor(math.log10(length_m))
    return max(step * power for step in (1, 2, 5) if step * power <= length_m * (1 + 1e-9))
