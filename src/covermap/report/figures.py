"""Figures of a report: plain functions that give a matplotlib figure, or pictures of classes."""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from covermap.assessment.class_table import confusion_forms
from covermap.core.legend import Legend
from covermap.core.names import shortened
from covermap.report.content import Curve, Panel
from covermap.report.style import ACCENT, FAINT, INK, MUTED, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008 (jfly.uni-koeln.de/color): told apart with every kind of colour blindness.
PART_COLORS = {"train": "#0072b2", "val": "#f0e442", "test": "#d55e00"}
# Not the colour of `train`: a k-fold has such a part too, for what cannot be tested.
FOLD_COLORS = ("#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#f0e442", "#d55e00")
_ANSWER_STYLES = (("o", ACCENT), ("s", "#e69f00"), ("D", "#8c9699"))
# From no confidence at all to certainty.
CONFIDENCE_COLORS = ("#fbe3c4", "#123f5c")
# What a validation is judged by, as `training.measures` names it.
MEASURES = {
    "class_mean_iou": "Class-mean IoU",
    "macro_f1": "Mean F1 of the classes",
    "mean_f1": "Mean F1 of the labels",
    "minus_rmse": "Root mean squared error",
}
# From it on, in all channels, a colour looks like nothing; lines over nothing, so many px apart.
_PALE, _LINES, _HATCH = 225, "#a3aaa7", 6
_UNLABELLED, _RIGHT, _WRONG = "#f4f5f3", "#c9d2d0", "#d55e00"


@dataclass(frozen=True)
class PanelPictures:
    """A panel painted for the eye; each uint8 (H, W, 3)."""

    image: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    error: np.ndarray
    confidence: np.ndarray | None


def figure_uri(figure: Figure, kind: Literal["svg", "png"] = "svg") -> str:
    """A figure as a data URI: the same figure gives the same text."""
    without: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
    }
    buffer = io.BytesIO()
    with style(), warnings.catch_warnings():
        # The reader's browser has glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(buffer, format=kind, dpi=150, metadata=without[kind], bbox_inches="tight")
    return _data_uri(buffer, "svg+xml" if kind == "svg" else "png")


def picture_uri(picture: np.ndarray) -> str:
    """A picture, uint8 (H, W, 3), as a PNG in a data URI, pixel by pixel."""
    from matplotlib.image import imsave

    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(f"expected uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    buffer = io.BytesIO()
    without: dict[str, Any] = {"Software": None}
    imsave(buffer, np.ascontiguousarray(picture), format="png", metadata=without)
    return _data_uri(buffer, "png")


def png_uri(content: bytes) -> str:
    """The content of a PNG file as a data URI."""
    return _data_uri(io.BytesIO(content), "png")


def panel_pictures(panel: Panel, legend: Legend) -> PanelPictures:
    """The image, both class pictures in the legend's colours, and where they differ."""
    scored = (panel.truth >= 0) & (panel.prediction >= 0)
    error = np.where(scored, (panel.truth != panel.prediction) + 1, 0)
    return PanelPictures(
        image=panel.image,
        truth=painted(panel.truth, legend),
        prediction=painted(panel.prediction, legend),
        error=_painted(error, (_UNLABELLED, _RIGHT, _WRONG)),
        confidence=None if panel.confidence is None else _shaded(panel.confidence),
    )


def painted(index: np.ndarray, legend: Legend) -> np.ndarray:
    """Positions in a legend (H, W) as its colours, uint8 (H, W, 3); pale where below 0.

    Hatched there where the legend has a pale colour itself: nothing must not look like a class.
    """
    picture = _painted(index, legend.colors)
    pale = np.array([_channels(color) for color in legend.colors]).min(axis=1, initial=255)
    if (pale >= _PALE).any():
        rows, cols = np.indices(index.shape)
        picture[(index < 0) & ((rows + cols) % _HATCH == 0)] = _channels(_LINES)
    return picture


def confusion_figures(
    matrix: np.ndarray, names: Sequence[str], counted: str = "Pixels"
) -> tuple[Figure, Figure]:
    """The confusion matrix in counts, and in shares of each class's reference.

    Parameters
    ----------
    matrix : ndarray of int, shape (K, K)
        Rows reference, columns prediction.
    names : sequence of str
        K names; long ones are shortened.
    counted : str
        What the counts are of: `Pixels`, `Chips`.
    """
    matrix = np.asarray(matrix, np.int64)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    return (
        _matrix_figure(counted, shares, np.vectorize(compact)(matrix), names),
        _matrix_figure("Share of each row, %", shares, np.vectorize(_percent)(shares), names),
    )


def log_confusion_figure(matrix: np.ndarray, names: Sequence[str]) -> Figure:
    """The confusion matrix as natural logarithms of 1 + pixels: rare mistakes are seen too.

    Parameters
    ----------
    matrix : ndarray of int, shape (K, K)
        Rows reference, columns prediction.
    names : sequence of str
    """
    logs = confusion_forms(matrix).log1p
    texts = np.vectorize(lambda value: f"{value:.1f}" if value else "")(logs)
    return _matrix_figure("ln(1 + pixels)", logs / max(float(logs.max()), 1e-9), texts, names)


def scores_figure(answers: Sequence[tuple[str, Mapping[str, Any]]]) -> Figure:
    """The leading scores of the model and its baselines, with 95 % intervals.

    Parameters
    ----------
    answers : sequence of (str, mapping)
        Name and metrics of at most three answers, the model first.
    """
    scores = (
        ("overall_accuracy", "Overall accuracy"),
        ("class_mean_iou", "Class-mean IoU"),
        ("micro_iou", "Micro IoU"),
    )
    with style():
        figure = blank_figure(6.2, 2.9)
        axes = figure.add_axes((0, 0, 1, 1))
        for row, (key, _) in enumerate(scores):
            for place, (_, metrics) in enumerate(answers):
                if metrics.get(key) is not None:
                    height = row + 0.24 * (place - (len(answers) - 1) / 2)
                    _draw_score(axes, metrics, key, height, *_ANSWER_STYLES[place])
        for (name, _), (marker, color) in zip(answers, _ANSWER_STYLES, strict=False):
            axes.plot([], [], marker=marker, color=color, label=name, lw=1.6)
        axes.set_yticks(range(len(scores)), [title for _, title in scores])
        axes.set_ylim(len(scores) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xticks(np.linspace(0, 1, 6), [f"{tick} %" for tick in range(0, 101, 20)])
        axes.grid(axis="x", color=FAINT)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        axes.spines["left"].set_visible(False)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return figure


def curve_figure(curve: Curve) -> Figure:
    """Loss and validation score of each epoch; the loss alone where nothing validated."""
    epochs = [row.epoch for row in curve.rows]
    look: dict[str, Any] = {"marker": "o" if len(epochs) < 15 else "", "ms": 4}
    training = [row.loss for row in curve.rows]
    with style():
        if all(row.validation_score is None for row in curve.rows):
            figure = blank_figure(8.6, 2.5)
            losses = figure.subplots()
            losses.plot(epochs, training, MUTED, **look)
            losses.set_title("Loss on the ground that taught", fontsize=11, loc="left")
            _finish_epochs(losses)
        else:
            figure = blank_figure(8.6, 2.9)
            losses, scores = figure.subplots(1, 2)
            losses.plot(epochs, training, MUTED, **look)
            validation = _numbers([row.validation_loss for row in curve.rows])
            losses.plot(epochs, validation, ACCENT, ls="--", **look)
            losses.legend(["training", "validation"], frameon=False)
            losses.set_title("Loss", fontsize=11, loc="left")
            _draw_validation(scores, curve, look)
            _finish_epochs(losses)
            _finish_epochs(scores)
        figure.tight_layout(w_pad=2)
    return figure


def _draw_validation(axes: Axes, curve: Curve, look: Mapping[str, Any]) -> None:
    measure = curve.rows[0].measure
    sign = -1 if measure.startswith("minus_") else 1
    score = sign * np.asarray(_numbers([row.validation_score for row in curve.rows]))
    axes.plot([row.epoch for row in curve.rows], score, ACCENT, **look)
    if sign > 0:
        axes.set_ylim(0, 1)
        axes.set_yticks(np.linspace(0, 1, 6), [f"{tick} %" for tick in range(0, 101, 20)])
    if sign < 0 and curve.unit:
        axes.set_ylabel(curve.unit, fontsize=9)
    axes.set_title(f"{MEASURES[measure]} on validation ground", fontsize=11, loc="left")


def _finish_epochs(axes: Any) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=FAINT)
    axes.set_axisbelow(True)


def _matrix_figure(
    title: str, shares: np.ndarray, texts: np.ndarray, names: Sequence[str]
) -> Figure:
    from matplotlib.colors import LinearSegmentedColormap

    short = [shortened(name) for name in names]
    places = np.arange(len(names)) + 0.5
    side = 0.4 * len(names)
    with style():
        colors = LinearSegmentedColormap.from_list("accent", ["#ffffff", "#8fc1b5", ACCENT])
        # The matrix fills the figure: saving makes room for the names round it.
        figure = blank_figure(side, side)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.pcolormesh(shares, cmap=colors, vmin=0, vmax=1, edgecolors="#dfe5e3", linewidth=0.8)
        for row, column in np.ndindex(shares.shape):
            axes.text(
                column + 0.5, row + 0.5, str(texts[row, column]),
                ha="center", va="center", fontsize=9,
                color="#ffffff" if shares[row, column] > 0.6 else INK,
                weight="bold" if row == column else "normal",
            )  # fmt: skip
        axes.set_xticks(places, short, rotation=90)
        axes.set_yticks(places, short)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title, fontsize=11, loc="left")
    return figure


def _draw_score(
    axes: Axes, metrics: Mapping[str, Any], key: str, height: float, marker: str, color: str
) -> None:
    value: float = metrics[key]
    low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
    ends = [end for end in (low, value, high) if end is not None]
    if low is not None and high is not None:
        axes.plot([low, high], [height, height], color=color, lw=2.2, solid_capstyle="butt")
    axes.plot([value], [height], marker=marker, color=color, ms=7, mec="white", mew=0.8)
    # After the bar, or before it where the text would leave the figure.
    after = max(ends) < 0.9
    axes.annotate(
        f"{100 * value:.1f}",
        (max(ends) if after else min(ends), height),
        xytext=(7 if after else -7, 0),
        textcoords="offset points",
        ha="left" if after else "right",
        va="center",
        fontsize=9,
        color=MUTED,
    )


def _data_uri(buffer: io.BytesIO, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _painted(index: np.ndarray, colors: Sequence[str]) -> np.ndarray:
    """Uint8 (H, W, 3): the colour of each position in `colors`; pale where below 0."""
    palette = np.array([_channels(color) for color in (*colors, _UNLABELLED)], np.uint8)
    return palette[np.where(index < 0, len(colors), index)]


def _channels(color: str) -> list[int]:
    """Red, green and blue of `#rrggbb`."""
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def _shaded(share: np.ndarray) -> np.ndarray:
    """Uint8 (H, W, 3): the darker the surer; pale where there is no number."""
    ends = np.array([_channels(color) for color in CONFIDENCE_COLORS])
    known = ~np.isnan(share)
    place = np.where(known, np.clip(share, 0, 1), 0)[..., np.newaxis]
    shade = np.rint(ends[0] + place * (ends[1] - ends[0])).astype(np.uint8)
    return np.where(known[..., np.newaxis], shade, _painted(np.full(share.shape, -1), ()))


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def compact(count: int) -> str:
    """At most four characters: 950, 1.2k, 34k, 5.6M; nothing for 0."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            scaled = count / size
            return f"{scaled:.1f}{unit}" if scaled < 9.95 else f"{scaled:.0f}{unit}"
    return str(count) if count else ""


def _percent(share: float) -> str:
    if share == 0:
        return ""
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
