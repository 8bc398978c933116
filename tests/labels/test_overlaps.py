"""Polygons of different classes on the same ground are told of, and who wins."""

from __future__ import annotations

import pytest

from covermap.labels import overlaps
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.verbs.doctor import doctor
from drawings import squares

# Rows, columns, heights and widths in pixels.
FOREST, LAKE = (0, 0, 10, 10), (20, 20, 10, 10)


def told(tmp_path, rectangles, classes, **more):
    squares(tmp_path / "drawn.gpkg", rectangles, classes)
    return read_polygons(LabelSettings(path="drawn.gpkg", **more), tmp_path).overlaps


def test_polygons_under_another_class_are_counted_and_named(tmp_path):
    found = told(
        tmp_path,
        [FOREST, LAKE, (2, 2, 5, 5), (21, 21, 8, 8), (40, 40, 5, 5), (40, 40, 5, 5)],
        ["forest", "lake", "lake", "reed", "reed", "lake"],
    )
    assert found.startswith("3 polygons lie under later ones of another class, ")
    for pair in ("forest under lake (1)", "lake under reed (1)", "reed under lake (1)"):
        assert pair in found
    assert "the later row of the file wins" in found
    assert found in doctor([tmp_path / "drawn.gpkg"]).warnings[0]


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        ((10, 0, 10, 10), "lake"),  # touches
        ((9.5, 0, 10, 10), "lake"),  # overlaps as borders drawn by hand do
        ((2, 2, 5, 5), "forest"),  # the same class
        ((50, 50, 5, 5), "lake"),
    ],
)
def test_borders_and_polygons_of_one_class_are_no_overlap(tmp_path, second, kind):
    assert told(tmp_path, [FOREST, second, LAKE], ["forest", kind, "lake"]) is None


def test_of_very_many_pairs_it_is_said_that_not_all_were_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(overlaps, "_MOST_PAIRS", 1)
    rectangles = [FOREST, (2, 2, 5, 5), LAKE, (21, 21, 8, 8)]
    found = told(tmp_path, rectangles, ["forest", "lake", "lake", "reed"])
    assert found.startswith("at least 1 polygons lie")


def test_who_wins_by_priority_is_no_question(tmp_path):
    rectangles, classes = [FOREST, (2, 2, 5, 5)], ["forest", "lake"]
    assert told(tmp_path, rectangles, classes, priority=["lake", "forest"]) is None


def test_ignored_ground_takes_no_part(tmp_path):
    rectangles, classes = [FOREST, (2, 2, 5, 5), LAKE], ["forest", "unknown", "lake"]
    assert told(tmp_path, rectangles, classes, ignore=["unknown"]) is None
