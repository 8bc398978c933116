"""Pictures of places for the report."""

from types import SimpleNamespace

import numpy as np
import pytest

from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.verbs.pictures import outlined, share_on
from covermap.verbs.report import _thumbnail
from drawings import squares
from tiny import ArrayScene, tiny_geobox


def test_a_polygon_is_shown_on_the_scene_that_holds_it_not_on_its_neighbour(tmp_path):
    left = tiny_geobox(40, 40)
    right = left.translate_pix(40, 0)
    scenes = [ArrayScene(np.ones((1, 40, 40)), None, box, ("B04",)) for box in (left, right)]
    path = squares(tmp_path / "drawn.gpkg", [(10, 5, 10, 10)], ["a"], geobox=right)
    labels = read_polygons(LabelSettings(path=str(path), attribute="cover"), tmp_path)
    assert [share_on(scene, labels, 0) for scene in scenes] == pytest.approx([0, 1])
    # Its surroundings reach the neighbour, which would show a sliver of them.
    sliver = outlined(scenes[0], labels, 0)
    shown = _thumbnail(SimpleNamespace(labels=labels, scenes=scenes), 0)
    assert sliver.shape[1] < shown.shape[1]
    np.testing.assert_array_equal(shown, outlined(scenes[1], labels, 0))
