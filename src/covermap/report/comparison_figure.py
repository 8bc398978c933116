"""Learning curves of several runs over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.core.names import shortened
from covermap.report.style import FAINT, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008, without its yellow, which is lost on white.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1f2a2e")
_DASHES = ("-", "--", ":", "-.")
_SHARE = "class_mean_iou"


@dataclass(frozen=True)
class CurvePoint:
    """One epoch; None where a number was not measured."""

    epoch: int
    loss: float
    validation_loss: float | None
    score: float | None


@dataclass(frozen=True)
class ComparedCurve:
    """The learning of one network: what its validation score is called, and all epochs."""

    measure: str
    rows: tuple[CurvePoint, ...]

    @property
    def is_validated(self) -> bool:
        """Whether any epoch has a validation score; in a k-fold none has."""
        return any(row.score is not None for row in self.rows)


def variant_color(number: int) -> str:
    """The colour of a variant in figure and table; after seven they come again."""
    return _COLORS[number % len(_COLORS)]


def curves_figure(
    curves: Sequence[tuple[str, ComparedCurve]], title: str, losses_compare: bool = False
) -> Figure:
    """Validation scores by epoch of all runs in one picture; without any, the training loss.

    Parameters
    ----------
    curves : sequence of (str, ComparedCurve)
        Name and curve of each run; one without rows only takes its colour.
    title : str
        What the scores are.
    losses_compare : bool
        All have the same loss: a second picture shows it on validation ground.
    """
    measures = dict.fromkeys(curve.measure for _, curve in curves if curve.rows)
    validated = any(curve.is_validated for _, curve in curves)
    losses_compare = losses_compare and validated
    with style():
        figure = blank_figure(8.6, 3.2 + 0.2 * math.ceil(len(curves) / 3))
        axes = figure.subplots(1, 2 if losses_compare else 1, squeeze=False)[0]
        for number, (name, curve) in enumerate(curves):
            epochs = [row.epoch for row in curve.rows]
            look = {
                "color": variant_color(number),
                "ls": _DASHES[number // len(_COLORS) % len(_DASHES)],
                "marker": "o" if len(epochs) < 15 else "",
            }
            scores = _numbers([row.score if validated else row.loss for row in curve.rows])
            if validated and curve.measure.startswith("minus_"):
                scores = [-score for score in scores]
            axes[0].plot(epochs, scores, label=shortened(name, 34), ms=3.5, lw=1.5, **look)
            if losses_compare:
                losses = _numbers([row.validation_loss for row in curve.rows])
                axes[1].plot(epochs, losses, ms=3.5, lw=1.5, **look)
        told = f"{title} on validation ground" if validated else "Loss on the ground that taught"
        axes[0].set_title(told, fontsize=11, loc="left")
        if validated and tuple(measures) == (_SHARE,):
            axes[0].set_ylim(0, 1)
            axes[0].set_yticks(np.linspace(0, 1, 6), [f"{tick} %" for tick in range(0, 101, 20)])
        if losses_compare:
            axes[1].set_title("Loss on validation ground", fontsize=11, loc="left")
        for item in axes:
            _finish(item)
        figure.legend(loc="lower left", ncols=3, frameon=False, fontsize=9)
        figure.tight_layout(w_pad=2, rect=(0, 0.07 * math.ceil(len(curves) / 3), 1, 1))
    return figure


def _finish(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
