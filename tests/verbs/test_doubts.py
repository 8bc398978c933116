"""Polygons that the model doubts."""

from pathlib import Path

import numpy as np

from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.verbs.doubts import DoubtCounts, read_doubts, write_doubts
from drawings import drawing, saved
from tiny import tiny_geobox

BOX = tiny_geobox(40, 50)
CELLS = [(2, 3, 5, 6), (20, 30, 8, 8), (10, 10, 4, 4)]


def test_a_polygon_is_named_by_its_row_in_the_file(tmp_path):
    table = drawing([(0, 0, 2, 2), *CELLS], ["water", "water", "forest", "water"], geobox=BOX)
    table.loc[0, "geometry"] = None
    path = saved(tmp_path / "a.gpkg", table)
    labels = read_polygons(LabelSettings(path=str(path), attribute="cover"), Path())
    target = labels.burn(BOX)
    counts = DoubtCounts(2)
    wrong = target.index.copy()
    wrong[10:14, 10:14] = labels.legend.index("forest")
    counts.add(target.source, wrong, np.full(BOX.shape, 0.9), target.labelled)
    write_doubts(tmp_path / "polygons.csv", counts.rows(labels))
    first, *others = read_doubts(tmp_path / "polygons.csv")
    assert (first.row, first.drawn, first.predicted, first.agreement) == (3, "water", "forest", 0)
    assert sorted(score.row for score in others) == [1, 2]
