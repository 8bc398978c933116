"""evaluate: the test ground mapped by the engine that maps, tallied from the written file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.kept_scores import kept_scores, told_score
from covermap.assessment.metrics import metrics_of
from covermap.assessment.reliability import Reliability
from covermap.assessment.tally import GroupedSum, GroupedTally
from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_bundle, write_scores
from covermap.chips.audit import Audit, shares_of
from covermap.chips.loading import Chips, Share
from covermap.chips.parts import Training
from covermap.chips.table import read_chips
from covermap.core.errors import LabelError
from covermap.core.files import file_digest, read_json, write_json
from covermap.core.grid import Window
from covermap.core.progress import say
from covermap.imagery.raster import Scene
from covermap.mapping.reading import read_map_window
from covermap.project.steps import RunFolder
from covermap.report.leaks import leak_headlines
from covermap.verbs.baseline_scores import Baselines, fit_baselines
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.doubts import DoubtCounts, write_doubts
from covermap.verbs.evaluate_chip_numbers import chip_number_metrics
from covermap.verbs.evaluate_chips import chip_metrics
from covermap.verbs.evaluate_numbers import number_metrics
from covermap.verbs.evaluate_weak import weak_metrics
from covermap.verbs.tested_ground import map_tested, require_mapped
from covermap.verbs.train import bundle_folder, train_inputs
from covermap.verbs.truth import Truth
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

OUTPUTS = ("metrics.json", "evaluation")
# Written by `train`; its scores are ours.
_SCORED = "bundle/bundle.json"


def evaluate(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Score the networks of a run on ground that taught none of them.

    Parameters
    ----------
    project : path
        Project file.
    out : path
        Folder of the run, with the files of `prepare` and `train`.
    force : bool
        Repeat the step although nothing changed.

    Returns
    -------
    RunFolder
        Now with `metrics.json` and `evaluation/` (maps of the tested ground, scores by polygon);
        the bundle holds its scores.
    """
    workspace = Workspace.open(project, out, "evaluate")
    evaluate_step(workspace, force)
    return workspace.folder


def evaluate_step(workspace: Workspace, force: bool) -> None:
    """The step in an opened workspace."""
    inputs = evaluate_inputs(workspace)
    workspace.folder.claim(OUTPUTS)
    workspace.step("evaluate", inputs, lambda: _evaluate(workspace), force)


def evaluate_inputs(workspace: Workspace) -> dict[str, Any]:
    """What the step stands on."""
    truth = workspace.project.truth
    return workspace.inputs(
        "evaluate",
        {
            "train": workspace.standing_on("train", train_inputs(workspace)),
            "map": workspace.project.map.model_dump(exclude={"outputs", "min_area_m2"}),
            "truth": None if truth is None else file_digest(_existing(workspace.base / truth)),
        },
    )


def _existing(path: Path) -> Path:
    if not path.exists():
        raise LabelError(f"{path}: no such file; check truth: in the project")
    return path


def _evaluate(workspace: Workspace) -> tuple[str, ...]:
    folder, split = workspace.folder.path, workspace.split
    chips = read_chips(folder / "chips.parquet")
    shutil.rmtree(folder / "evaluation", ignore_errors=True)
    if workspace.of_chips and workspace.project.task == "regression":
        metrics = chip_number_metrics(workspace, chips)
    elif workspace.of_chips:
        metrics = chip_metrics(workspace, chips)
    elif workspace.project.task == "regression":
        metrics = number_metrics(workspace, chips)
    else:
        metrics = _pixel_metrics(workspace, chips)
    if workspace.project.task == "weak-segmentation" and not workspace.of_chips:
        further = weak_metrics(workspace, chips)
        metrics["test"] |= further["test"]
        metrics["baselines"]["majority"] |= further["majority"]
    metrics["task"] = workspace.project.task
    metrics["model"] = _model(read_json(folder / "training.json"))
    found_by_audit = Audit.from_dict(read_json(folder / "audit.json"))
    metrics["split"] = {
        "scheme": split.scheme,
        "of": split.ground.kind,
        "reasons": list(split.reasons),
        "leak_allowed": workspace.project.split.allow_leak,
        "leaky": found_by_audit.leaky,
        "near_duplicates": found_by_audit.duplicates.pairs,
    }
    write_json(folder / "metrics.json", metrics)
    write_scores(read_bundle(folder / "bundle"), kept_scores(metrics))
    _say_scores(metrics)
    return (*OUTPUTS, _SCORED)


def _pixel_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """`test` and `baselines` of classes of pixels; writes `evaluation/polygons.csv`."""
    legend, split, seed = workspace.labels.legend, workspace.split, workspace.project.seed
    found = _Found.empty(workspace)
    for training in split.trainings:
        if training.score:
            found.add(training, *_score_training(workspace, chips, training))
    metrics: dict[str, Any] = {
        "test": metrics_of(found.model.tally, legend, split.assessed, seed),
        "baselines": {
            "majority": metrics_of(found.majority.tally, legend, split.assessed, seed),
            "random_forest": metrics_of(found.forest.tally, legend, split.assessed, seed),
        },
    }
    metrics["test"] |= found.reliability.to_dict()
    if found.truth is not None:
        metrics["test"] |= found.truth.scores(split.assessed)
    doubts = workspace.folder.path / "evaluation" / "polygons.csv"
    write_doubts(doubts, found.doubts.rows(workspace.labels))
    return metrics


def _model(told: dict[str, Any]) -> dict[str, Any]:
    """The delivered model in words, and how it was chosen where that was left to validation."""
    final = told["final"]
    choice = {"choice": final["choice"]} if "choice" in final else {}
    return {"name": final["model"], **choice}


class _Found:
    """Tallies of all networks of a run, pooled as they come."""

    def __init__(
        self,
        doubts: DoubtCounts,
        truth: Truth | None,
    ) -> None:
        self.model, self.majority, self.forest = GroupedSum(), GroupedSum(), GroupedSum()
        self.doubts, self.truth = doubts, truth
        self.reliability = Reliability.zero()

    @classmethod
    def empty(cls, workspace: Workspace) -> _Found:
        project = workspace.project
        truth = None
        if project.truth is not None:
            truth = Truth(workspace.base / project.truth, workspace.labels.legend)
        return cls(DoubtCounts(len(workspace.labels.legend)), truth)

    def add(self, training: Training, scorer: _Scorer, baselines: Baselines) -> None:
        for place in range(len(scorer.share.windows)):
            scorer.score(place, baselines, self)


def _score_training(
    workspace: Workspace, chips: gpd.GeoDataFrame, training: Training
) -> tuple[_Scorer, Baselines]:
    teach, _, score = shares_of(workspace.viewer, chips, training)
    assert score is not None
    bundle = read_bundle(bundle_folder(workspace.folder.path, training))
    scorer = _Scorer(workspace, training, score, bundle)
    scorer.map_ground()
    baselines = fit_baselines(
        Chips(teach, scorer.chips.statistics),
        len(workspace.labels.legend),
        workspace.assessed,
        workspace.project.seed,
    )
    return scorer, baselines


class _Scorer:
    """Scores one network on its ground, window by window, from the maps that it wrote."""

    def __init__(
        self, workspace: Workspace, training: Training, share: Share, bundle: Bundle
    ) -> None:
        self.workspace, self.training = workspace, training
        self.share, self.bundle = share, bundle
        self.chips = Chips(share, statistics_of_bundle(bundle))
        self.folder = workspace.folder.path / "evaluation"
        self.legend = workspace.labels.legend

    def map_path(self, scene_name: str) -> Path:
        return self.folder / f"{self.training.name}_{scene_name}.tif"

    def map_ground(self) -> None:
        """Map the tested windows of each scene."""
        map_tested(
            self.workspace,
            self.share,
            self.bundle,
            self.map_path,
            ("class", "confidence"),
            f"Test ground, {self.training.name}",
        )

    def score(self, place: int, baselines: Baselines, found: _Found) -> None:
        """Tally one window of the written map, and the baselines on the same pixels."""
        name, window = self.share.windows[place]
        scene = self.workspace.viewer.scenes[name]
        view, sample = self.share.read(place), self.chips[place]
        counted = sample.counted
        predicted, mapped = self._read(scene, window)
        confidence = self._read_confidence(scene, window)
        require_mapped(counted, mapped, self.map_path(name))
        classes, reference = len(self.legend), view.target.index
        by_forest = baselines.predict(sample)
        always = np.full(counted.shape, baselines.majority, np.int16)
        groups = view.groups
        found.model.add(GroupedTally.of(reference, predicted, counted, groups, classes))
        found.forest.add(GroupedTally.of(reference, by_forest, counted, groups, classes))
        found.majority.add(GroupedTally.of(reference, always, counted, groups, classes))
        # Of whole per cents, as the maps that are delivered state them.
        found.reliability += Reliability.of(confidence, predicted == reference, counted)
        found.doubts.add(view.target.source, predicted, confidence, counted)
        if found.truth is not None:
            standing = view.hidden(self.workspace.viewer.codes(self.training.score))
            ground = standing & view.inside & self.share.first_shown(place)
            found.truth.add(scene, window, predicted, mapped & ground)

    def _read(self, scene: Scene, window: Window) -> tuple[np.ndarray, np.ndarray]:
        ids = read_map_window(self.map_path(scene.name), window, self.legend.nodata)
        return self.legend.to_index(ids)

    def _read_confidence(self, scene: Scene, window: Window) -> np.ndarray:
        path = self.map_path(scene.name)
        return read_map_window(path.with_name(f"{path.stem}_confidence.tif"), window, 255) / 100.0


# What is told of a run, the first that its scores hold; the titles of the columns.
_SAID = (
    {"overall_accuracy": "overall accuracy", "class_mean_iou": "class-mean IoU"},
    {"mean_accuracy": "mean accuracy", "exact_match": "exact match"},
    {"mae": "mean absolute error", "r2": "R2", "spearman": "Spearman"},
)
_TITLES = {
    "random_forest": "random forest",
    "majority": "majority class",
    "mean": "mean of training",
    "distance_to_edge": "distance to edge",
}


def _say_scores(metrics: dict[str, Any]) -> None:
    test, baselines = metrics["test"], metrics["baselines"]
    said = next(keys for keys in _SAID if set(keys) <= set(test))
    for line in leak_headlines(metrics, metrics["split"]["leak_allowed"]):
        say(f"\n  {line}")
    rows = [("model", test)]
    rows += [(title, baselines[key]) for key, title in _TITLES.items() if key in baselines]
    rows += [(f"  {name}", scores) for name, scores in test.get("combiners", {}).items() if scores]
    cells = [(name, [told_score(scores, key) for key in said]) for name, scores in rows]
    width = 2 + max(24, *(len(text) for _, texts in cells for text in texts))
    say(f"\n  {'':<16}" + "".join(f"{title:>{width}}" for title in said.values()))
    for name, texts in cells:
        say(f"  {name:<16}" + "".join(f"{text:>{width}}" for text in texts))
    if "true_pixels" in test:
        true = "".join(f"{told_score(test, f'true_{key}'):>{width}}" for key in said)
        say(f"  {'true':<16}{true}")
    say("")
