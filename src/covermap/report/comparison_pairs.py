"""Scores on the published kind of split beside those on an honest one, as one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from covermap.core.names import shortened
from covermap.report import figures
from covermap.report.comparison_content import ERRORS, SCORES, Comparison
from covermap.report.style import FAINT, blank_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008: vermilion and blue, told apart by the colour-blind too.
_LEAKY, _HONEST, _BASELINE = "#d55e00", "#0072b2", "#5c6668"
# A score far below 0 (R2 of a bad regression) would squeeze all others into a corner.
_LOWEST = -0.5
_ROW_INCHES, _FRAME_INCHES = 0.34, 1.35


@dataclass(frozen=True)
class Reached:
    """A score and its 95 % interval; None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PairRow:
    """One score of a variant on a leaky split and of its partner on an honest one.

    Attributes
    ----------
    pair, score : str
        What is compared, and by what.
    leaky, honest : Reached
    baseline : float or None
        The best baseline on the honest split.
    """

    pair: str
    score: str
    leaky: Reached
    honest: Reached
    baseline: float | None


def pairs_uri(content: Comparison) -> str | None:
    """The figure of scores that fall from the published kind of split to an honest one."""
    rows = compared_splits(content)
    return figures.figure_uri(pairs_figure(rows)) if rows else None


def compared_splits(content: Comparison) -> list[PairRow]:
    """Every score, the higher the better, that a leaky variant and its honest partner both have."""
    honest_of = content.published.honest if content.published else {}
    rows = []
    for leaky_name, honest_name in honest_of.items():
        leaky, honest = content.run(leaky_name), content.run(honest_name)
        known = [item.get("test", {}) for item in (leaky.metrics, honest.metrics)]
        for key, (title, _) in SCORES.items():
            if key in ERRORS or any(test.get(key) is None for test in known):
                continue
            own = [
                base[key]
                for base in honest.metrics.get("baselines", {}).values()
                if base.get(key) is not None
            ]
            rows.append(
                PairRow(
                    pair=f"{leaky_name} / {honest_name}",
                    score=title,
                    leaky=_reached(known[0], key),
                    honest=_reached(known[1], key),
                    baseline=max(own, default=None),
                )
            )
    return rows


def pairs_figure(rows: Sequence[PairRow]) -> Figure:
    """A line for each score, from what the leaky split says to what the honest one says.

    Parameters
    ----------
    rows : sequence of PairRow
        At least one; those of a pair follow each other.
    """
    pairs = list(dict.fromkeys(row.pair for row in rows))
    with style():
        height = _FRAME_INCHES + _ROW_INCHES * (len(rows) + len(pairs))
        figure = blank_figure(8.6, height)
        axes = figure.subplots()
        place, ticks, labels = 0.0, [], []
        for pair in pairs:
            if len(pairs) > 1:
                axes.text(0, place, shortened(pair, 60), transform=_left(axes), va="center")
                place += 1
            for row in (item for item in rows if item.pair == pair):
                _draw(axes, row, place)
                ticks.append(place)
                labels.append(row.score)
                place += 1
        axes.set_yticks(ticks, labels)
        axes.set_ylim(place - 0.4, -0.6)
        values = [item.value for row in rows for item in (row.leaky, row.honest)]
        axes.set_xlim(max(_LOWEST, min(0.0, *values)) - 0.03, 1.0)
        axes.axvline(0, color=FAINT, lw=1)
        axes.grid(axis="x", color=FAINT)
        axes.set_axisbelow(True)
        axes.set_xlabel("score on tested ground, with its 95 % interval")
        figure.legend(handles=_keys(axes), loc="lower left", ncols=3, frameon=False, fontsize=9)
        figure.tight_layout(rect=(0, 0.36 / height, 1, 1))
    return figure


def _reached(test: Mapping[str, Any], key: str) -> Reached:
    return Reached(test[key], test.get(f"{key}_low"), test.get(f"{key}_high"))


def _draw(axes: Any, row: PairRow, place: float) -> None:
    shown = [max(_LOWEST, item.value) for item in (row.leaky, row.honest)]
    axes.plot(shown, [place, place], color=FAINT, lw=4, solid_capstyle="round", zorder=1)
    for item, color, shift in ((row.leaky, _LEAKY, -0.13), (row.honest, _HONEST, 0.13)):
        face = "white" if color == _LEAKY else color
        if item.low is not None and item.high is not None:
            span = [max(_LOWEST, item.low), max(_LOWEST, item.high)]
            axes.plot(span, [place + shift] * 2, color=color, lw=1.1, zorder=2)
        axes.plot(
            [max(_LOWEST, item.value)], [place + shift], marker="o", color=color, mfc=face,
            ms=6.5, mew=1.6, ls="", zorder=3, clip_on=False,
        )  # fmt: skip
        if item.value < _LOWEST:
            # Drawn at the edge: its number says where it lies.
            told = f"{item.value:.2g}".replace("-", "\u2212")
            axes.text(_LOWEST + 0.02, place + shift, told, color=color, fontsize=9, va="center")
    if row.baseline is not None:
        where = max(_LOWEST, row.baseline)
        axes.plot([where], [place], marker="|", color=_BASELINE, ms=13, mew=1.8, ls="", zorder=2)


def _keys(axes: Any) -> list[Any]:
    """What the legend shows, drawn nowhere."""
    looks = (
        ("split as published (leaky)", {"marker": "o", "color": _LEAKY, "mfc": "white"}),
        ("honest split", {"marker": "o", "color": _HONEST}),
        ("best baseline, honest split", {"marker": "|", "color": _BASELINE, "ms": 12}),
    )
    return [
        axes.plot([], [], ls="", mew=1.6, label=label, **{"ms": 6.5, **look})[0]
        for label, look in looks
    ]


def _left(axes: Any) -> Any:
    """X as a share of the picture's width, y by its axis."""
    return axes.get_yaxis_transform()
