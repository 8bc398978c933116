"""Which windows are left out of the chips, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from covermap.chips.contents import Contents, read_contents
from covermap.chips.placing import Placement
from covermap.chips.scan import CELL, Scan
from covermap.chips.settings import ChipSettings
from covermap.core.errors import ProjectError, SplitError, nearest
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels

NO_USABLE_LABEL = "no usable label"
COUNTS_ELSEWHERE = "labels count elsewhere"
HELD_OUT = "held-out ground only"


@dataclass(frozen=True, eq=False)
class Rejected:
    """A window with labels that is no chip; `reasons` are keys of `chips:` or words."""

    contents: Contents
    reasons: tuple[str, ...]

    def merged(self, places: Sequence[int], classes: int) -> Rejected:
        """See `Selection.merged`."""
        counts = np.zeros(classes, np.int64)
        np.add.at(counts, np.asarray(places), self.contents.by_class)
        return replace(self, contents=replace(self.contents, by_class=counts))


@dataclass(frozen=True)
class Selection:
    """The windows that the filters leave, and those that they do not."""

    kept: tuple[Placement, ...]
    rejected: tuple[Rejected, ...] = ()

    def within(self, scans: Sequence[Scan], scenes: Sequence[Scene]) -> list[Scan]:
        """The scans without the ground of rejected windows, so that the split deals out the rest.

        A cell stays when its middle lies in a window that is left.
        """
        if not self.rejected:
            return list(scans)
        kept: dict[str, list[Placement]] = {scene.name: [] for scene in scenes}
        for place in self.kept:
            kept[place.scene].append(place)
        return [
            _within(item, scene, kept[scene.name])
            for item, scene in zip(scans, scenes, strict=True)
        ]

    def merged(self, places: Sequence[int], classes: int) -> Selection:
        """The same with merged classes: pixels of class k are counted as class `places[k]`."""
        return replace(self, rejected=tuple(item.merged(places, classes) for item in self.rejected))


def select(
    placements: Sequence[Placement],
    scenes: Sequence[Scene],
    labels: Labels,
    channels: Sequence[str],
    settings: ChipSettings,
) -> Selection:
    """Look into each window and leave out those that the filters refuse.

    Without filters nothing is read, and all are kept.

    Raises
    ------
    ProjectError
        A filter asks for what cannot be known: a class that is not in the legend, or cloud where
        no scene has a quality layer.
    SplitError
        Nothing is left.
    """
    if not settings.filters:
        return Selection(tuple(placements))
    _require_known(settings, scenes, labels.legend)
    by_name = {scene.name: scene for scene in scenes}
    kept: list[Placement] = []
    rejected: list[Rejected] = []
    with progress("Filtering chips", len(placements), "chips") as bar:
        for place in placements:
            scene = by_name[place.scene]
            found = read_contents(scene, labels, channels, place.window, place.region)
            why = reasons_against(found, settings, labels.legend)
            if found.labelled and why:
                rejected.append(Rejected(found, why))
            elif found.labelled:
                kept.append(place)
            bar.advance()
    if not kept:
        raise SplitError(_nothing_left(rejected, settings))
    return Selection(tuple(kept), tuple(rejected))


def reasons_against(contents: Contents, settings: ChipSettings, legend: Legend) -> tuple[str, ...]:
    """Keys of the filters that refuse a window; none for a chip.

    Limits themselves pass: of 2,500 pixels with 1,250 usable ones `min_valid: 0.5` keeps the chip.
    """
    refused = {
        "min_valid": contents.share_valid < settings.min_valid,
        "max_cloud": contents.share_cloud > settings.max_cloud,
        "min_labelled": contents.share_labelled < settings.min_labelled,
        "classes": not _has_class(contents, settings.classes, legend),
        NO_USABLE_LABEL: not contents.by_class.any(),
    }
    return tuple(reason for reason, true in refused.items() if true)


def reason_counts(reasons: Iterable[Sequence[str]]) -> dict[str, int]:
    """How many windows each reason refused, the commonest first; a window may have several."""
    counts = Counter(reason for several in reasons for reason in several)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _has_class(contents: Contents, wanted: dict[str, float] | None, legend: Legend) -> bool:
    if wanted is None:
        return True
    shares = contents.class_shares(legend)
    return any(shares[name] > least for name, least in wanted.items())


def _require_known(settings: ChipSettings, scenes: Sequence[Scene], legend: Legend) -> None:
    for name in settings.classes or ():
        if name not in legend.names:
            raise ProjectError(
                f"chips: classes names '{name}', which is not in the legend; "
                f"{nearest(name, legend.names)}"
            )
    if settings.max_cloud < 1 and all(scene.cloud_grid is None for scene in scenes):
        raise ProjectError(
            f"chips: max_cloud: {settings.max_cloud:g} needs to know where cloud is, but no scene "
            "has a quality layer; name it, imagery: [{path: ..., quality: {path: scl.tif}}], or "
            "leave max_cloud out"
        )


def _nothing_left(rejected: Sequence[Rejected], settings: ChipSettings) -> str:
    counts = reason_counts(item.reasons for item in rejected)
    told = ", ".join(f"{_limit(key, settings)} refuses {number}" for key, number in counts.items())
    return (
        f"chips: the filters leave none of the {len(rejected)} windows that hold labels: {told}. "
        "Loosen them, or add other scenes"
    )


def _limit(reason: str, settings: ChipSettings) -> str:
    if reason == NO_USABLE_LABEL:
        return f"'{reason}'"
    value = getattr(settings, reason)
    shown = f"[{', '.join(value)}]" if isinstance(value, dict) else f"{value:g}"
    return f"{reason}: {shown}"


def _within(scan: Scan, scene: Scene, places: Sequence[Placement]) -> Scan:
    middles = [_cell_middles(int(side)) for side in scene.geobox.shape]
    kept = np.zeros([len(axis) for axis in middles], dtype=bool)
    for place in places:
        # What only teaches is left out: no ground that lies in such chips alone could be tested.
        if place.use != "teach":
            window = place.window
            top, bottom = np.searchsorted(middles[0], [window.row_off, window.row_stop])
            left, right = np.searchsorted(middles[1], [window.col_off, window.col_stop])
            kept[top:bottom, left:right] = True
    return replace(
        scan,
        cells=scan.cells[kept[tuple(scan.cells[:, :2].T)]],
        counts=scan.counts[kept[tuple(scan.counts[:, :2].T)]],
    )


def _cell_middles(side: int) -> np.ndarray:
    """The middle row, or column, of the part of each cell that lies in a scene."""
    first = np.arange(0, side, CELL)
    return (first + np.minimum(first + CELL, side)) // 2
