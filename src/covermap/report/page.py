"""One HTML page that a stranger can read: the numbers, the map, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from covermap.assessment.areas import AREA_WORDING
from covermap.core.legend import Legend
from covermap.report import figures
from covermap.report.chips_figure import chips_figure
from covermap.report.content import Doubt, ReportContent
from covermap.report.doubt import has_width, interval_warnings
from covermap.report.leaks import leak_headlines, leak_stamp
from covermap.report.model_words import better_forest_advice, is_the_forest_beside
from covermap.report.reliability_figure import reliability_section
from covermap.report.split_figure import split_figure
from covermap.report.template import DASH, count, hectares, page_template, percent, told_apart
from covermap.report.units import Unit, unit_of
from covermap.report.weak_section import CombinerRow, combiner_rows

# An interval wider than this says little: 20 points of 100.
WIDE_INTERVAL = 0.20
LEADING_SCORES = {
    "overall_accuracy": "overall accuracy",
    "class_mean_iou": "class-mean IoU",
    "micro_iou": "micro IoU",
}
_COMPARED = ("class_mean_iou", "overall_accuracy")


def headlines_of(
    metrics: Mapping[str, Any],
    model: str = "network",
    leak_allowed: bool = False,
    folds: int | None = None,
) -> list[str]:
    """What a reader must know before any number, the most important line first.

    Parameters
    ----------
    metrics : mapping
        The content of `metrics.json`.
    model : str
        What the lines call the model; see `covermap.report.model_words`.
    leak_allowed : bool
        The project says `split: {allow_leak: true}`.
    folds : int, optional
        Of the k-fold, where there was one.
    """
    test, unit = metrics["test"], unit_of(metrics)
    counted = "chip" if metrics.get("task") == "classification" else "pixel"
    lines = leak_headlines(metrics, leak_allowed)
    baselines = metrics.get("baselines", {})
    forest = "The forest by pixel" if "forest" in model else "The random forest"
    lines += _better_baseline(
        test, baselines.get("random_forest", {}), forest, model,
        f"{better_forest_advice(metrics)}, or {unit.more}.",
    )  # fmt: skip
    lines += _better_baseline(
        test, baselines.get("majority", {}), f"Giving every {counted} the commonest class", model,
        f"Do not use this {'model' if counted == 'chip' else 'map'}; {unit.more}.",
    )  # fmt: skip
    lines += _true_scores(test)
    if test.get("not_assessed"):
        lines.append(
            f"Not assessed, for want of {unit.drawn} in both training and test: "
            f"{', '.join(test['not_assessed'])}. These classes may be on the map, but nothing is "
            "known of how well."
        )
    loose = _loose_scores(test, unit)
    lines += interval_warnings(test, unit, LEADING_SCORES, few=not loose) + loose
    return lines + fold_headlines(folds, unit)


def fold_headlines(folds: int | None, unit: Unit) -> list[str]:
    """What a k-fold of so many folds is; nothing where there was none."""
    if not folds:
        return []
    return [
        f"No test part was set aside: {folds} models were each tested on the share of the "
        f"{unit.drawn} that they had not seen, and one tally pools them. The model that is "
        f"delivered has learnt from all {unit.drawn}."
    ]


def render(content: ReportContent) -> str:
    """The page as one HTML text that needs no other file; the same content gives the same bytes."""
    page = page_template("report.html.j2")
    return page.render(
        content=content,
        leak=leak_stamp(content.metrics, content.leak_allowed),
        test=content.metrics["test"],
        scores=_score_rows(content.metrics),
        forest_beside=not is_the_forest_beside(content.metrics),
        combiners=_combiners(content.metrics["test"]),
        classes=_class_rows(content.metrics["test"], content.legend),
        areas=_area_rows(content),
        in_hectares=all(area.hectares is not None for area in content.areas),
        unit=unit_of(content.metrics),
        figures=_figures(content),
        reliability=reliability_section(content.metrics["test"]),
        panels=[(p.caption, _panel_uris(content, k)) for k, p in enumerate(content.panels)],
        doubts=[_DoubtRow.of(doubt) for doubt in content.doubts],
        area_wording=AREA_WORDING,
        confidence_colors=figures.CONFIDENCE_COLORS,
    )


@dataclass(frozen=True)
class _Score:
    """A score and its interval, as text; `interval` is empty where there is none."""

    value: str
    interval: str


@dataclass(frozen=True)
class _ScoreRow:
    title: str
    model: _Score
    forest: _Score
    majority: _Score
    true: str


@dataclass(frozen=True)
class _ClassRow:
    name: str
    color: str
    scores: tuple[str, ...]
    pixels: int
    groups: int
    assessed: bool


@dataclass(frozen=True)
class _AreaRow:
    name: str
    color: str
    amount: str
    share: float | None
    bar_percent: str


@dataclass(frozen=True)
class _DoubtRow:
    doubt: Doubt
    place: str
    thumbnail: str | None

    @classmethod
    def of(cls, doubt: Doubt) -> _DoubtRow:
        known = doubt.longitude is not None and doubt.latitude is not None
        place = f"{doubt.longitude:.5f}, {doubt.latitude:.5f}" if known else DASH
        picture = None if doubt.thumbnail is None else figures.picture_uri(doubt.thumbnail)
        return cls(doubt, place, picture)


def _better_baseline(
    test: Mapping[str, Any], baseline: Mapping[str, Any], who: str, model: str, advice: str
) -> list[str]:
    """A line when the baseline is ahead in a compared score, else nothing."""
    pairs = {
        key: (baseline[key], test[key])
        for key in _COMPARED
        if baseline.get(key) is not None and test.get(key) is not None
    }
    ahead = [key for key, (theirs, ours) in pairs.items() if theirs > ours]
    if not ahead:
        return []
    told = " and ".join(_told(key, *pairs[key]) for key in ahead)
    behind = [_told(key, *pairs[key]) for key in pairs if key not in ahead]
    but = f" It does worse by {behind[0]}." if behind else ""
    return [f"{who} does better here than the {model}: {told}.{but} {advice}"]


def _told(key: str, theirs: float, ours: float) -> str:
    shown = told_apart(theirs, ours)
    return f"{LEADING_SCORES[key]} {shown[0]} against {shown[1]}"


def _true_scores(test: Mapping[str, Any]) -> list[str]:
    """What the whole truth says of the reported scores, where it is known."""
    if test.get("true_pixels") == 0:
        return [
            "The truth that the project names holds no class of the legend on the tested ground: "
            "nothing is known of the true scores. Check truth: in the project."
        ]
    lines = []
    for key in _COMPARED:
        true, low, high = test.get(f"true_{key}"), test.get(f"{key}_low"), test.get(f"{key}_high")
        if true is None:
            continue
        line = (
            f"Here the truth of every pixel is known: the reported {LEADING_SCORES[key]} is "
            f"{percent(test[key])}, the true one {percent(true)}"
        )
        if low is not None and high is not None:
            where = "inside" if low <= true <= high else "OUTSIDE"
            line += f", {where} the interval of {_span(low, high)}"
        lines.append(line + ".")
    return lines


def _loose_scores(test: Mapping[str, Any], unit: Unit) -> list[str]:
    """Warnings of scores whose interval is wide or missing."""
    groups = unit.counted(test["groups"])
    loose = []
    for key in _COMPARED:
        low, high = test.get(f"{key}_low"), test.get(f"{key}_high")
        if low is not None and high is not None and high - low > WIDE_INTERVAL:
            loose.append(f"{LEADING_SCORES[key]} ({_span(low, high)})")
    if loose:
        return [
            f"Wide intervals: {' and '.join(loose)}. The test ground has {groups}; "
            "more of them, in other places, make the number firmer."
        ]
    if test.get("overall_accuracy") is not None and test.get("overall_accuracy_low") is None:
        return [
            f"No interval can be given: the test ground has {groups}, and one does "
            "not say how others would differ."
        ]
    return []


def _score_rows(metrics: Mapping[str, Any]) -> list[_ScoreRow]:
    test, baselines = metrics["test"], metrics.get("baselines", {})
    return [
        _ScoreRow(
            title=title[0].upper() + title[1:],
            model=_score(test, key),
            forest=_score(baselines.get("random_forest", {}), key),
            majority=_score(baselines.get("majority", {}), key),
            true=percent(test[f"true_{key}"]) if test.get(f"true_{key}") is not None else "",
        )
        for key, title in LEADING_SCORES.items()
    ]


def _combiners(test: Mapping[str, Any]) -> list[tuple[CombinerRow, list[_Score]]]:
    """Each way to combine activation maps, with its leading scores."""
    return [
        (row, [_score(row.scores or {}, key) for key in LEADING_SCORES])
        for row in combiner_rows(test)
    ]


def _score(metrics: Mapping[str, Any], key: str) -> _Score:
    low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
    if low is None or high is None or not has_width(low, high):
        return _Score(percent(metrics.get(key)), "")
    return _Score(percent(metrics.get(key)), _span(low, high))


def _span(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {percent(high)}"


def _class_rows(test: Mapping[str, Any], legend: Legend) -> list[_ClassRow]:
    absent = set(test.get("not_assessed", ()))
    keys = ("iou", "f1", "users_accuracy", "producers_accuracy")
    return [
        _ClassRow(
            name=item.name,
            color=item.color,
            scores=tuple(percent(test["per_class"][item.name][key]) for key in keys),
            pixels=test["per_class"][item.name]["labelled_pixels"],
            groups=test["per_class"][item.name]["groups"],
            assessed=item.name not in absent,
        )
        for item in legend.classes
    ]


def _area_rows(content: ReportContent) -> list[_AreaRow]:
    colors = dict(zip(content.legend.names, content.legend.colors, strict=True))
    largest = max((area.share or 0.0 for area in content.areas), default=0.0)
    return [
        _AreaRow(
            name=area.name,
            color=colors[area.name],
            amount=count(area.pixels or 0) if area.hectares is None else hectares(area.hectares),
            share=area.share,
            bar_percent=f"{100 * (area.share or 0.0) / largest if largest else 0:.1f}",
        )
        for area in content.areas
    ]


def _figures(content: ReportContent) -> dict[str, Any]:
    """The pictures of the page as data URIs, None where there is nothing to show."""
    test = content.metrics["test"]
    split, picture = content.split, content.map_picture
    return {
        "scores": figures.figure_uri(figures.scores_figure(_answers(content))),
        "confusion": [
            figures.figure_uri(figure)
            for figure in figures.confusion_figures(test["confusion_matrix"], test["classes"])
        ],
        "map": None if picture is None else figures.picture_uri(picture),
        "maps": [(name, figures.picture_uri(small)) for name, small in content.further_maps],
        "split": None if split is None else figures.figure_uri(split_figure(split), "png"),
        "chips": (
            None if content.chips is None else figures.figure_uri(chips_figure(content.chips))
        ),
        "curves": [
            (curve.title, figures.figure_uri(figures.curve_figure(curve)))
            for curve in content.curves
            if curve.rows
        ],
    }


def _answers(content: ReportContent) -> list[tuple[str, Mapping[str, Any]]]:
    baselines = content.metrics.get("baselines", {})
    named = [("random_forest", "random forest by pixel"), ("majority", "commonest class")]
    if is_the_forest_beside(content.metrics):
        del named[0]
    return [
        (content.model, content.metrics["test"]),
        *((title, baselines[key]) for key, title in named if key in baselines),
    ]


def _panel_uris(content: ReportContent, place: int) -> list[tuple[str, str]]:
    pictures = figures.panel_pictures(content.panels[place], content.legend)
    shown = {
        "image": pictures.image,
        "drawn": pictures.truth,
        "mapped": pictures.prediction,
        "errors": pictures.error,
        "confidence": pictures.confidence,
    }
    return [(title, figures.picture_uri(item)) for title, item in shown.items() if item is not None]
