"""What a density of 1 stands for, and how it is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point

from covermap.core.errors import LabelError
from covermap.core.legend import Legend
from covermap.core.settings import parse
from covermap.labels.density import Density
from covermap.labels.kind_settings import DensitySettings
from covermap.verbs.caps import fitted_cap
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

BOX = tiny_geobox(160, 160)
# Every fourth row holds points, in each cell two and in every tenth cell twenty.
ROWS, OFTEN, MANY = 4, 2, 20


def density():
    places = [
        (col, row)
        for row in range(0, 160, ROWS)
        for col in range(160)
        for _ in range(MANY if col % 10 == 0 else OFTEN)
    ]
    points = gpd.GeoDataFrame(
        geometry=[Point(BOX.affine @ (col + 0.5, row + 0.5)) for col, row in places],
        crs=str(BOX.crs),
    )
    legend = Legend.of({1: "none", 2: "some"})
    return Density(points, legend, (1,), Path("points.gpkg"), ())


def fitted(task="regression", **settings):
    run = prepared([noisy_scene(BOX)], density(), 32)
    asked = parse(DensitySettings, {"points": "points.gpkg", **settings}, "labels")
    project = SimpleNamespace(task=task, labels=asked)
    teach = run.shares(run.split.trainings[0])[0]
    return fitted_cap(SimpleNamespace(labels=run.labels, project=project), teach)


@pytest.mark.parametrize(
    ("cap", "points", "how"),
    [
        (45, 45, "(labels: cap)"),
        ({"percentile": 90, "over": "nonzero", "method": "lower"}, 2,
         "(labels: cap, percentile 90 of the cells with points that teach)"),
        ({"percentile": 99}, 20, "(labels: cap, percentile 99 of the cells that teach)"),
    ],
)  # fmt: skip
def test_what_1_stands_for_is_told_in_points_with_how_it_was_found(capsys, cap, points, how):
    assert fitted(cap=cap).points == points
    told = capsys.readouterr().err
    line = f"density: 1 stands for {points} points in a cell, and for more {how}\n"
    assert told == line


def test_classes_by_level_have_no_cap_and_tell_none(capsys):
    assert fitted(task="segmentation", levels=[1]) is None
    assert capsys.readouterr().err == ""


def test_a_cap_of_no_point_is_refused_with_the_one_to_write():
    with pytest.raises(LabelError, match="over: nonzero"):
        fitted(cap={"percentile": 50})


def test_the_percentile_is_that_of_the_counted_cells():
    shares = np.array([1 - 1 / ROWS, 1 / ROWS * 0.9, 1 / ROWS * 0.1])
    numbers = np.repeat([0, OFTEN, MANY], (shares * 160 * 160).astype(int))
    assert fitted(cap={"percentile": 97}).points == np.percentile(numbers, 97)
