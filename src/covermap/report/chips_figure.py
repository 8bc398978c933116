"""Which windows became chips, and why the others did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.report.content import ChipChoice
from covermap.report.figures import compact
from covermap.report.style import FAINT, INK, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KEPT, _LEFT_OUT = "#8fc1b5", "#d55e00"


def chips_figure(chips: ChipChoice) -> Figure:
    """How valid and how cloudy windows are, kept and left out, with the limits; and the reasons."""
    with style():
        figure = blank_figure(9.2, 2.9)
        figure.set_layout_engine("constrained")
        valid, cloud, reasons = figure.subplots(1, 3, width_ratios=(4, 4, 3))
        _draw_shares(valid, chips.kept_valid, chips.rejected_valid, chips.min_valid)
        valid.set_title("Usable pixels of a window", fontsize=11, loc="left")
        valid.set_ylabel("windows")
        _draw_shares(cloud, chips.kept_cloud, chips.rejected_cloud, chips.max_cloud)
        cloud.set_title("Cloud in a window", fontsize=11, loc="left")
        handles, names = valid.get_legend_handles_labels()
        figure.legend(
            handles, names, loc="lower left", bbox_to_anchor=(0.03, 1.0), ncols=3, frameon=False
        )
        names, numbers = zip(*chips.reasons, strict=True)
        bars = reasons.barh(range(len(names)), numbers, color=_LEFT_OUT, height=0.6)
        reasons.bar_label(bars, [compact(number) for number in numbers], padding=3)
        reasons.set_yticks(range(len(names)), names)
        reasons.set_ylim(max(len(names), 3) - 0.5, -0.5)
        reasons.set_xlim(0, max(numbers) * 1.18)
        reasons.set_xticks([])
        reasons.tick_params(length=0)
        reasons.spines["bottom"].set_visible(False)
        reasons.set_title("Left out, by reason", fontsize=11, loc="left")
    return figure


def _draw_shares(axes: Axes, kept: np.ndarray, rejected: np.ndarray, limit: float | None) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.hist(
        [kept, rejected],
        bins=np.linspace(0, 1, 21).tolist(),
        stacked=True,
        color=[_KEPT, _LEFT_OUT],
        label=["chips", "left out"],
    )
    if limit is not None:
        axes.axvline(limit, color=INK, ls="--", lw=1.4)
        axes.annotate(
            f"limit {limit:.0%}", (limit, 1), xytext=(4 if limit < 0.6 else -4, -2),
            xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="left" if limit < 0.6 else "right", va="top", fontsize=9,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 5), [f"{tick} %" for tick in range(0, 101, 25)])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
