"""Figures of a split: one scene with its polygons or blocks, or a contact sheet of several."""

from __future__ import annotations

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


def split_figure(split: SplitMap) -> Figure:
    """The polygons or blocks on their scenes, coloured by the part that they belong to.

    Several scenes are small multiples; those that belong to one part as a whole have a frame of
    its colour and stand in rows by part.
    """
    colors = {
        name: PART_COLORS.get(name, FOLD_COLORS[place % len(FOLD_COLORS)])
        for place, (name, _) in enumerate(split.counts)
    }
    with style():
        if len(split.scenes) == 1:
            return _single(split, colors)
        return _sheet(split, colors)


def _single(split: SplitMap, colors: dict[str, str]) -> Figure:
    (scene,) = split.scenes
    left, right, bottom, top = scene.extent
    height = float(np.clip(_WIDTH * abs(top - bottom) / max(abs(right - left), 1e-9), 3, 9))
    figure = blank_figure(_WIDTH, height + 0.6)
    axes = figure.add_subplot()
    _draw(axes, scene, colors)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.locator_params(nbins=4)
    axes.tick_params(labelsize=9)
    axes.set_xlabel("x", fontsize=9)
    axes.set_ylabel("y", fontsize=9)
    axes.legend(
        handles=_handles(split, colors), loc="lower left", bbox_to_anchor=(0, 1), ncols=5,
        frameon=False,
    )  # fmt: skip
    figure.tight_layout()
    return figure


def _sheet(split: SplitMap, colors: dict[str, str]) -> Figure:
    rows = _sheet_rows(split.scenes)
    figure = blank_figure(_WIDTH, 2.0 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), _COLUMNS, squeeze=False)
    for cells, scenes in zip(grid, rows, strict=True):
        for axes in cells[len(scenes) :]:
            axes.set_axis_off()
        for axes, scene in zip(cells, scenes, strict=False):
            _draw(axes, scene, colors)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(shortened(scene.name, _LONGEST_NAME), fontsize=8, loc="left", pad=3)
            for spine in axes.spines.values():
                spine.set_visible(True)
                if scene.whole is not None:
                    spine.set(color=colors[scene.whole], linewidth=3)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / (2.0 * len(rows) + 0.5)))
    figure.legend(handles=_handles(split, colors), loc="upper left", ncols=5, frameon=False)
    return figure


def _sheet_rows(scenes: tuple[SceneParts, ...]) -> list[list[SceneParts]]:
    """Scenes in rows; a part of whole scenes begins a row of its own."""
    rows: list[list[SceneParts]] = []
    for place, scene in enumerate(scenes):
        if place == 0 or len(rows[-1]) == _COLUMNS or scene.whole != scenes[place - 1].whole:
            rows.append([])
        rows[-1].append(scene)
    return rows


def _draw(axes: Axes, scene: SceneParts, colors: dict[str, str]) -> None:
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
            facecolors=(colors[name], 0.55),
            edgecolors=INK,
            linewidths=0.7,
        )
        axes.add_collection(shapes, autolim=False)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _handles(split: SplitMap, colors: dict[str, str]) -> list[Any]:
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=(colors[name], 0.7), edgecolor=INK, label=f"{name} ({count})")
        for name, count in split.counts
    ]
