"""Several runs on one page: their scores, how they learnt, and what each makes of the same ground.

What they say of a publication's numbers stands beside them, each next to the one score of ours that
measures the same.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from covermap.assessment.kept_scores import decimals_of
from covermap.report import figures
from covermap.report.comparison_content import (
    ERRORS,
    SCORES,
    ComparedGround,
    ComparedRun,
    Comparison,
)
from covermap.report.comparison_figure import curves_figure, variant_color
from covermap.report.comparison_pairs import pairs_uri
from covermap.report.doubt import has_width
from covermap.report.published import PublishedNumber, score_at
from covermap.report.template import page_template, percent
from covermap.report.units import curve_unit

_BASELINES = ("random_forest", "majority", "mean", "distance_to_edge")
_LEADING = "class_mean_iou"
# By which a baseline is said to beat a network; the last where there is no Ruzicka similarity.
_LEADS = (_LEADING, "mean_accuracy", "ruzicka", "mae")
_DASH = "\u2013"


def comparison_headlines(content: Comparison) -> list[str]:
    """What a reader must know before any number, the most important line first."""
    lines = list(content.published.warnings) if content.published else []
    leaky = [run.name for run in content.runs if run.leaky]
    honest = [run for run in content.runs if not run.leaky]
    if leaky:
        few = len(leaky) == 1
        lines.append(
            f"LEAKY SPLIT: {_listed(leaky)} {'was' if few else 'were'} tested beside ground that "
            f"taught. Compare {'its' if few else 'their'} scores only with published ones of such "
            "splits"
            + (f"; on other ground expect those of {_listed([r.name for r in honest])}." if honest
               else "; on other ground expect less.")
        )  # fmt: skip
    lines += _beaten(content.runs)
    lines += _undecided(content.runs)
    return lines


def comparison_facts(content: Comparison) -> dict[str, Any]:
    """The content of `comparison.json`: scores and curves of every variant; no times."""
    facts: dict[str, Any] = {
        "name": content.name,
        "variants": {run.name: _run_facts(run) for run in content.runs},
    }
    if content.published is not None:
        facts["published"] = {
            "source": content.published.source,
            "warnings": list(content.published.warnings),
            "remarks": list(content.published.remarks),
            "numbers": [_beside(content, number) for number in content.published.numbers],
        }
    return facts


def render_comparison(content: Comparison) -> str:
    """The page as one HTML text that needs no other file; the same content gives the same bytes."""
    scores = _scores(content.runs)
    page = page_template("comparison.html.j2")
    return page.render(
        content=content,
        headlines=comparison_headlines(content),
        titles=[SCORES[key][0] for key in scores],
        rows=[_Row.of(run, scores, variant_color(k)) for k, run in enumerate(content.runs)],
        baselines=_baseline_rows(content.runs, scores),
        classes=_class_rows(content.runs),
        numbers=_number_rows(content),
        pairs=pairs_uri(content),
        curves=_curves_uri(content),
        validated=any(run.curve.is_validated for run in content.runs),
        grounds=[(ground, _panel_rows(ground)) for ground in content.grounds],
    )


@dataclass(frozen=True)
class _Row:
    run: ComparedRun
    color: str
    cells: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, run: ComparedRun, scores: Sequence[str], color: str) -> _Row:
        return cls(run, color, tuple(_cell(run.metrics["test"], key) for key in scores))


def _cell(metrics: Mapping[str, Any], key: str) -> tuple[str, str]:
    """A score and its interval as text; the interval is empty where there is none."""
    low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
    shown = has_width(low, high, SCORES.get(key, ("", True))[1])
    digits = decimals_of(metrics, key)
    span = f"{_told(key, low, digits)} to {_told(key, high, digits)}" if shown else ""
    return _told(key, metrics.get(key), digits), span


def _told(key: str, value: float | None, digits: int = 3) -> str:
    if value is None:
        return _DASH
    return percent(value) if SCORES.get(_last(key), ("", True))[1] else f"{value:.{digits}f}"


def _title_of(key: str) -> str:
    """`combiners.argmax.overall_accuracy` is told as `overall accuracy, argmax`."""
    way = key.split(".")[-2:-1]
    return ", ".join([SCORES[_last(key)][0], *way])


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _scores(runs: Sequence[ComparedRun]) -> list[str]:
    """Scores that any of the runs has."""
    return [key for key in SCORES if any(run.metrics["test"].get(key) is not None for run in runs)]


def _baseline_rows(
    runs: Sequence[ComparedRun], scores: Sequence[str]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Baselines of each split: name, where it was tested, scores.

    Once where all runs of a split have the same; else with the runs that they stand beside, which
    may have other channels or seeds.
    """
    rows: dict[tuple[Any, ...], list[ComparedRun]] = {}
    for name in _BASELINES:
        for run in runs:
            own = run.metrics.get("baselines", {}).get(name)
            if own is not None:
                # Not by intervals: another seed draws other ones of the same answers.
                values = tuple(own.get(key) for key in scores)
                rows.setdefault((name, run.tested_on, values), []).append(run)
    kinds = Counter((name, where) for name, where, _ in rows)
    told = []
    for (name, where, _), own_runs in rows.items():
        names = _listed([run.name for run in own_runs])
        of_runs = f" beside {names}" if kinds[name, where] > 1 else ""
        first = own_runs[0].metrics["baselines"][name]
        cells = [_cell(first, key) for key in scores]
        told.append((f"{name.replace('_', ' ')}{of_runs}", where, cells))
    return told


def _class_rows(runs: Sequence[ComparedRun]) -> list[tuple[str, list[str]]]:
    """IoU of each class by variant."""
    names = dict.fromkeys(name for run in runs for name in run.metrics["test"].get("per_class", {}))
    rows = []
    for name in names:
        own = [run.metrics["test"].get("per_class", {}).get(name, {}) for run in runs]
        if any(item.get("iou") is not None for item in own):
            rows.append((name, [percent(item.get("iou")) for item in own]))
    return rows


@dataclass(frozen=True)
class _NumberRow:
    number: PublishedNumber
    theirs: str
    title: str
    ours: str
    ours_leaky: bool
    honest: str
    honest_name: str


def _number_rows(content: Comparison) -> list[_NumberRow]:
    if content.published is None:
        return []
    rows = []
    for number in content.published.numbers:
        run = content.run(number.variant)
        key, beside = number.ours, content.published.honest.get(number.variant)
        honest = _DASH
        if key is not None and beside is not None:
            honest = _told(key, score_at(content.run(beside).metrics["test"], key))
        rows.append(
            _NumberRow(
                number=number,
                theirs=_told(key or _LEADING, number.value),
                title="none" if key is None else _title_of(key),
                ours=_DASH if key is None else _told(key, score_at(run.metrics["test"], key)),
                ours_leaky=bool(run.leaky),
                honest=honest,
                honest_name=beside or "",
            )
        )
    return rows


def _beside(content: Comparison, number: PublishedNumber) -> dict[str, Any]:
    """A published number with ours of the same kind, and with the honest one."""
    assert content.published is not None
    facts = number.model_dump()
    beside = content.published.honest.get(number.variant)
    if number.ours is not None:
        facts["our_value"] = score_at(content.run(number.variant).metrics["test"], number.ours)
        if beside is not None:
            facts["our_honest_value"] = score_at(content.run(beside).metrics["test"], number.ours)
    return facts


def _run_facts(run: ComparedRun) -> dict[str, Any]:
    test = run.metrics["test"]
    keys = [name for key in SCORES for name in (key, f"{key}_low", f"{key}_high") if name in test]
    baselines = run.metrics.get("baselines", {})
    return {
        "folder": run.folder,
        "model": run.model,
        "tested_on": run.tested_on,
        "leaky": run.leaky or None,
        "test": {key: test[key] for key in keys},
        "per_class_iou": {
            name: own.get("iou") for name, own in test.get("per_class", {}).items()
        },
        "baselines": {
            name: {key: own[key] for key in SCORES if key in own}
            for name, own in baselines.items()
        },
        "measure": run.curve.measure,
        "epochs": [dataclasses.asdict(row) for row in run.curve.rows],
    }  # fmt: skip


def _beaten(runs: Sequence[ComparedRun]) -> list[str]:
    """Which runs a baseline beats: those are not worth their hours."""
    lines = []
    # Errors decide where numbers are no amounts that have a similarity.
    scores = _scores(runs)
    for key in (key for key in _LEADS if key != "mae" or "ruzicka" not in scores):
        for name in _BASELINES:
            beaten = [
                run.name
                for run in runs
                if _ahead(run.metrics.get("baselines", {}).get(name, {}), run.metrics["test"], key)
            ]
            if not beaten:
                continue
            what = "every variant" if len(beaten) == len(runs) else _listed(beaten)
            lines.append(
                f"The {_baseline_named(name, runs)} has a "
                f"{'lower' if key in ERRORS else 'higher'} {SCORES[key][0]} than {what} on "
                "the same ground."
            )
    return lines


def _baseline_named(name: str, runs: Sequence[ComparedRun]) -> str:
    """What a baseline is, and what it knows that the networks do not."""
    told = {"majority": "commonest class", "mean": "mean of the training cells"}.get(name)
    if name == "random_forest" and any(
        run.metrics.get("task") == "weak-segmentation" for run in runs
    ):
        return "random forest, which was told the class of every training pixel,"
    return told or name.replace("_", " ")


def _ahead(baseline: Mapping[str, Any], test: Mapping[str, Any], key: str) -> bool:
    theirs, ours = baseline.get(key), test.get(key)
    if theirs is None or ours is None:
        return False
    return bool(theirs < ours if key in ERRORS else theirs > ours)


def _undecided(runs: Sequence[ComparedRun]) -> list[str]:
    """Where intervals of the best two overlap, their order says little."""
    lines = []
    for where in dict.fromkeys(run.tested_on for run in runs):
        own = [
            run
            for run in runs
            if run.tested_on == where and run.metrics["test"].get(_LEADING) is not None
        ]
        own.sort(key=lambda run: -run.metrics["test"][_LEADING])
        if len(own) < 2:
            continue
        first, second = own[0].metrics["test"], own[1].metrics["test"]
        low, high = first.get(f"{_LEADING}_low"), second.get(f"{_LEADING}_high")
        if low is not None and high is not None and low <= high:
            scores = [percent(test[_LEADING]) for test in (first, second)]
            if scores[0] == scores[1]:
                lines.append(
                    f"{own[0].name} and {own[1].name} are equally good by class-mean IoU "
                    f"({scores[0]})."
                )
                continue
            lines.append(
                f"{own[0].name} is ahead of {own[1].name} by class-mean IoU "
                f"({scores[0]} against {scores[1]}), but their 95 % "
                "intervals overlap, and each was trained once with one seed: this does not tell "
                "which is better."
            )
    return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _curves_uri(content: Comparison) -> str | None:
    curves = [(run.name, run.curve) for run in content.runs]
    if not any(curve.rows for _, curve in curves):
        return None
    # Losses of their own kinds cannot be laid over each other, and in a k-fold nothing validates.
    if not (content.losses_compare or any(curve.is_validated for _, curve in curves)):
        return None
    measures = dict.fromkeys(curve.measure for _, curve in curves if curve.rows)
    units = dict.fromkeys(unit for run in content.runs if (unit := curve_unit(run.metrics)))
    title = ", ".join(_title(measure) for measure in measures)
    title += "".join(f", in {unit}," for unit in units)
    return figures.figure_uri(curves_figure(curves, title, content.losses_compare))


def _title(measure: str) -> str:
    return figures.MEASURES.get(measure, measure.replace("_", " "))


def _panel_rows(ground: ComparedGround) -> list[tuple[str, list[tuple[str, str]]]]:
    """Caption and pictures of each panel: image, truth, and every variant's answer."""
    rows = []
    for panel in ground.panels:
        pictures = [("image", panel.image), ("truth", figures.painted(panel.truth, ground.legend))]
        pictures += [
            (name, figures.painted(index, ground.legend)) for name, index in panel.predictions
        ]
        uris = [(title, figures.picture_uri(picture)) for title, picture in pictures]
        rows.append((panel.caption, uris))
    return rows
