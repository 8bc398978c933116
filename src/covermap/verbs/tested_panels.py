"""The best, a middling and the worst piece of test ground, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from covermap.chips.audit import shares_of
from covermap.chips.loading import Share
from covermap.mapping.reading import read_map_window
from covermap.report.content import Panel
from covermap.verbs.pictures import picture
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

# So many windows are looked at, evenly taken: a report must not cost another evaluation.
_MOST_WINDOWS = 200
# Windows with few labels score 0 or 1 by chance and show little.
_LEAST_LABELLED = 0.5


@dataclass(frozen=True)
class _Tested:
    """A tested window and the share of its counted pixels that are mapped right."""

    training: str
    share: Share
    place: int
    right: float
    counted: int


def tested_panels(workspace: Workspace, chips: gpd.GeoDataFrame) -> tuple[Panel, ...]:
    """Best, median and worst tested window by the share of labelled pixels mapped right."""
    tested = _tested(workspace, chips)
    if not tested:
        return ()
    usual = float(np.median([item.counted for item in tested]))
    ranked = sorted(
        (item for item in tested if item.counted >= _LEAST_LABELLED * usual),
        key=lambda item: (-item.right, -item.counted, item.training, item.place),
    )
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    chosen = {place: title for title, place in reversed(places.items())}
    return tuple(_panel(workspace, title, ranked[place]) for place, title in sorted(chosen.items()))


def _tested(workspace: Workspace, chips: gpd.GeoDataFrame) -> list[_Tested]:
    windows = []
    for training in workspace.split.trainings:
        if training.score:
            _, _, share = shares_of(workspace.viewer, chips, training)
            assert share is not None
            windows += [(training.name, share, place) for place in range(len(share.windows))]
    step = -(-len(windows) // _MOST_WINDOWS)
    tested = []
    for name, share, place in windows[:: max(1, step)]:
        view = share.read(place)
        counted = share.counted(view)
        if counted.any():
            index, known = mapped_window(workspace, name, share, place)
            right = (index == view.target.index) & known & counted
            total = int(counted.sum())
            tested.append(_Tested(name, share, place, float(right.sum()) / total, total))
    return tested


def _panel(workspace: Workspace, title: str, tested: _Tested) -> Panel:
    share, place = tested.share, tested.place
    name, window = share.windows[place]
    view = share.read(place)
    index, known = mapped_window(workspace, tested.training, share, place)
    path = _map_path(workspace, tested.training, name)
    confidence = read_map_window(path.with_name(f"{path.stem}_confidence.tif"), window, 255) / 100.0
    return Panel(
        caption=f"{title}: {tested.right:.0%} of {tested.counted:,} labelled pixels right; {name}, "
        f"row {window.row_off}, column {window.col_off}",
        image=picture(workspace.viewer.scenes[name], window),
        truth=np.where(share.counted(view), view.target.index, -1).astype(np.int16),
        prediction=np.where(known, index, -1).astype(np.int16),
        confidence=np.where(known, confidence, np.nan),
    )


def mapped_window(
    workspace: Workspace, training: str, share: Share, place: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class positions (H, W) of a window of the written map, and where it is mapped."""
    name, window = share.windows[place]
    legend = workspace.labels.legend
    path = _map_path(workspace, training, name)
    return legend.to_index(read_map_window(path, window, legend.nodata))


def _map_path(workspace: Workspace, training: str, scene: str) -> Path:
    return workspace.folder.path / "evaluation" / f"{training}_{scene}.tif"
