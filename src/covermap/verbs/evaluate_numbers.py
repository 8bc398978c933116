"""evaluate for regression: the test ground mapped by the engine that maps, summed from the file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.joint import JointCounts
from covermap.assessment.regression import RegressionTally, regression_metrics
from covermap.assessment.regression_baselines import MeansByDistance, distance_to_edge
from covermap.bundle import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.core.files import write_json
from covermap.mapping.reading import read_map_window
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.caps import cap_of
from covermap.verbs.tested_ground import map_tested
from covermap.verbs.train import bundle_folder
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

JOINT = "joint.json"
# Densities above it count as not empty: half a point of a cap of one, as the seed's systems had it.
_NOT_EMPTY = 0.5
# How `metrics.json` calls the scores.
_NAMES = {
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "r_squared": "r2",
    "nonzero_iou": "iou_nonzero",
}


class _Sums:
    """Truth against one way to answer."""

    def __init__(self) -> None:
        self.tally, self.joint = RegressionTally(), JointCounts.zero()

    def add(self, truth: np.ndarray, answer: np.ndarray, counted: np.ndarray) -> None:
        self.tally += RegressionTally.of(truth, answer, counted, _NOT_EMPTY)
        self.joint = self.joint.with_cells(truth[counted], answer[counted])

    def metrics(self) -> dict[str, Any]:
        found = regression_metrics(self.tally, self.joint)
        return {_NAMES.get(key, key): value for key, value in found.items()}


def number_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """`test` and `baselines` of densities, 0..1; writes `evaluation/joint.json`.

    The maps of the tested ground hold the quantity itself; they are divided by the cap again.
    """
    model, mean, edge = _Sums(), _Sums(), _Sums()
    caps = []
    for training in workspace.split.trainings:
        if not training.score:
            continue
        teach, _, score = shares_of(workspace.viewer, chips, training)
        assert score is not None
        bundle = read_bundle(bundle_folder(workspace.folder.path, training))
        cap = cap_of(bundle)
        caps.append(cap.points)
        answers, statistics = workspace.answers(cap), statistics_of_bundle(bundle)
        means = _means(Chips(teach, statistics, answers))
        map_tested(
            workspace,
            score,
            bundle,
            partial(number_map, workspace, training.name),
            ("value",),
            f"Test ground, {training.name}",
        )
        tested = Chips(score, statistics, answers)
        for place, (name, window) in enumerate(score.windows):
            sample = tested[place]
            path = number_map(workspace, training.name, name)
            mapped = read_map_window(path, window, np.nan) / np.float32(cap.points)
            if not np.isfinite(mapped[sample.counted]).all():
                raise RuntimeError(f"{path}: scored pixels are not mapped")
            model.add(sample.target, mapped, sample.counted)
            always = np.full(sample.target.shape, means.mean, np.float32)
            mean.add(sample.target, always, sample.counted)
            rule = means.predicted(distance_to_edge(sample.valid))
            edge.add(sample.target, rule, sample.counted)
    write_json(
        workspace.folder.path / "evaluation" / JOINT, {"counts": model.joint.counts.tolist()}
    )
    return {
        "test": {**model.metrics(), "caps": caps},
        "baselines": {"mean": mean.metrics(), "distance_to_edge": edge.metrics()},
    }


def number_map(workspace: Workspace, training: str, scene: str) -> Path:
    """Where the value map of tested ground lies."""
    return workspace.folder.path / "evaluation" / f"{training}_{scene}.tif"


def _means(teach: Chips) -> MeansByDistance:
    total = MeansByDistance()
    for number in range(len(teach)):
        sample = teach[number]
        if sample.counted.any():
            total += MeansByDistance.of(
                sample.target, distance_to_edge(sample.valid), sample.counted
            )
    return total
