"""Polygons that meet the imagery and label nothing."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from covermap.imagery.opening import open_scene
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.labels.unburnt import told_of_unburnt
from drawings import drawing, saved
from tiny import tiny_geobox, write_scene

BOX = tiny_geobox(40, 50)
# The second lies under the third, the fourth beyond the image.
CELLS = [(2, 3, 5, 6), (21, 31, 2, 2), (20, 30, 8, 8), (90, 90, 5, 5)]


def told(folder, table, **labels):
    scene = open_scene(write_scene(folder / "a.tif", geobox=BOX))
    path = saved(folder / "a.gpkg", table)
    read = read_polygons(LabelSettings(path=str(path), attribute="cover", **labels), Path())
    burnt = np.unique(read.burn(BOX).source)
    return told_of_unburnt(read, burnt[burnt >= 0].tolist(), [scene])


def test_polygons_that_label_no_pixel_are_told_by_class(tmp_path):
    table = drawing(CELLS, ["a", "b", "a", "b"], geobox=BOX)
    assert told(tmp_path, table).startswith("1 of 3 polygons label no usable pixel (b 1): ")
    assert told(tmp_path, table.drop(index=1)) is None
    # Drawn without a class: it is not meant to label anything.
    table.loc[1, "cover"] = None
    assert told(tmp_path, table) is None


@pytest.mark.parametrize(("radius_m", "silent"), [(8, None), (4, 2)])
def test_points_whose_discs_hold_no_pixel_centre_are_told(tmp_path, radius_m, silent):
    table = drawing(CELLS[:3], ["a", "b", "a"], geobox=BOX)
    corners = [(5, 5), (10.5, 10.5), (20, 20)]
    table["geometry"] = [shapely.Point(BOX.affine @ corner) for corner in corners]
    found = told(tmp_path, table, radius_m=radius_m)
    if silent is None:
        assert found is None
    else:
        assert found.startswith(f"{silent} of 3 points label no usable pixel (a {silent}): ")
        assert found.endswith("with a larger radius_m")
