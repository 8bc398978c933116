"""The table of chips: one row for each window and part, kept as GeoParquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.parts import Split
from covermap.chips.scan import Scan
from covermap.chips.view import View, Viewer
from covermap.core.errors import CovermapError, SplitError
from covermap.core.files import complete_file
from covermap.core.grid import Window, whole, window_geobox
from covermap.core.progress import progress
from covermap.imagery.raster import Scene

if TYPE_CHECKING:
    import geopandas as gpd

COLUMNS = (
    "chip", "scene", "date", "col_off", "row_off", "width", "height", "split",
    "share_valid", "share_cloud", "share_labelled", "class_shares", "geometry",
)  # fmt: skip


def plan_chips(
    scenes: Sequence[Scene], scans: Sequence[Scan], split: Split, viewer: Viewer, size: int
) -> gpd.GeoDataFrame:
    """Rows of all chips that hold counted labels.

    A window whose labels belong to several parts has a row for each. Shares are of the chip's
    pixels inside the scene; class shares of its counted pixels.
    """
    import geopandas as gpd

    rows: list[dict[str, Any]] = []
    shapes: list[Any] = []
    total = sum(len(item.chips(size)) for item in scans)
    with progress("Planning chips", total, "chips") as bar:
        for scene, item in zip(scenes, scans, strict=True):
            for row, col in item.chips(size):
                window = Window(int(row) * size, int(col) * size, size, size)
                view = viewer.view(scene.name, window)
                for record in _records(scene, window, view, split, viewer):
                    rows.append(record)
                    shapes.append(_footprint(scene, window))
                bar.advance()
    if not rows:
        raise SplitError(
            "no chip holds a usable labelled pixel; check that the polygons lie on valid ground"
        )
    for number, record in enumerate(rows):
        record["chip"] = number
    table = gpd.GeoDataFrame(rows, geometry=shapes, crs="OGC:CRS84")
    return table[list(COLUMNS)]


def write_chips(path: Path, table: gpd.GeoDataFrame) -> None:
    """Write the table as GeoParquet."""
    with complete_file(path) as scratch:
        table.to_parquet(scratch, index=False, compression="zstd")


def read_chips(path: Path) -> gpd.GeoDataFrame:
    """Read a table that `write_chips` wrote."""
    import geopandas as gpd

    if not path.exists():
        raise CovermapError(f"{path}: no such file; run `covermap prepare` first")
    return gpd.read_parquet(path)


def windows_of(table: gpd.GeoDataFrame, parts: Sequence[str]) -> list[tuple[str, Window]]:
    """Scene and window of each chip with labels of one of the parts; each window once, in order.

    Windows are square again, also where the scene's border cuts the chip.
    """
    chosen = table[table["split"].isin(list(parts))]
    side = int(max(table["width"].max(), table["height"].max()))
    side = -(-side // 32) * 32
    found: dict[tuple[str, Window], None] = {}
    for scene, row, col in zip(chosen["scene"], chosen["row_off"], chosen["col_off"], strict=True):
        found[(str(scene), Window(int(row), int(col), side, side))] = None
    return list(found)


def _records(
    scene: Scene, window: Window, view: View, split: Split, viewer: Viewer
) -> list[dict[str, Any]]:
    cut = window.intersection(whole(scene.geobox))
    assert cut is not None
    pixels = int(view.inside.sum())
    cloud = float((scene.cloud(window) & view.inside).sum() / pixels)
    records = []
    legend = viewer.labels.legend
    for code in np.unique(view.counting[view.counting >= 0]):
        here = view.counting == code
        held = np.bincount(view.target.index[here], minlength=len(legend))
        records.append(
            {
                "scene": scene.name,
                "date": scene.date.isoformat() if scene.date else None,
                "col_off": cut.col_off,
                "row_off": cut.row_off,
                "width": cut.width,
                "height": cut.height,
                "split": split.ground.parts[int(code)],
                "share_valid": float(view.usable.sum() / pixels),
                "share_cloud": cloud,
                "share_labelled": float(here.sum() / pixels),
                "class_shares": {
                    name: float(n / held.sum()) for name, n in zip(legend.names, held, strict=True)
                },
            }
        )
    return records


def _footprint(scene: Scene, window: Window) -> Any:
    if scene.geobox.crs is None:
        return None
    cut = window.intersection(whole(scene.geobox))
    assert cut is not None
    return window_geobox(scene.geobox, cut).extent.to_crs("EPSG:4326").geom
