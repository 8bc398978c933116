"""evaluate for tasks of whole chips: each tested chip is answered and counted once."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.baselines import majority
from covermap.assessment.class_table import class_table
from covermap.assessment.intervals import with_interval
from covermap.assessment.metrics import metrics_of
from covermap.assessment.multilabel import (
    GroupedLabels,
    MultilabelTally,
    majority_labels,
    multilabel_metrics,
    positive_rates,
)
from covermap.assessment.multilabel_intervals import multilabel_intervals
from covermap.assessment.reliability import Reliability
from covermap.assessment.tally import GroupedTally
from covermap.bundle.folder import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips, Share
from covermap.chips.parts import Training
from covermap.core.files import complete_file
from covermap.mapping.chip_predictor import ChipModel, chip_features, open_chip_model
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.chip_forest import chip_forest
from covermap.verbs.train import bundle_folder
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

TABLE = "chips.csv"
_COLUMNS = ("training", "scene", "row_off", "col_off", "truth", "prediction", "probability")
_SEPARATOR = ";"


@dataclass(frozen=True)
class ScoredChip:
    """A tested chip as `evaluation/chips.csv` keeps it.

    Attributes
    ----------
    training, scene : str
    row_off, col_off : int
    truth, prediction : tuple of str
        One class; or any number of tags, those of `truth` that are known.
    probability : float
        Of the class predicted, or of the likeliest tag.
    """

    training: str
    scene: str
    row_off: int
    col_off: int
    truth: tuple[str, ...]
    prediction: tuple[str, ...]
    probability: float

    def to_row(self) -> dict[str, Any]:
        return {
            "training": self.training,
            "scene": self.scene,
            "row_off": self.row_off,
            "col_off": self.col_off,
            "truth": _SEPARATOR.join(self.truth),
            "prediction": _SEPARATOR.join(self.prediction),
            "probability": f"{self.probability:.4f}",
        }

    @classmethod
    def of_row(cls, row: dict[str, str]) -> ScoredChip:
        truth, prediction = (
            tuple(filter(None, row[key].split(_SEPARATOR))) for key in ("truth", "prediction")
        )
        place = int(row["row_off"]), int(row["col_off"])
        probability = float(row["probability"])
        return cls(row["training"], row["scene"], *place, truth, prediction, probability)


def read_scored(path: Path) -> list[ScoredChip]:
    """The tested chips of a run."""
    with path.open(encoding="utf-8", newline="") as file:
        return [ScoredChip.of_row(row) for row in csv.DictReader(file)]


def write_scored(path: Path, chips: list[ScoredChip]) -> None:
    with complete_file(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(chip.to_row() for chip in chips)


def chip_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """`test` and `baselines` of a run; writes `evaluation/chips.csv`."""
    of_classes = workspace.project.task == "classification"
    return _metrics(workspace, chips, _class_metrics if of_classes else _tag_metrics)


def tag_scores(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """The same for the labels that chips have, whatever else is scored of them."""
    return _metrics(workspace, chips, _tag_metrics)


def _metrics(
    workspace: Workspace, chips: gpd.GeoDataFrame, kind: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    folder = workspace.folder.path / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    counted: list[ScoredChip] = []
    scored = [training for training in workspace.split.trainings if training.score]
    lessons = (_Lesson.of(workspace, chips, training) for training in scored)
    metrics = kind(workspace, lessons, counted)
    write_scored(folder / TABLE, counted)
    return metrics


def commonest_group(share: Share, number: int) -> int:
    """The group (block, region, scene) of most counted pixels of a chip that has some."""
    view = share.read(number)
    values, times = np.unique(view.groups[share.counted(view)], return_counts=True)
    return int(values[times.argmax()])


@dataclass(frozen=True)
class _Lesson:
    """One network with what taught it and what it is scored on."""

    training: Training
    model: ChipModel
    teach: Chips
    score: Chips

    @classmethod
    def of(cls, workspace: Workspace, chips: gpd.GeoDataFrame, training: Training) -> _Lesson:
        teach, _, score = shares_of(workspace.viewer, chips, training)
        assert score is not None
        bundle = read_bundle(bundle_folder(workspace.folder.path, training))
        statistics, answers = statistics_of_bundle(bundle), workspace.answers()
        model = open_chip_model(bundle, workspace.project.map.precision)
        teaching, scoring = (Chips(share, statistics, answers) for share in (teach, score))
        return cls(training, model, teaching, scoring)

    def chips(self) -> Iterator[tuple[int, Any, np.ndarray]]:
        """Number, sample and probabilities (K,) of each tested chip that has an answer."""
        for number in range(len(self.score)):
            sample = self.score[number]
            if sample.counted.any():
                yield number, sample, self.model.answers(sample.values[None])[0]

    def group(self, number: int) -> np.ndarray:
        """The commonest group among the counted pixels, int32 (1,)."""
        return np.array([commonest_group(self.score.share, number)], np.int32)

    def scored(
        self,
        number: int,
        truth: np.ndarray,
        said: np.ndarray,
        shares: np.ndarray,
        names: tuple[str, ...],
    ) -> ScoredChip:
        """A row of the table; `truth` and `said` bool (K,)."""
        scene, window = self.score.share.windows[number]
        by_probability = [k for k in np.argsort(-shares, kind="stable") if said[k]]
        return ScoredChip(
            self.training.name,
            scene,
            window.row_off,
            window.col_off,
            tuple(name for name, has in zip(names, truth, strict=True) if has),
            tuple(names[k] for k in by_probability),
            float(shares.max()),
        )


def _class_metrics(
    workspace: Workspace, lessons: Iterator[_Lesson], counted: list[ScoredChip]
) -> dict[str, Any]:
    legend, seed = workspace.labels.legend, workspace.project.seed
    classes, assessed = len(legend), workspace.split.assessed
    # A row a chip: its group, what it is, and what it is said to be in three ways.
    rows: list[tuple[int, int, int, int, int]] = []
    reliability, hot = Reliability.zero(), np.eye(classes, dtype=bool)
    for lesson in lessons:
        trees = chip_forest(lesson.teach, classes, seed)
        commonest = majority(_chips_of_classes(lesson.teach, classes), workspace.assessed)
        for number, sample, shares in lesson.chips():
            truth, best = int(sample.target), int(shares.argmax())
            right = np.array([best == truth])
            reliability += Reliability.of(shares[[best]], right, np.ones(1, dtype=bool))
            by_trees = int(trees.predict(chip_features(sample.values)[None])[0])
            rows.append((int(lesson.group(number)[0]), truth, best, by_trees, commonest))
            counted.append(lesson.scored(number, hot[truth], hot[best], shares, legend.names))
    group, reference, *ways = np.array(rows, np.int64).T
    every = np.ones(len(rows), dtype=bool)
    model, forest, always = (
        GroupedTally.of(reference, said, every, group, classes) for said in ways
    )
    test = metrics_of(model, legend, assessed, seed)
    return {
        "test": {
            **test,
            **reliability.to_dict(),
            "class_table": class_table(model.pooled, legend.names).to_dict(),
        },
        "baselines": {
            "majority": metrics_of(always, legend, assessed, seed),
            "random_forest": metrics_of(forest, legend, assessed, seed),
        },
    }


def _chips_of_classes(teach: Chips, classes: int) -> np.ndarray:
    """Counted chips of each class, int64 (K,); one chip in memory at a time."""
    counts = np.zeros(classes, np.int64)
    for number in range(len(teach)):
        sample = teach[number]
        if sample.counted:
            counts[int(sample.target)] += 1
    return counts


def _tag_metrics(
    workspace: Workspace, lessons: Iterator[_Lesson], counted: list[ScoredChip]
) -> dict[str, Any]:
    names = workspace.labels.legend.names
    taught = MultilabelTally.zero(len(names))
    model, always = GroupedLabels(len(names)), GroupedLabels(len(names))
    for lesson in lessons:
        own = MultilabelTally.zero(len(names))
        for number in range(len(lesson.teach)):
            truth = _reference(lesson.teach[number])
            own += MultilabelTally.of(truth, np.zeros(truth.shape, dtype=bool))
        taught += own
        usual = majority_labels(positive_rates(own))[None]
        for number, sample, shares in lesson.chips():
            truth, said = _reference(sample), shares >= 0.5
            group = int(lesson.group(number)[0])
            model.add(group, MultilabelTally.of(truth, said[None]))
            always.add(group, MultilabelTally.of(truth, usual))
            counted.append(lesson.scored(number, truth[0] == 1, said, shares, names))
    rates, seed, assessed = positive_rates(taught), workspace.project.seed, workspace.split.assessed
    return {
        "test": _told(model, names, rates, assessed, seed),
        "baselines": {"majority": _told(always, names, rates, assessed, seed)},
    }


def _reference(sample: Any) -> np.ndarray:
    """Float32 (1, K): tags of a chip, NaN where unknown."""
    return np.where(sample.counted, sample.target, np.float32(np.nan))[None]


def _told(
    tally: GroupedLabels,
    names: tuple[str, ...],
    rates: tuple[float | None, ...],
    assessed: tuple[str, ...],
    seed: int,
) -> dict[str, Any]:
    """Scores of one way to answer; those of the majority stand in an entry of their own."""
    found = multilabel_metrics(tally.pooled, names, rates, assessed)
    chosen = [place for place, name in enumerate(names) if name in assessed]
    intervals = multilabel_intervals(tally.groups, seed, labels=chosen)
    per_label = {
        name: {key: value for key, value in row.items() if not key.startswith("majority_")}
        for name, row in found["per_label"].items()
    }
    leading = {
        "mean_accuracy": found["mean_label_accuracy"],
        "exact_match": found["exact_match"],
        "mean_f1": found["mean_f1"],
    }
    scores: dict[str, Any] = {}
    for name, value in leading.items():
        scores |= with_interval(name, value, intervals.get(name))
    return {
        **scores,
        "chips": found["pictures"],
        "complete_chips": found["complete_pictures"],
        "groups": len(tally.groups),
        "labels": list(names),
        "not_assessed": found["not_assessed"],
        "per_label": per_label,
    }
