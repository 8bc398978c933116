"""Pieces of test ground that show how runs with one split agree and differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from covermap.chips.audit import shares_of
from covermap.chips.loading import Share
from covermap.chips.table import read_chips
from covermap.report.comparison_content import ComparedPanel
from covermap.verbs.pictures import picture
from covermap.verbs.tested_panels import mapped_window
from covermap.verbs.workspace import Workspace

# So many windows are looked at, evenly taken, each in the maps of all runs.
_MOST_WINDOWS = 120
# Windows with few labels score 0 or 1 by chance and show little.
_LEAST_LABELLED = 0.5


@dataclass(frozen=True)
class _Seen:
    """A tested window and the share of its counted pixels that each run maps right."""

    training: str
    share: Share
    place: int
    right: tuple[float, ...]
    counted: int


def compared_panels(opened: Sequence[tuple[str, Workspace]]) -> tuple[ComparedPanel, ...]:
    """Where the runs differ most, and the best, a middling and the worst window of all together.

    Parameters
    ----------
    opened : sequence of (str, Workspace)
        Names and evaluated runs of one split, at least one.
    """
    seen = _seen(opened)
    if not seen:
        return ()
    usual = float(np.median([item.counted for item in seen]))
    able = [item for item in seen if item.counted >= _LEAST_LABELLED * usual]
    ranked = sorted(able, key=lambda item: (-float(np.mean(item.right)), item.training, item.place))
    chosen = {
        "best": ranked[0],
        "median": ranked[len(ranked) // 2],
        "worst": ranked[-1],
    }
    if len(opened) > 1:
        widest = max(ranked, key=lambda item: max(item.right) - min(item.right))
        chosen = {"most different": widest, **chosen}
    shown: dict[int, tuple[str, _Seen]] = {}
    for title, item in chosen.items():
        shown.setdefault(id(item), (title, item))
    return tuple(_panel(opened, title, item) for title, item in shown.values())


def _seen(opened: Sequence[tuple[str, Workspace]]) -> list[_Seen]:
    first = opened[0][1]
    chips = read_chips(first.folder.path / "chips.parquet")
    windows = []
    for training in first.split.trainings:
        if training.score:
            _, _, share = shares_of(first.viewer, chips, training)
            assert share is not None
            windows += [(training.name, share, place) for place in range(len(share.windows))]
    step = -(-len(windows) // _MOST_WINDOWS)
    seen = []
    for name, share, place in windows[:: max(1, step)]:
        view = share.read(place)
        counted = share.counted(view)
        total = int(counted.sum())
        if not total:
            continue
        right = []
        for _, workspace in opened:
            index, known = mapped_window(workspace, name, share, place)
            hits = (index == view.target.index) & known & counted
            right.append(float(hits.sum()) / total)
        seen.append(_Seen(name, share, place, tuple(right), total))
    return seen


def _panel(opened: Sequence[tuple[str, Workspace]], title: str, seen: _Seen) -> ComparedPanel:
    share, place = seen.share, seen.place
    name, window = share.windows[place]
    view = share.read(place)
    predictions = []
    for (variant, workspace), right in zip(opened, seen.right, strict=True):
        index, known = mapped_window(workspace, seen.training, share, place)
        shown = np.where(known, index, -1).astype(np.int16)
        predictions.append((f"{variant}: {right:.0%}", shown))
    return ComparedPanel(
        caption=f"{title}; {seen.counted:,} labelled pixels, the share of them mapped right behind "
        f"each name; {name}, row {window.row_off}, column {window.col_off}",
        image=picture(opened[0][1].viewer.scenes[name], window),
        truth=np.where(share.counted(view), view.target.index, -1).astype(np.int16),
        predictions=tuple(predictions),
    )
