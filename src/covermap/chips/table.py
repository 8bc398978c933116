"""The tables of chips, and of windows that are none: a row for each, kept as GeoParquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.contents import contents_of, shares_by_name
from covermap.chips.filters import COUNTS_ELSEWHERE, HELD_OUT, NO_USABLE_LABEL, Rejected, Selection
from covermap.chips.parts import Split
from covermap.chips.placing import Placement
from covermap.chips.view import View, Viewer
from covermap.core.errors import CovermapError, SplitError
from covermap.core.files import complete_file
from covermap.core.grid import Window
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.labels.regions import Region

if TYPE_CHECKING:
    import geopandas as gpd

COLUMNS = (
    "chip", "scene", "date", "col_off", "row_off", "width", "height", "split",
    "share_valid", "share_cloud", "share_labelled", "class_shares", "region", "geometry",
)  # fmt: skip
REJECTED_COLUMNS = tuple("reason" if name == "split" else name for name in COLUMNS)
_BETWEEN_REASONS = ", "


@dataclass(frozen=True)
class Plan:
    """What `plan_chips` found.

    Attributes
    ----------
    chips : GeoDataFrame
        The columns are COLUMNS.
    rejected : GeoDataFrame
        Windows with labels that are no chips; the columns are REJECTED_COLUMNS.
    """

    chips: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame


def plan_chips(selection: Selection, split: Split, viewer: Viewer) -> Plan:
    """Rows of all windows that hold counted labels, and of those that hold other labels.

    A window whose labels belong to several parts has a row for each. Shares are of the chip's
    pixels inside the scene; class shares of its counted pixels.
    """
    rows: list[dict[str, Any]] = []
    shapes: list[Any] = []
    rejected = list(selection.rejected)
    legend, uses = viewer.labels.legend, _parts_by_use(split)
    with progress("Planning chips", len(selection.kept), "chips") as bar:
        for place in selection.kept:
            scene = viewer.scenes[place.scene]
            view = viewer.view(place.scene, place.window)
            found = contents_of(
                scene, place.window, view.usable, view.target, len(legend), place.region
            )
            codes = [code for code in np.unique(view.counting) if code in uses[place.use]]
            for code in codes:
                here = view.counting == code
                counts = np.bincount(view.target.index[here], minlength=len(legend))
                rows.append(
                    found.columns()
                    | {
                        "split": split.ground.parts[int(code)],
                        "share_labelled": float(here.sum() / found.pixels),
                        "class_shares": shares_by_name(counts, legend),
                    }
                )
                shapes.append(found.footprint())
            why = None if codes else _why_no_chip(place, view)
            if found.labelled and why is not None:
                rejected.append(Rejected(found, (why,)))
            bar.advance()
    if not rows:
        raise SplitError(
            "no chip holds a usable labelled pixel; check that the polygons lie on valid ground"
        )
    return Plan(_numbered(rows, shapes, COLUMNS), _rejected_table(rejected, legend))


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


def reasons_of(rejected: gpd.GeoDataFrame) -> Iterator[list[str]]:
    """The reasons of each row of a table of windows that are no chips."""
    for several in rejected["reason"]:
        yield str(several).split(_BETWEEN_REASONS)


def windows_of(
    table: gpd.GeoDataFrame, parts: Sequence[str], regions: Mapping[tuple[str, Window], Region]
) -> list[tuple[str, Window]]:
    """Scene and window of each chip with labels of one of the parts; each window once, in order.

    Windows are square again, also where the scene's border cuts the chip. Where polygons are chips
    they are those of `regions`, by the polygon's row.
    """
    chosen = table[table["split"].isin(list(parts))]
    if regions:
        if "region" not in chosen:
            raise CovermapError(
                "chips.parquet: does not say which polygon each chip stands for, as earlier "
                "versions did not; run `covermap prepare` with --force"
            )
        places = {(key[0], region.row): key for key, region in regions.items()}
        rows = zip(chosen["scene"], chosen["region"], strict=True)
        return list(dict.fromkeys(places[str(scene), int(row)] for scene, row in rows))
    side = int(max(table["width"].max(), table["height"].max()))
    side = -(-side // 32) * 32
    found: dict[tuple[str, Window], None] = {}
    for scene, row, col in zip(chosen["scene"], chosen["row_off"], chosen["col_off"], strict=True):
        found[(str(scene), Window(int(row), int(col), side, side))] = None
    return list(found)


def _parts_by_use(split: Split) -> dict[str, frozenset[int]]:
    """Codes of the parts of which a window of each use may be a chip."""
    codes = split.ground.codes
    taught = {int(c) for training in split.trainings for c in codes(training.train)}
    judged = {
        int(c) for training in split.trainings for c in codes((*training.validate, *training.score))
    }
    return {
        "all": frozenset(range(len(split.ground.parts))),
        "teach": frozenset(taught),
        "score": frozenset(judged),
    }


def _why_no_chip(place: Placement, view: View) -> str | None:
    """Why a window is no chip; None where another of the same ground is one instead."""
    if not (view.target.labelled & view.usable).any():
        return NO_USABLE_LABEL
    if not (view.counting >= 0).any():
        return COUNTS_ELSEWHERE
    return HELD_OUT if place.use == "teach" else None


def _rejected_table(rejected: Sequence[Rejected], legend: Legend) -> gpd.GeoDataFrame:
    rows = [
        item.contents.columns()
        | {
            "reason": _BETWEEN_REASONS.join(item.reasons),
            "share_labelled": item.contents.share_labelled,
            "class_shares": item.contents.class_shares(legend),
        }
        for item in rejected
    ]
    shapes = [item.contents.footprint() for item in rejected]
    return _numbered(rows, shapes, REJECTED_COLUMNS)


def _numbered(
    rows: list[dict[str, Any]], shapes: list[Any], columns: Sequence[str]
) -> gpd.GeoDataFrame:
    import geopandas as gpd

    for number, record in enumerate(rows):
        record["chip"] = number
    data = rows if rows else {name: [] for name in columns if name != "geometry"}
    return gpd.GeoDataFrame(data, geometry=shapes, crs="OGC:CRS84")[list(columns)]
