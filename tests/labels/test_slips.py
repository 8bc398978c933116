"""What looks mistyped in a column of classes is told."""

from __future__ import annotations

import pytest

from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.labels.slips import classes_not_held, names_mistyped
from drawings import squares


@pytest.mark.parametrize("slip", ["Wlad", "Wadl", "Wal", "Wald.", "Wold", "wlad", "aWld", "Walld"])
def test_a_rare_name_one_slip_from_a_frequent_one_is_told(slip):
    (note,) = names_mistyped({"Wald": 3, slip: 1, "See": 1}, "polygon")
    assert note.startswith(f"'{slip}' (1 polygon) is a class beside 'Wald' (3); if it is mistyped")
    assert f"{{Wald: 1, {slip}: 1, ...}}" in note


@pytest.mark.parametrize(
    "rows",
    [
        {"Wald": 5, "Wlad": 2},  # hardly rarer
        {"Wald": 50, "Wlad": 3},
        {"crop1": 9, "crop2": 1},
        {"elm": 9, "elf": 1},
        {"Wald": 9, "wald": 1},  # told as names that differ by case
        {"Wald": 9, "Moor": 1},
    ],
)
def test_other_names_are_no_slips(rows):
    assert names_mistyped(rows, "polygon") == []


def test_a_class_that_no_row_has_is_told_with_the_nearest_value():
    notes = classes_not_held(
        ["sumpf", "Moor"], ["Acker", "Sumpf1"], "column 'art' does not hold it"
    )
    assert notes[0].startswith(
        "labels: classes names 'sumpf', but column 'art' does not hold it, so"
    )
    assert [note.split("; ")[1] for note in notes] == [
        "did you mean 'Sumpf1'?",
        "there is Acker, Sumpf1",
    ]


def test_classes_of_a_legend_that_no_row_has_are_told_and_its_colours_are_those_of_the_map(
    tmp_path,
):
    squares(tmp_path / "a.gpkg", [(0, 0, 5, 5), (9, 9, 5, 5)], ["bosque", "agua"])
    legend = {
        "classes": {
            1: {"name": "Bosque", "color": "#0b6e1f"},
            4: {"name": "Agua", "color": "#0000ff"},
            5: "Suelo",
        }
    }
    found = read_polygons(LabelSettings(path="a.gpkg", legend=legend), tmp_path)
    assert found.legend.ids == (1, 4)
    assert found.legend.colors == ("#0b6e1f", "#0000ff")
    (note,) = found.faults
    assert note.startswith("labels: legend names 'Suelo', but column 'cover' does not hold it")


def test_ground_that_nobody_drew_needs_no_row(tmp_path):
    squares(tmp_path / "a.gpkg", [(0, 0, 5, 5)], ["wood"])
    own = {"background": 0, "wood": 1}
    settings = LabelSettings(path="a.gpkg", attribute="cover", classes=own, complete=True)
    assert read_polygons(settings, tmp_path).faults == ()


def test_slips_of_a_file_are_told_by_row_and_those_that_are_classes_on_purpose_are_not(tmp_path):
    cells = [(n, 0, 1, 9) for n in range(7)]
    squares(tmp_path / "a.gpkg", cells, ["wood"] * 4 + ["wodo", "lake", "lake"])
    found = read_polygons(LabelSettings(path="a.gpkg"), tmp_path)
    assert "'wodo' (1 polygon) is a class beside 'wood' (4)" in found.faults[0]
    assert set(found.faults) <= set(found.notes) & set(found.doubts)
    own = {"wood": 1, "wodo": 1, "lake": 2, "reed": 3}
    (note,) = read_polygons(LabelSettings(path="a.gpkg", classes=own), tmp_path).faults
    assert note.startswith("labels: classes names 'reed', but column 'cover' does not hold it")
