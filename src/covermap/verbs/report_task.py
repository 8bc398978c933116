"""report for tasks of whole chips and for regression: the same page, filled by task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.joint import JointCounts
from covermap.assessment.kept_scores import decimals_of
from covermap.assessment.tally import Tally
from covermap.bundle.folder import read_bundle
from covermap.chips.audit import Audit
from covermap.chips.table import read_chips
from covermap.core.files import read_json
from covermap.report.doubt import has_width, interval_warnings
from covermap.report.figures import confusion_figures, figure_uri
from covermap.report.figures_scores import (
    label_matrices_figure,
    points_figure,
    scatter_figure,
)
from covermap.report.leaks import leak_headlines, leak_stamp, unseen
from covermap.report.model_words import is_the_forest_beside
from covermap.report.page import fold_headlines, headlines_of
from covermap.report.reliability_figure import reliability_section
from covermap.report.task_page import FigureSection, Table, TaskContent, render_task
from covermap.report.template import percent, told_apart
from covermap.report.units import curve_unit, unit_of
from covermap.verbs.chip_panels import chip_panels, number_panels
from covermap.verbs.evaluate_chip_numbers import read_numbered
from covermap.verbs.evaluate_chips import TABLE
from covermap.verbs.evaluate_numbers import JOINT
from covermap.verbs.map_run import PREDICTIONS, PREVIEW, answers_pictures, mapped_paths
from covermap.verbs.report import curves_of, how_tested, provenance_of, unmapped_headlines
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

_DASH = "–"
_BETTER = "{who} does better here than the model: {told}. {advice}"
_ADVICE = "Label more, or train longer; as it is, the model has learnt nothing of use."
# A model that is behind it may still be far better than a constant answer.
_ADVICE_BESIDE_FOREST = "Label more, or train longer."


_NUMBER_TITLES = {
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "spearman": "Rank correlation (Spearman)",
    "bias": "Bias",
    "ruzicka": "Ružička similarity",
}


@dataclass(frozen=True)
class _Part:
    """What differs from task to task."""

    kind: str
    counted: str
    meaning: str
    headlines: tuple[str, ...]
    scores: Table
    classes: Table | None
    classes_title: str
    figures: tuple[FigureSection, ...]


def task_page(workspace: Workspace) -> str:
    """The page of an evaluated run."""
    folder, project = workspace.folder.path, workspace.project
    metrics = read_json(folder / "metrics.json")
    chips = read_chips(folder / "chips.parquet")
    of_numbers = _of_chip_numbers if workspace.of_chips else _of_numbers
    fill = {"classification": _of_classes, "regression": of_numbers}.get(project.task, _of_tags)
    part = fill(workspace, metrics, chips)
    split, unmapped = workspace.split, list[str]()
    folds = len(split.trainings) - 1 if split.scheme == "kfold" else None
    maps, picture_of_map = PREDICTIONS, None
    if not answers_pictures(workspace):
        first = next(iter(mapped_paths(workspace)))
        maps = f"maps/, here {first}" if len(workspace.scenes) > 1 else "map.tif"
        picture_of_map = (folder / PREVIEW).read_bytes()
        unmapped = unmapped_headlines(workspace)
    return render_task(
        TaskContent(
            name=project.name,
            kind=part.kind,
            how_tested=how_tested(workspace, chips),
            counted=part.counted,
            meaning=part.meaning,
            headlines=(*part.headlines, *fold_headlines(folds, unit_of(metrics)), *unmapped),
            scores=part.scores,
            classes=part.classes,
            classes_title=part.classes_title,
            figures=part.figures,
            curves=tuple(replace(curve, unit=curve_unit(metrics)) for curve in curves_of(folder)),
            audit=tuple(Audit.from_dict(read_json(folder / "audit.json")).lines()),
            provenance=provenance_of(workspace),
            leak=leak_stamp(metrics, project.split.allow_leak),
            map_file=maps,
            map_png=picture_of_map,
        )
    )


def _of_classes(workspace: Workspace, metrics: dict[str, Any], chips: gpd.GeoDataFrame) -> _Part:
    test, baselines = metrics["test"], metrics["baselines"]
    ways: tuple[dict[str, Any], ...] = (test, baselines["majority"])
    columns: tuple[str, ...] = ("model", "commonest class")
    if not is_the_forest_beside(metrics):
        ways = (test, baselines["random_forest"], baselines["majority"])
        columns = ("model", "random forest of statistics", "commonest class")
    titles = {
        "overall_accuracy": "Overall accuracy",
        "class_mean_iou": "Class-mean IoU",
        "micro_iou": "Micro IoU",
    }
    rows = [
        (title, tuple(_with_interval(way, key) for way in ways)) for key, title in titles.items()
    ]
    macro = test["class_table"]["macro"]["f1"]
    rows.append(("Mean F1 of the classes", (percent(macro), *[_DASH] * (len(ways) - 1))))
    keys = ("producers_accuracy", "users_accuracy", "f1", "iou")
    classes = tuple(
        (name, (*(percent(row[key]) for key in keys), f"{row['labelled_pixels']:,}"))
        for name, row in test["per_class"].items()
    )
    matrices = confusion_figures(np.array(test["confusion_matrix"]), test["classes"], "Chips")
    return _Part(
        kind="a classifier of whole chips",
        counted=f"{test['labelled_pixels']:,} chips {_unseen(workspace)}; each counts once.",
        meaning="Overall accuracy: of 100 chips, how many are said right. The forest looks at "
        "each band's mean, spread and percentiles only. Intervals (95 %) are drawn from pictures "
        "or blocks of ground, not from single chips.",
        headlines=tuple(headlines_of(metrics, "model", workspace.project.split.allow_leak)),
        scores=Table(columns, tuple(rows)),
        classes=Table(
            ("producer's accuracy (recall)", "user's accuracy (precision)", "F1", "IoU", "chips"),
            classes,
        ),
        classes_title="Class by class",
        figures=(
            FigureSection(
                "What is taken for what",
                tuple(figure_uri(figure) for figure in matrices),
                "A row is what a chip is, a column what it was said to be.",
            ),
            *filter(None, [reliability_section(test)]),
            chip_panels(workspace),
        ),
    )


def _of_tags(workspace: Workspace, metrics: dict[str, Any], chips: gpd.GeoDataFrame) -> _Part:
    test, majority = metrics["test"], metrics["baselines"]["majority"]
    titles = {
        "mean_accuracy": "Mean accuracy of the labels",
        "exact_match": "Chips wholly right",
        "mean_f1": "Mean F1 of the labels",
    }
    rows = tuple(
        (title, (_with_interval(test, key), _with_interval(majority, key)))
        for key, title in titles.items()
    )
    keys = ("accuracy", "precision", "recall", "f1", "positive_rate")
    labels = tuple(
        (
            name,
            (
                *(percent(row[key]) for key in keys),
                percent(majority["per_label"][name]["accuracy"]),
                f"{row['pictures']:,}",
            ),
        )
        for name, row in test["per_label"].items()
    )
    matrices = {
        name: Tally(np.array(row["confusion_matrix"])) for name, row in test["per_label"].items()
    }
    ahead = _behind(test, majority, "mean_accuracy", "Giving every chip the usual labels", titles)
    return _Part(
        kind="labels of whole chips",
        counted=f"{test['chips']:,} chips {_unseen(workspace)}; of {test['complete_chips']:,} all "
        "labels are known.",
        meaning="Accuracy of a label: of 100 chips, for how many it is said right whether they "
        "have it. Compare it with the last column but one: where a label is rare, never saying it "
        "is right for most chips. Intervals (95 %) are drawn from pictures or blocks of ground, "
        "not from single chips.",
        headlines=(
            *_leaks(workspace, metrics),
            *ahead,
            *_unassessed(test),
            *_doubts(metrics, titles),
        ),
        scores=Table(("model", "usual labels for all"), rows),
        classes=Table(
            ("accuracy", "precision", "recall", "F1", "chips with it", "usual answer", "chips"),
            labels,
        ),
        classes_title="Label by label",
        figures=(
            FigureSection(
                "Label by label, right and wrong", (figure_uri(label_matrices_figure(matrices)),)
            ),
            chip_panels(workspace),
        ),
    )


def _of_numbers(workspace: Workspace, metrics: dict[str, Any], chips: gpd.GeoDataFrame) -> _Part:
    test, baselines = metrics["test"], metrics["baselines"]
    titles = _NUMBER_TITLES | {"iou_nonzero": "IoU of dense cells and cells with points"}
    rows = _number_rows((test, baselines["mean"], baselines["distance_to_edge"]), titles)
    ahead = _numbers_behind(
        metrics, {"mean": "The mean of training", "distance_to_edge": "The distance rule"}
    )
    counts = np.array(read_json(workspace.folder.path / "evaluation" / JOINT)["counts"])
    joint = JointCounts(counts, 0.0, 1.0)
    caps = ", ".join(f"{cap:g}" for cap in sorted(set(test["caps"])))
    points = "point" if caps == "1" else "points"
    unit = f"density, 1 = {caps} {points}"
    return _Part(
        kind="a map of density",
        counted=f"{test['labelled_pixels']:,} cells {_unseen(workspace)}. Numbers are densities "
        f"from 0 to 1; 1 stands for {caps} {points} in a cell or more, by the training ground "
        "alone.",
        meaning="The mean of training is one number for every cell; the distance rule gives each "
        "cell the training mean at its distance from the edge of what is valid. A model that is "
        "not better than both has learnt nothing of the imagery. Intervals (95 %) are drawn from "
        "whole blocks, regions or images.",
        headlines=(
            *_leaks(workspace, metrics),
            *ahead,
            *_doubts(metrics, titles, shares=False),
        ),
        scores=Table(("model", "mean of training", "distance to the edge"), rows),
        classes=None,
        classes_title="",
        figures=(
            FigureSection("Prediction against truth", (figure_uri(scatter_figure(joint, unit)),)),
            number_panels(workspace, chips, unit),
        ),
    )


def _of_chip_numbers(
    workspace: Workspace, metrics: dict[str, Any], chips: gpd.GeoDataFrame
) -> _Part:
    test, baselines = metrics["test"], metrics["baselines"]
    quantity = read_bundle(workspace.folder.path / "bundle").quantity
    assert quantity is not None
    unit = quantity.name
    if quantity.cap is not None:
        caps = ", ".join(f"{cap:g}" for cap in sorted(set(test["caps"])))
        unit = f"mean density, 1 = {caps} points in a cell"
    titles = {key: title for key, title in _NUMBER_TITLES.items() if key != "ruzicka"}
    if test["ruzicka"] is not None:
        titles = _NUMBER_TITLES
    if test["iou_nonzero"] is not None:
        titles = titles | {"iou_nonzero": "IoU of dense chips and chips with points"}
    ways = (test, baselines["random_forest"], baselines["mean"])
    names = {
        "random_forest": "A random forest of chip statistics, fitted here only to compare with,",
        "mean": "The mean of training",
    }
    scored = read_numbered(workspace.folder.path / "evaluation" / TABLE)
    figure = points_figure(
        np.array([chip.truth for chip in scored]), np.array([chip.value for chip in scored]), unit
    )
    return _Part(
        kind="one number for each chip",
        counted=f"{test['labelled_pixels']:,} chips {_unseen(workspace)}; each counts once. "
        f"Numbers are {unit}.",
        meaning="The mean of training is one number for every chip; the forest looks at each "
        "band's mean, spread and percentiles only. A model that is not better than the mean has "
        "learnt nothing of the imagery. Intervals (95 %) are drawn from pictures or blocks of "
        "ground, not from single chips.",
        headlines=(
            *_leaks(workspace, metrics),
            *_numbers_behind(metrics, names),
            *_doubts(metrics, titles, shares=False),
        ),
        scores=Table(
            ("model", "random forest of statistics", "mean of training"),
            _number_rows(ways, titles),
        ),
        classes=None,
        classes_title="",
        figures=(
            FigureSection(
                "Prediction against truth",
                (figure_uri(figure),),
                "A point is a tested chip; on the line the answer is right.",
            ),
        ),
    )


def _leaks(workspace: Workspace, metrics: dict[str, Any]) -> list[str]:
    return leak_headlines(metrics, workspace.project.split.allow_leak)


def _unseen(workspace: Workspace) -> str:
    return unseen(workspace.project.split.allow_leak)


def _number_rows(
    ways: tuple[dict[str, Any], ...], titles: dict[str, str]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((title, tuple(_number(way, key) for way in ways)) for key, title in titles.items())


def _numbers_behind(metrics: dict[str, Any], names: dict[str, str]) -> list[str]:
    """A line for each baseline with smaller errors than the model, or a higher R²."""
    lines, test = [], metrics["test"]
    for key, who in names.items():
        baseline, told = metrics["baselines"][key], []
        by_error = baseline["mae"] < test["mae"]
        if by_error:
            digits = decimals_of(baseline, "mae")
            told.append(
                f"mean absolute error {baseline['mae']:.{digits}f} against {test['mae']:.{digits}f}"
            )
        theirs, ours = baseline.get("r2"), test.get("r2")
        if theirs is not None and ours is not None and theirs > ours:
            told.append(f"R² {theirs:.3f} against {ours:.3f}")
        if told:
            useless = by_error and key != "random_forest"
            advice = _ADVICE if useless else _ADVICE_BESIDE_FOREST
            lines.append(_BETTER.format(who=who, told=" and ".join(told), advice=advice))
    return [*lines, *_no_gain_shown(metrics)]


def _no_gain_shown(metrics: dict[str, Any]) -> list[str]:
    """A line where tested ground cannot tell the model from one number for all."""
    test, unit = metrics["test"], unit_of(metrics)
    low, high = test.get("r2_low"), test.get("r2_high")
    if low is None or high is None or not low < 0 < high:
        return []
    return [
        f"The test, of {unit.counted(test['groups'])}, is too small to tell whether the model is "
        f"better than one number for all: the interval of R² reaches from {low:.2f} to "
        f"{high:.2f}, and 0 is what the mean of the tested ground has. Test more of them."
    ]


def _behind(
    test: dict[str, Any], other: dict[str, Any], key: str, who: str, titles: dict[str, str]
) -> list[str]:
    if test[key] is None or other[key] is None or other[key] <= test[key]:
        return []
    shares = dict(zip(("theirs", "ours"), told_apart(other[key], test[key]), strict=True))
    told = f"{titles[key].lower()} {shares['theirs']} against {shares['ours']}"
    return [_BETTER.format(who=who, told=told, advice=_ADVICE)]


def _with_interval(scores: dict[str, Any], key: str) -> str:
    low, high = scores[f"{key}_low"], scores[f"{key}_high"]
    if not has_width(low, high):
        return percent(scores[key])
    return f"{percent(scores[key])} ({percent(low)} to {percent(high)})"


def _number(scores: dict[str, Any], key: str) -> str:
    value, low, high = (scores[f"{key}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return _DASH
    digits = decimals_of(scores, key)
    told = f"{value:.{digits}f}"
    if not has_width(low, high, share=False):
        return told
    return f"{told} ({low:.{digits}f} to {high:.{digits}f})"


def _unassessed(test: dict[str, Any]) -> list[str]:
    """What is not known of labels that cannot be tested."""
    if not test["not_assessed"]:
        return []
    return [
        "Not assessed, for want of chips with and without the label in both training and test: "
        f"{', '.join(test['not_assessed'])}. The means leave them out; nothing is known of how "
        "well they are told."
    ]


def _doubts(metrics: dict[str, Any], titles: dict[str, str], shares: bool = True) -> list[str]:
    """Warnings of intervals that say less than they seem."""
    told = {key: title[0].lower() + title[1:] for key, title in titles.items()}
    return interval_warnings(metrics["test"], unit_of(metrics), told, shares)
