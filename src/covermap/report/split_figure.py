"""Figures of a split: one scene with its polygons or blocks, or a contact sheet of several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.core.names import shortened
from covermap.report.content import SceneParts, SplitMap
from covermap.report.figures import FOLD_COLORS, PART_COLORS
from covermap.report.style import INK, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 7.6
_COLUMNS = 4
_LONGEST_NAME = 24
# Where there are more folds than colours, these tell apart those of one colour.
_HATCHES, _DASHES = ("", "////", "....", "xxxx"), ("-", "--", ":", "-.")
_KEYS_A_ROW, _KEYS_IN, _KEY_ROW_IN = 5, 0.4, 0.22
# Whole scenes of more parts than that follow each other: a row for each would be empty.
_MOST_ROWS = 6


@dataclass(frozen=True)
class _Look:
    """How the ground of a part is filled, and scenes of it framed."""

    color: str
    hatch: str = ""
    dashes: str = "-"


def split_figure(split: SplitMap) -> Figure:
    """The polygons or blocks on their scenes, coloured by the part that they belong to.

    Several scenes are small multiples; those that belong to one part as a whole have a frame of
    its colour and stand in rows by part.
    """
    looks = {name: _look(name, place) for place, (name, _) in enumerate(split.counts)}
    with style():
        if len(split.scenes) == 1:
            return _single(split, looks)
        return _sheet(split, looks)


def _look(name: str, place: int) -> _Look:
    if name in PART_COLORS:
        return _Look(PART_COLORS[name])
    turn = place // len(FOLD_COLORS) % len(_HATCHES)
    return _Look(FOLD_COLORS[place % len(FOLD_COLORS)], _HATCHES[turn], _DASHES[turn])


def _single(split: SplitMap, looks: dict[str, _Look]) -> Figure:
    (scene,) = split.scenes
    left, right, bottom, top = scene.extent
    height = float(np.clip(_WIDTH * abs(top - bottom) / max(abs(right - left), 1e-9), 3, 9))
    figure = blank_figure(_WIDTH, height + 0.6)
    axes = figure.add_subplot()
    _draw(axes, scene, looks)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=9)
    axes.set_xlabel("x", fontsize=9)
    axes.set_ylabel("y", fontsize=9)
    axes.legend(
        handles=_handles(split, looks), loc="lower left", bbox_to_anchor=(0, 1), ncols=_KEYS_A_ROW,
        frameon=False,
    )  # fmt: skip
    figure.tight_layout()
    return figure


def _sheet(split: SplitMap, looks: dict[str, _Look]) -> Figure:
    rows = _sheet_rows(split.scenes)
    keys = _KEYS_IN + _KEY_ROW_IN * (math.ceil(len(split.counts) / _KEYS_A_ROW) - 1)
    height = 2.0 * len(rows) + keys + 0.1
    figure = blank_figure(_WIDTH, height)
    grid = figure.subplots(len(rows), _COLUMNS, squeeze=False)
    for cells, scenes in zip(grid, rows, strict=True):
        for axes in cells[len(scenes) :]:
            axes.set_axis_off()
        for axes, scene in zip(cells, scenes, strict=False):
            _draw(axes, scene, looks)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(shortened(scene.name, _LONGEST_NAME), fontsize=8, loc="left", pad=3)
            for spine in axes.spines.values():
                spine.set_visible(True)
                if scene.whole is not None:
                    look = looks[scene.whole]
                    spine.set(color=look.color, linestyle=look.dashes, linewidth=3)
    figure.tight_layout(rect=(0, 0, 1, 1 - keys / height))
    figure.legend(
        handles=_handles(split, looks), loc="upper left", ncols=_KEYS_A_ROW, frameon=False
    )
    return figure


def _sheet_rows(scenes: tuple[SceneParts, ...]) -> list[list[SceneParts]]:
    """Scenes in rows; a part of whole scenes begins a row of its own."""
    rows: list[list[SceneParts]] = []
    by_part = len({scene.whole for scene in scenes}) <= _MOST_ROWS
    for place, scene in enumerate(scenes):
        begins = by_part and scene.whole != scenes[place - 1].whole
        if place == 0 or len(rows[-1]) == _COLUMNS or begins:
            rows.append([])
        rows[-1].append(scene)
    return rows


def _draw(axes: Axes, scene: SceneParts, looks: dict[str, _Look]) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.transforms import Affine2D

    left, right, bottom, top = scene.extent
    # Paler ground lets the colours of the parts speak; without them it is shown as it is.
    pale = (scene.background * 0.65 + 255 * 0.35).astype(np.uint8)
    ground = scene.background if scene.whole is not None else pale
    if scene.grid is None:
        axes.imshow(ground, extent=scene.extent, interpolation="nearest")
    else:
        a, b, c, d, e, f = scene.grid
        laid = Affine2D.from_values(a, d, b, e, c, f) + axes.transData
        height, width = ground.shape[:2]
        frame = (0, width, height, 0)
        axes.imshow(ground, extent=frame, interpolation="nearest", transform=laid)
        # What is laid so does not choose the shape of the axes.
        axes.set_aspect("equal")
    for name, rings in scene.parts:
        shapes = PolyCollection(
            [np.asarray(ring) for ring in rings],
            facecolors=(looks[name].color, 0.55),
            edgecolors=INK,
            linewidths=0.7,
            hatch=looks[name].hatch or None,
        )
        axes.add_collection(shapes, autolim=False)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _handles(split: SplitMap, looks: dict[str, _Look]) -> list[Any]:
    from matplotlib.patches import Patch

    return [
        Patch(
            facecolor=(looks[name].color, 0.7), edgecolor=INK, hatch=looks[name].hatch or None,
            ls=looks[name].dashes, label=f"{name} ({count})",
        )
        for name, count in split.counts
    ]  # fmt: skip
