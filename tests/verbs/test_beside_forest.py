"""The map of a run beside a forest, on ground that nobody drew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from class_maps import write_class_map
from covermap.report.beside_forest import forest_headlines
from covermap.verbs import beside_forest
from covermap.verbs.beside_forest import compared_with_forest
from covermap.verbs.prepare import prepare
from covermap.verbs.workspace import Workspace
from drawings import squares
from oracle_predictors import tiny_bundle
from tiny import tiny_geobox, write_scene

SIDE = 128
BOX = tiny_geobox(SIDE, SIDE)


@pytest.fixture
def workspace(tmp_path):
    """Dark water and bright field in the upper half, both drawn; the lower half nobody drew."""
    values = np.full((1, SIDE, SIDE), 3000)
    cells = [(row, col, 5, 5) for row in range(2, 58, 8) for col in range(2, 122, 8)]
    classes = [("water", "field")[n % 2] for n in range(len(cells))]
    for (row, col, *_), cover in zip(cells, classes, strict=True):
        values[:, row : row + 5, col : col + 5] = 500 if cover == "water" else 3000
    values[:, 64:] = 2600
    values += np.random.default_rng(0).integers(-300, 300, values.shape)
    values[:, -8:] = 0
    write_scene(tmp_path / "scene.tif", values=values, bands=("B02",), geobox=BOX, nodata=0)
    squares(tmp_path / "drawn.gpkg", cells, classes, geobox=BOX)
    (tmp_path / "project.yaml").write_text(
        "imagery: scene.tif\nlabels: drawn.gpkg\nchips: {size: 32}\nsplit: {by: blocks}\n"
    )
    prepare(tmp_path / "project.yaml", tmp_path / "run")
    return Workspace.open(tmp_path / "project.yaml", tmp_path / "run", "test")


def bundle_of(workspace, **more):
    plain = tiny_bundle(("B02",), mean=2000, std=1000)
    channel = dataclasses.replace(plain.channels[0], unit="dn")
    return dataclasses.replace(plain, legend=workspace.labels.legend, channels=(channel,), **more)


def test_shares_are_those_of_map_and_forest_on_usable_ground(workspace, tmp_path):
    legend = workspace.labels.legend
    field, water = legend.ids[legend.index("field")], legend.ids[legend.index("water")]
    ids = np.full((SIDE, SIDE), field)
    ids[64:] = water
    path = write_class_map(tmp_path / "map.tif", ids, BOX)
    found = compared_with_forest(workspace, bundle_of(workspace), {"scene": path})
    usable = SIDE * (SIDE - 8)
    assert found["pixels"] == usable
    below = SIDE * 56 / usable
    assert found["classes"]["water"]["map"] == pytest.approx(below)
    # Ground of 2600 is nearer to a field's 3000 than to water's 500, which lies above alone.
    drawn = 25 * len(range(2, 58, 8)) * len(range(2, 122, 8)) // 2
    assert found["classes"]["water"]["forest"] == pytest.approx(drawn / usable, abs=0.01)
    assert found["same_class"] == pytest.approx(1 - below - drawn / usable, abs=0.01)
    for key in ("map", "forest", "labels"):
        assert sum(shares[key] for shares in found["classes"].values()) == pytest.approx(1)
    assert found["labelled_share"] == pytest.approx(2 * drawn / usable, rel=0.15)


def test_of_large_ground_evenly_chosen_pixels_stand_for_all(workspace, tmp_path, monkeypatch):
    ids = np.full((SIDE, SIDE), workspace.labels.legend.ids[0])
    ids[:, 96:] = workspace.labels.legend.ids[1]
    path = write_class_map(tmp_path / "map.tif", ids, BOX)
    monkeypatch.setattr(beside_forest, "_PIXELS", 1500)
    found = compared_with_forest(workspace, bundle_of(workspace), {"scene": path})
    assert 1000 < found["pixels"] < 2000
    shares = [found["classes"][name]["map"] for name in workspace.labels.legend.names]
    assert shares == pytest.approx([0.75, 0.25], abs=0.02)


def test_what_is_a_forest_or_has_no_classes_of_pixels_is_not_compared(workspace, tmp_path):
    for more in ({"model": {"name": "random-forest"}}, {"task": "classification"}):
        assert compared_with_forest(workspace, bundle_of(workspace, **more), {}) is None


def beside_of(water, labelled=0.02):
    return {
        "labelled_share": labelled,
        "classes": {
            "field": {"map": 1 - water, "forest": 0.996, "labels": 0.97},
            "water": {"map": water, "forest": 0.004, "labels": 0.03},
        },
    }


def scored(ours, theirs):
    return {
        "test": {"overall_accuracy": ours},
        "baselines": {"random_forest": {"overall_accuracy": theirs}},
    }


def test_a_class_that_floods_ground_without_labels_is_named_first():
    (line,) = forest_headlines(beside_of(0.26), scored(0.97, 0.94))
    told = line.replace("\u202f", " ")
    assert (
        "water is 26.0 % of the map, 0.4 % by the forest and 3.0 % of the labelled pixels" in told
    )
    assert "field is 74.0 % of the map" in told
    # A class that the forest hardly knows counts sooner.
    assert forest_headlines(beside_of(0.06), scored(0.97, 0.94))


@pytest.mark.parametrize(
    ("found", "metrics"),
    [
        (None, scored(0.97, 0.94)),
        (beside_of(0.02), scored(0.97, 0.94)),  # hardly apart
        (beside_of(0.26), scored(0.97, 0.80)),  # the forest is no measure
        (beside_of(0.26, labelled=0.9), scored(0.97, 0.94)),  # tested ground stands for all
        (beside_of(0.26), scored(None, 0.94)),
    ],
)
def test_where_nothing_speaks_against_a_map_nothing_is_said(found, metrics):
    assert forest_headlines(found, metrics) == []
