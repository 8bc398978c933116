"""Figures of labels of whole pictures and of predicted numbers; plain functions for matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.joint import JointCounts
from covermap.assessment.tally import Tally
from covermap.core.names import shortened
from covermap.report.style import ACCENT, FAINT, INK, MUTED, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_WRONG = "#d55e00"
# So many cells along each side of a scatter plot.
_SEEN = 64
_COLUMNS = 5
_NO_VALUE = "#d9dedc"
# Of a row of chips in inches, the text above and below it, and letters that fit over a chip.
_ROW_IN, _TEXT_IN, _WORDS = 2.1, 0.24, 21


@dataclass(frozen=True, eq=False)
class ChipPanel:
    """A whole chip with its labels.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        For the eye.
    truth : tuple of str
        Labels that it has.
    prediction : tuple of str
        Labels that it was said to have, the likeliest first.
    confidence : float, optional
        Probability, 0..1, of the first one.
    """

    image: np.ndarray
    truth: tuple[str, ...]
    prediction: tuple[str, ...]
    confidence: float | None = None

    @property
    def right(self) -> bool:
        return set(self.truth) == set(self.prediction)


@dataclass(frozen=True, eq=False)
class NumberPanel:
    """A piece of ground with a true and a predicted number in each cell.

    Attributes
    ----------
    caption : str
    image : ndarray of uint8, shape (H, W, 3)
    truth, prediction : ndarray of float, shape (H, W)
        NaN where unknown, invalid or padding.
    """

    caption: str
    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray


def label_matrices_figure(labels: Mapping[str, Tally]) -> Figure:
    """A 2 x 2 confusion matrix for each label: counts, and colours as shares of each row.

    Parameters
    ----------
    labels : mapping of str to Tally
        By name, each of absent and present.
    """
    columns = min(len(labels), _COLUMNS)
    rows = math.ceil(len(labels) / columns)
    with style():
        figure = blank_figure(1.95 * columns, 2.25 * rows)
        grid = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
        for axes in grid[len(labels) :]:
            axes.set_visible(False)
        for place, (axes, (name, tally)) in enumerate(zip(grid, labels.items(), strict=False)):
            _draw_matrix(axes, tally)
            axes.set_title(shortened(name), fontsize=10, loc="left")
            axes.set_yticks([0.5, 1.5], ["absent", "present"] if place % columns == 0 else ["", ""])
        figure.supxlabel("predicted", fontsize=10, color=MUTED)
        figure.supylabel("reference", fontsize=10, color=MUTED)
        figure.tight_layout(w_pad=1.2, h_pad=1.2)
    return figure


def scatter_figure(joint: JointCounts, unit: str = "") -> Figure:
    """Prediction against truth, darker where more cells lie, with the line of equal numbers.

    Parameters
    ----------
    joint : JointCounts
    unit : str
        Of both axes.
    """
    from matplotlib.colors import LogNorm

    counts = _coarser(joint.counts).T.astype(np.float64)
    counts[counts == 0] = np.nan
    suffix = f", {unit}" if unit else ""
    with style():
        figure = blank_figure(4.4, 3.6)
        axes = figure.add_subplot()
        half = (joint.high - joint.low) / (len(joint.counts) - 1) / 2
        ends = (joint.low - half, joint.high + half)
        most = max(float(np.nanmax(counts, initial=0)), 2.0)
        picture = axes.imshow(
            counts, extent=(*ends, *ends), origin="lower", interpolation="nearest",
            cmap=_accent(), norm=LogNorm(1, most),
        )  # fmt: skip
        axes.plot(ends, ends, color=_WRONG, lw=0.9, ls="--")
        axes.set_xlim(ends)
        axes.set_ylim(ends)
        axes.set_xlabel(f"truth{suffix}")
        axes.set_ylabel(f"prediction{suffix}")
        # Matplotlib writes powers of ten as formulas, which reports leave as they stand.
        figure.colorbar(
            picture, ax=axes, label="cells", fraction=0.046, pad=0.03, format="{x:,.0f}",
        )  # fmt: skip
        figure.tight_layout()
    return figure


def _coarser(counts: np.ndarray) -> np.ndarray:
    """Counts in cells as wide as can be seen: few points at most lie on few of many levels."""
    side = len(counts)
    step = side // _SEEN if side % _SEEN == 0 else 1
    return counts.reshape(side // step, step, side // step, step).sum(axis=(1, 3))


def points_figure(truth: np.ndarray, value: np.ndarray, unit: str = "") -> Figure:
    """A point for each chip: its predicted against its true number, with the line of equal ones.

    Parameters
    ----------
    truth, value : ndarray of float, shape (N,)
        At least one.
    unit : str
        Of both axes.
    """
    suffix = f", {unit}" if unit else ""
    both = np.concatenate([truth, value])
    margin = 0.05 * (float(np.ptp(both)) or 1.0)
    ends = (float(both.min()) - margin, float(both.max()) + margin)
    with style():
        figure = blank_figure(4.0, 3.8)
        axes = figure.add_subplot()
        axes.plot(ends, ends, color=_WRONG, lw=0.9, ls="--", zorder=1)
        axes.scatter(truth, value, s=14, color=ACCENT, alpha=0.6, linewidths=0, zorder=2)
        axes.set_xlim(ends)
        axes.set_ylim(ends)
        axes.set_aspect("equal")
        axes.set_xlabel(f"truth{suffix}")
        axes.set_ylabel(f"prediction{suffix}")
        axes.grid(color=FAINT)
        axes.set_axisbelow(True)
        figure.tight_layout()
    return figure


def cap_figure(cells: Mapping[int, int], cap: float, rule: str) -> Figure:
    """How many training cells hold each number of points, and the number that stands for 1.

    Parameters
    ----------
    cells : mapping of int to int
        Cells by their number of points; empty ones are told, not drawn.
    cap : float
    rule : str
        Where the cap comes from, such as `97th percentile of all cells`.
    """
    numbers = np.array(sorted(number for number in cells if number), dtype=np.int64)
    with style():
        figure = blank_figure(6.2, 2.8)
        axes = figure.add_subplot()
        axes.bar(numbers, [cells[int(n)] for n in numbers], width=1.0, color=ACCENT)
        axes.set_yscale("log" if len(numbers) else "linear")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_minor_formatter("")
        axes.axvline(cap, color=_WRONG, lw=1.3)
        right = cap > 0.5 * (numbers.max() if len(numbers) else 1)
        axes.annotate(
            f"{rule}: {cap:.4g}", (cap, 0.96), xycoords=("data", "axes fraction"),
            xytext=(-6 if right else 6, 0), textcoords="offset points", va="top",
            ha="right" if right else "left", color=_WRONG, fontsize=9,
        )  # fmt: skip
        axes.set_xlabel(f"points in a cell ({cells.get(0, 0):,} cells are empty)")
        axes.set_ylabel("cells")
        axes.grid(axis="y", color=FAINT)
        axes.set_axisbelow(True)
        figure.tight_layout()
    return figure


def chip_panels_figure(panels: Sequence[ChipPanel]) -> Figure:
    """Chips with what they are and what they were taken for; wrong ones in orange.

    Parameters
    ----------
    panels : sequence of ChipPanel
        At least one.
    """
    columns = min(len(panels), _COLUMNS)
    rows = math.ceil(len(panels) / columns)
    with style():
        height = _ROW_IN * rows
        figure = blank_figure(1.75 * columns, height)
        grid = np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel()
        figure.subplots_adjust(
            left=0.01, right=0.99, bottom=_TEXT_IN / height, top=1 - _TEXT_IN / height,
            wspace=0.1, hspace=2.4 * _TEXT_IN / (_ROW_IN - 2 * _TEXT_IN),
        )  # fmt: skip
        gap = 0.05 / height
        for axes in grid:
            axes.set_axis_off()
        for axes, panel in zip(grid, panels, strict=False):
            axes.imshow(panel.image, interpolation="nearest", aspect="equal")
            axes.set_anchor("W")
            sure = "" if panel.confidence is None else f" {100 * panel.confidence:.0f} %"
            said = shortened(", ".join(panel.prediction) or "nothing", _WORDS - len(sure)) + sure
            # Equal frames, whatever the shape of the chip: texts stand above and below them.
            truth = shortened(", ".join(panel.truth) or "nothing", _WORDS)
            above, below = axes.get_position(original=True).y1, axes.get_position(original=True).y0
            left = axes.get_position(original=True).x0
            figure.text(left, above + gap, truth, fontsize=8.5, color=INK, va="bottom")
            color = ACCENT if panel.right else _WRONG
            figure.text(left, below - gap, said, fontsize=8.5, color=color, va="top")
    return figure


def number_panels_figure(panels: Sequence[NumberPanel], highest: float, unit: str = "") -> Figure:
    """Image, truth and prediction of pieces of ground, both numbers in one scale.

    Parameters
    ----------
    panels : sequence of NumberPanel
        At least one.
    highest : float
        The number at the end of the scale; the scale begins at 0.
    unit : str
        What the numbers are, such as `density, 1 = 45 points`.
    """
    with style():
        figure = blank_figure(7.4, 2.35 * len(panels) + 0.4)
        grid = figure.subplots(len(panels), 3, squeeze=False)
        colors = _heat()
        picture = None
        for row, panel in zip(grid, panels, strict=True):
            row[0].imshow(panel.image, interpolation="nearest")
            for axes, numbers in zip(row[1:], (panel.truth, panel.prediction), strict=True):
                picture = axes.imshow(
                    np.ma.masked_invalid(numbers), cmap=colors, vmin=0, vmax=highest,
                    interpolation="nearest",
                )  # fmt: skip
            # Below, where a name may be as long as the three pictures are wide together.
            row[0].text(
                0, -0.03, shortened(panel.caption, 80), fontsize=9, color=MUTED, va="top",
                transform=row[0].transAxes,
            )  # fmt: skip
            for axes in row:
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
        for axes, title in zip(grid[0], ("image", "truth", "prediction"), strict=True):
            axes.set_title(title, fontsize=10, loc="left")
        assert picture is not None
        figure.colorbar(picture, ax=grid.ravel().tolist(), label=unit, fraction=0.03, pad=0.02)
    return figure


def _draw_matrix(axes: Axes, tally: Tally) -> None:
    totals = tally.reference[:, None]
    shares = np.divide(tally.matrix, totals, out=np.zeros((2, 2)), where=totals > 0)
    axes.pcolormesh(shares, cmap=_accent(), vmin=0, vmax=1, edgecolors="#dfe5e3", linewidth=0.8)
    for row, column in np.ndindex(2, 2):
        axes.text(
            column + 0.5, row + 0.5, f"{tally.matrix[row, column]:,}",
            ha="center", va="center", fontsize=9,
            color="#ffffff" if shares[row, column] > 0.6 else INK,
            weight="bold" if row == column else "normal",
        )  # fmt: skip
    axes.set_xticks([0.5, 1.5], ["absent", "present"])
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)


def _accent() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("accent", ["#ffffff", "#8fc1b5", ACCENT])


def _heat() -> Any:
    import matplotlib as mpl

    return mpl.colormaps["viridis"].with_extremes(bad=_NO_VALUE)
