"""How often answers are right, by how sure the model was of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.report.figures import figure_uri
from covermap.report.style import ACCENT, FAINT, MUTED, blank_figure, style
from covermap.report.task_page import FigureSection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WRONG = "#d55e00"


def reliability_section(test: Mapping[str, Any]) -> FigureSection | None:
    """How far confidence can be believed; None where nothing is known of it.

    Parameters
    ----------
    test : mapping
        `test` of `metrics.json`; runs that an earlier version scored have no `ece`.
    """
    if test.get("ece") is None:
        return None
    return FigureSection(
        "How far confidence can be believed",
        (figure_uri(reliability_figure(test["reliability"])),),
        f"Confidence and the share of right answers differ by {100 * test['ece']:.1f} points of "
        "100 on average (expected calibration error, 15 bins). A bar below the dashed line: the "
        "model is surer than it is right. Pale bars hold less than 1 % of the answers.",
    )


def reliability_figure(reliability: Mapping[str, Sequence[Any]]) -> Figure:
    """A bar for each bin of confidence, with the line of right confidence; below, how many answers.

    A bar below the line: the model is surer than it is right. Bins of few answers are paler.

    Parameters
    ----------
    reliability : mapping
        `test.reliability` of `metrics.json`: `pixels`, `accuracy` and `confidence` by bin.
    """
    pixels = np.array(reliability["pixels"], np.float64)
    accuracy = np.array([np.nan if one is None else one for one in reliability["accuracy"]])
    edges = np.linspace(0, 100, len(pixels) + 1)
    width, shares = edges[1], 100 * pixels / max(pixels.sum(), 1)
    with style():
        figure = blank_figure(4.6, 4.0)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        filled = np.flatnonzero(pixels)
        for place in filled:
            upper.bar(
                edges[place], 100 * accuracy[place], width=width, align="edge", color=ACCENT,
                alpha=1.0 if shares[place] >= 1 else 0.4, edgecolor="#ffffff", linewidth=0.8,
            )  # fmt: skip
        upper.plot([0, 100], [0, 100], color=_WRONG, lw=0.9, ls="--")
        upper.set_ylim(0, 100)
        upper.set_xlim(0, 100)
        upper.set_ylabel("right, %")
        lower.bar(edges[:-1], shares, width=width, align="edge", color=MUTED, edgecolor="#ffffff")
        lower.set_ylabel("answers, %")
        lower.set_xlabel("confidence, %")
        for axes in (upper, lower):
            axes.grid(axis="y", color=FAINT)
            axes.set_axisbelow(True)
        figure.align_ylabels([upper, lower])
        figure.tight_layout(h_pad=0.6)
    return figure
