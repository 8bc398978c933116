"""evaluate for regression: the test ground mapped by the engine that maps, summed from the file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.intervals import with_interval
from covermap.assessment.regression import regression_metrics
from covermap.assessment.regression_baselines import MeansByDistance, distance_to_edge
from covermap.assessment.regression_groups import GroupedNumbers
from covermap.bundle.folder import read_bundle
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
NOT_EMPTY = 0.5
# How `metrics.json` calls the scores.
_NAMES = {
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "r_squared": "r2",
    "nonzero_iou": "iou_nonzero",
}
_SCORED = (*_NAMES, "bias", "spearman", "ruzicka")


def number_scores(numbers: GroupedNumbers, seed: int) -> dict[str, Any]:
    """Scores with their intervals as `metrics.json` calls them; undefined is None."""
    intervals = numbers.intervals(seed)
    found = regression_metrics(numbers.pooled, numbers.joint)
    scores: dict[str, Any] = {"groups": len(numbers)}
    for key, value in found.items():
        if key in _SCORED:
            scores |= with_interval(_NAMES.get(key, key), value, intervals.get(key))
        else:
            scores[key] = value
    return scores


def number_metrics(workspace: Workspace, chips: gpd.GeoDataFrame) -> dict[str, Any]:
    """`test` and `baselines` of densities, 0..1; writes `evaluation/joint.json`.

    The maps of the tested ground hold the quantity itself; they are divided by the cap again.
    """
    seed = workspace.project.seed
    model, mean, edge = (GroupedNumbers(NOT_EMPTY) for _ in range(3))
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
            sample, groups = tested[place], score.read(place).groups
            path = number_map(workspace, training.name, name)
            mapped = read_map_window(path, window, np.nan) / np.float32(cap.points)
            if not np.isfinite(mapped[sample.counted]).all():
                raise RuntimeError(f"{path}: scored pixels are not mapped")
            model.add(sample.target, mapped, sample.counted, groups)
            always = np.full(sample.target.shape, means.mean, np.float32)
            mean.add(sample.target, always, sample.counted, groups)
            rule = means.predicted(distance_to_edge(sample.valid))
            edge.add(sample.target, rule, sample.counted, groups)
    write_json(
        workspace.folder.path / "evaluation" / JOINT, {"counts": model.joint.counts.tolist()}
    )
    return {
        "test": {**number_scores(model, seed), "caps": caps},
        "baselines": {
            "mean": number_scores(mean, seed),
            "distance_to_edge": number_scores(edge, seed),
        },
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
