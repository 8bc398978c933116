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
    assert found.startswith("at least 1 polygon lies")


def test_who_wins_by_priority_is_no_question(tmp_path):
    rectangles, classes = [FOREST, (2, 2, 5, 5)], ["forest", "lake"]
    assert told(tmp_path, rectangles, classes, priority=["lake", "forest"]) is None


def test_ignored_ground_takes_no_part(tmp_path):
    rectangles, classes = [FOREST, (2, 2, 5, 5), LAKE], ["forest", "unknown", "lake"]
    assert told(tmp_path, rectangles, classes, ignore=["unknown"]) is None


def test_one_under_several_is_counted_once_and_its_pairs_by_themselves(tmp_path):
    rectangles = [FOREST, (1, 1, 4, 4), (5, 5, 4, 4), LAKE, (21, 21, 8, 8)]
    found = told(tmp_path, rectangles, ["forest", "lake", "lake", "lake", "reed"])
    assert found.startswith(
        "2 polygons lie under later ones of another class, in 3 pairs: forest under lake (2), "
        "lake under reed (1): where polygons overlap"
    )


def test_discs_of_points_are_called_points(tmp_path):
    rows = ["lon,lat,cover", "15,45,forest", "15.00001,45,lake", "15.1,45,lake"]
    (tmp_path / "gps.csv").write_text("\n".join(rows))
    found = read_polygons(LabelSettings(path="gps.csv", radius_m=15), tmp_path).overlaps
    assert found.startswith("1 point lies under later ones of another class, forest under lake (1)")
    assert found.endswith("or take a smaller radius_m")
