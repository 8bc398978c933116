"""evaluate for one number a chip: each tested chip is answered and counted once."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.joint import order_of
from covermap.assessment.regression_groups import GroupedNumbers
from covermap.bundle.facts import Quantity
from covermap.bundle.folder import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.chips.parts import Training
from covermap.core.files import complete_file
from covermap.mapping.chip_predictor import chip_features, open_chip_model
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.evaluate_chips import TABLE, commonest_group
from covermap.verbs.evaluate_numbers import NOT_EMPTY, number_scores
from covermap.verbs.quantity import scale_of
from covermap.verbs.train import bundle_folder
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

_COLUMNS = ("training", "scene", "row_off", "col_off", "truth", "value")
_WAYS = ("model", "mean", "random_forest")
_TREES = 100


@dataclass(frozen=True)
class NumberedChip:
    """A tested chip as `evaluation/chips.csv` keeps it.

    Attributes
    ----------
    training, scene : str
    row_off, col_off : int
    truth, value : float
        In the unit of the labels; of densities 0..1.
    """

    training: str
    scene: str
    row_off: int
    col_off: int
    truth: float
    value: float


@dataclass(frozen=True)
class _Scored:
    """A tested chip, its group, and what each way to answer says."""

    chip: NumberedChip
    group: int
    answers: dict[str, float]


def chip_number_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """`test` and `baselines` of numbers of chips; writes `evaluation/chips.csv`."""
    scored: list[_Scored] = []
    caps = []
    for training in workspace.split.trainings:
        if training.score:
            quantity, found = _scored(workspace, chips, training)
            scored += found
            caps += [] if quantity.cap is None else [quantity.cap]
    folder = workspace.folder.path / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    write_numbered(folder / TABLE, [item.chip for item in scored])
    seed = workspace.project.seed
    model, mean, forest = (number_scores(_tallied(scored, way), seed) for way in _WAYS)
    for name in () if caps else _meaningless([item.chip.truth for item in scored]):
        for scores in (model, mean, forest):
            scores |= {f"{name}{end}": None for end in ("", "_low", "_high")}
    return {
        "test": {**model, "caps": caps},
        "baselines": {"mean": mean, "random_forest": forest},
    }


def _meaningless(truth: list[float]) -> tuple[str, ...]:
    """Scores that say nothing of numbers that are no densities.

    Of a quantity without a natural 0 it means nothing to be above it, and where numbers lie below
    it, they are no amounts that could be shared.
    """
    return ("iou_nonzero", "ruzicka") if min(truth) < 0 else ("iou_nonzero",)


def read_numbered(path: Path) -> list[NumberedChip]:
    """The tested chips of a run."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            NumberedChip(
                row["training"], row["scene"], int(row["row_off"]), int(row["col_off"]),
                float(row["truth"]), float(row["value"]),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def write_numbered(path: Path, chips: list[NumberedChip]) -> None:
    with complete_file(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for chip in chips:
            told = (f"{number:.6g}" for number in (chip.truth, chip.value))
            writer.writerow((chip.training, chip.scene, chip.row_off, chip.col_off, *told))


def _scored(
    workspace: Workspace, chips: gpd.GeoDataFrame, training: Training
) -> tuple[Quantity, list[_Scored]]:
    """The tested chips of one network, in what its quantity measures."""
    teach, _, score = shares_of(workspace.viewer, chips, training)
    assert score is not None
    bundle = read_bundle(bundle_folder(workspace.folder.path, training))
    quantity = bundle.quantity
    assert quantity is not None
    statistics, answers = statistics_of_bundle(bundle), workspace.answers(scale_of(quantity))
    model = open_chip_model(bundle, workspace.project.map.precision)
    taught, tested = (Chips(share, statistics, answers) for share in (teach, score))
    features, numbers = _lesson(taught)
    forest = _forest(features, numbers, workspace.project.seed)
    found = []
    for number, (scene, window) in enumerate(score.windows):
        sample = tested[number]
        if not sample.counted.any():
            continue
        own = {
            "model": float(model.answers(sample.values[None])[0, 0]),
            "mean": float(numbers.mean()),
            "random_forest": float(forest.predict(chip_features(sample.values)[None])[0]),
        }
        said = {way: _in_units(quantity, value) for way, value in own.items()}
        truth = _in_units(quantity, float(sample.target))
        place = training.name, scene, window.row_off, window.col_off
        chip = NumberedChip(*place, truth, said["model"])
        found.append(_Scored(chip, commonest_group(score, number), said))
    return quantity, found


def _lesson(taught: Chips) -> tuple[np.ndarray, np.ndarray]:
    """Statistics (N, F) and numbers (N,) of the chips that teach."""
    features, numbers = [], []
    for place in range(len(taught)):
        sample = taught[place]
        if sample.counted.any():
            features.append(chip_features(sample.values))
            numbers.append(float(sample.target))
    return np.stack(features), np.array(numbers)


def _forest(features: np.ndarray, numbers: np.ndarray, seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(_TREES, random_state=seed).fit(features, numbers)


def _in_units(quantity: Quantity, value: float) -> float:
    """In the unit of the labels; a density stays one, 0..1, as its map is scored."""
    return float(quantity.of(np.array([value]))[0]) / (quantity.cap or 1.0)


def _tallied(scored: list[_Scored], way: str) -> GroupedNumbers:
    truth = np.array([item.chip.truth for item in scored])
    said = np.array([item.answers[way] for item in scored])
    groups = np.array([item.group for item in scored])
    numbers = GroupedNumbers(NOT_EMPTY)
    every = np.ones(len(truth), dtype=bool)
    numbers.add(truth, said, every, groups, (order_of(truth), order_of(said)))
    return numbers
