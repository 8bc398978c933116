"""evaluate for weak segmentation: every way to combine the maps, and the labels of the chips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from covermap.assessment.metrics import metrics_of
from covermap.assessment.tally import GroupedSum, GroupedTally
from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips, Share
from covermap.core.errors import SplitError
from covermap.core.progress import say
from covermap.mapping.reading import read_map_window
from covermap.models.combiners import Combiner, CombinerName
from covermap.models.weak import MapReading, reading_from_dict
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.combine import fitted_combiner
from covermap.verbs.evaluate_chips import tag_scores
from covermap.verbs.tested_ground import map_tested, require_mapped
from covermap.verbs.train import bundle_folder
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

COMBINERS: tuple[CombinerName, ...] = get_args(CombinerName)
_KEPT_SCORES = ("overall_accuracy", "class_mean_iou", "micro_iou")
_OF_CHIPS = ("mean_accuracy", "exact_match", "mean_f1")


def weak_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, dict[str, Any]]:
    """What stands in `test` beside the scores of the kept map, and in the majority's entry.

    `test.combiners` scores the test ground as each combiner maps it with the same network; None
    where a combiner could not be fitted. The scores of labels of chips say how well the network
    learnt what it was taught. Writes `evaluation/combiners/` and `evaluation/chips.csv`.
    """
    lessons = list(_lessons(workspace, chips))
    kept = workspace.project.weak.combiner
    labels = tag_scores(workspace, chips)
    return {
        "test": {
            "combiner": kept,
            "combiners": {name: _scores(workspace, lessons, name) for name in COMBINERS},
            **_of_chips(labels["test"]),
        },
        "majority": _of_chips(labels["baselines"]["majority"]),
    }


@dataclass(frozen=True)
class _Lesson:
    """A scored network: what taught it, and what it is tested on."""

    name: str
    bundle: Bundle
    teach: Chips
    score: Share


def _lessons(workspace: Workspace, chips: gpd.GeoDataFrame) -> Iterator[_Lesson]:
    for training in workspace.split.trainings:
        if training.score:
            teach, _, score = shares_of(workspace.viewer, chips, training)
            assert score is not None
            bundle = read_bundle(bundle_folder(workspace.folder.path, training))
            yield _Lesson(training.name, bundle, Chips(teach, statistics_of_bundle(bundle)), score)


def _scores(
    workspace: Workspace, lessons: list[_Lesson], name: CombinerName
) -> dict[str, Any] | None:
    """Scores of the test ground by one combiner, with what taught it."""
    legend, found = workspace.labels.legend, GroupedSum()
    dense, reported_as = 0, ""
    for lesson in lessons:
        try:
            combiner = _combiner(workspace, lesson, name)
        except SplitError as error:
            say(f"combiner {name}: left out ({error})")
            return None
        dense, reported_as = max(dense, len(combiner.chips)), combiner.reported_as
        folder = _mapped(workspace, lesson, combiner)
        for place, (scene, window) in enumerate(lesson.score.windows):
            view = lesson.score.read(place)
            ids = read_map_window(folder / f"{lesson.name}_{scene}.tif", window, legend.nodata)
            predicted, mapped = legend.to_index(ids)
            counted = lesson.score.counted(view)
            require_mapped(counted, mapped, folder)
            found.add(
                GroupedTally.of(view.target.index, predicted, counted, view.groups, len(legend))
            )
    scores = metrics_of(found.tally, legend, workspace.split.assessed, workspace.project.seed)
    leading = [f"{key}{end}" for key in _KEPT_SCORES for end in ("", "_low", "_high")]
    return {
        **{key: scores[key] for key in leading},
        "iou": {name: row["iou"] for name, row in scores["per_class"].items()},
        "taught_by": reported_as,
        "dense_images": dense,
    }


def _combiner(workspace: Workspace, lesson: _Lesson, name: CombinerName) -> Combiner:
    """That of the bundle where it is the one, else fitted to the same teaching ground."""
    kept = _reading(lesson.bundle).combiner
    if kept.name == name:
        return kept
    from covermap.models.loading import load_network

    weak, seed = workspace.project.weak, workspace.project.seed
    return fitted_combiner(name, load_network(lesson.bundle), lesson.teach, weak, seed)


def _reading(bundle: Bundle) -> MapReading:
    return reading_from_dict(bundle.combiner, len(bundle.legend), str(bundle.folder))


def _mapped(workspace: Workspace, lesson: _Lesson, combiner: Combiner) -> Path:
    """Folder with maps of a lesson's test ground, made anew unless they are those of the run."""
    evaluation = workspace.folder.path / "evaluation"
    kept = _reading(lesson.bundle)
    if kept.combiner.name == combiner.name:
        return evaluation
    folder = evaluation / "combiners" / combiner.name
    reading = dataclasses.replace(kept, combiner=combiner)
    map_tested(
        workspace,
        lesson.score,
        dataclasses.replace(lesson.bundle, combiner=reading.to_dict()),
        lambda scene: folder / f"{lesson.name}_{scene}.tif",
        ("class",),
        f"Test ground, {lesson.name}, {combiner.name}",
    )
    return folder


def _of_chips(scores: dict[str, Any]) -> dict[str, Any]:
    keys = [f"{key}{end}" for key in _OF_CHIPS for end in ("", "_low", "_high")]
    return {key: scores[key] for key in keys if key in scores}
