"""Scenes that show the same ground: their areas must not be added up."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.verbs.report import same_ground
from tiny import ArrayScene, tiny_geobox

BOX = tiny_geobox(40, 60)


def scene(geobox):
    shape = (1, int(geobox.shape[0]), int(geobox.shape[1]))
    return ArrayScene(np.zeros(shape), None, geobox, ("B02",))


def moved(geobox, cols):
    return GeoBox(geobox.shape, geobox.affine @ Affine.translation(cols, 0), geobox.crs)


@pytest.mark.parametrize(
    ("other", "same"),
    [(BOX, True), (moved(BOX, 20), True), (moved(BOX, 60), False), (moved(BOX, 900), False),
     (BOX.to_crs("EPSG:4326"), True), (GeoBox(BOX.shape, BOX.affine, None), False)],
)  # fmt: skip
def test_overlapping_scenes_are_found_and_adjoining_ones_are_not(other, same):
    assert same_ground([scene(BOX), scene(other)]) is same


def test_one_scene_overlaps_nothing():
    assert not same_ground([scene(BOX)])


def test_a_scene_across_180_degrees_does_not_lie_on_all_of_its_latitude():
    def in_zone(zone, x):
        return scene(GeoBox((100, 100), Affine(1000, 0, x, 0, -1000, 8_000_000), f"EPSG:327{zone}"))

    fiji = in_zone("01", 120_000)
    assert not same_ground([fiji, in_zone("36", 500_000)])
    assert not same_ground([fiji, in_zone("01", 220_000)])
    assert same_ground([fiji, in_zone("01", 200_000)])
    # The same ground from the zone on the other side.
    assert same_ground([fiji, in_zone("60", 760_000)])
