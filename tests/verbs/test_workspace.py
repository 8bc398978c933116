"""A project opened for work."""

from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from covermap.core.errors import LabelError, OutputError, ProjectError
from covermap.core.grid import whole
from covermap.imagery.opening import open_scene
from covermap.imagery.settings import ImagerySettings
from covermap.verbs import map_scenes, workspace
from covermap.verbs.workspace import Workspace, clipped_to
from drawings import rectangle, saved
from tiny import tiny_geobox, write_scene

SIDE = 40
BOX = tiny_geobox(SIDE, SIDE)
BOW = shapely.Polygon([BOX.affine @ corner for corner in ((2, 2), (18, 18), (18, 2), (2, 18))])


@pytest.fixture
def clipped(tmp_path):
    """A function that tells which pixels are left of a scene within an aoi of some shapes."""
    scene = open_scene(write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE))

    def valid(*shapes, crs="EPSG:32633"):
        table = gpd.GeoDataFrame(geometry=list(shapes), crs=str(BOX.crs)).to_crs(crs)
        (area,) = clipped_to([scene], saved(tmp_path / "aoi.gpkg", table))
        return area.read([scene.bands[0].name], whole(BOX)).valid[0]

    return valid


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_a_self_crossing_aoi_beside_another_is_the_ground_of_both(clipped, crs):
    valid = clipped(BOW, rectangle(BOX, (10, 10, 20, 20)), crs=crs)
    down, across = np.abs(np.indices((SIDE, SIDE)) + 0.5 - 10)
    # Its corners are joined along both diagonals, so that it holds what is left and right of them.
    bow = (down < across) & (across < 8)
    square = np.zeros((SIDE, SIDE), bool)
    square[10:30, 10:30] = True
    clear = (down != across) | square
    assert np.array_equal(valid[clear], (bow | square)[clear])


def test_lines_and_points_of_an_aoi_hold_no_ground(clipped):
    square = rectangle(BOX, (5, 5, 10, 10))
    line = shapely.LineString([BOX.affine @ (0, 30), BOX.affine @ (40, 30)])
    both = shapely.GeometryCollection([shapely.MultiPolygon([square]), line])
    assert clipped(both, line, None).sum() == 100
    with pytest.raises(LabelError, match="holds no polygon with an area"):
        clipped(line)


def test_an_aoi_is_read_once_for_all_scenes(tmp_path, monkeypatch):
    table = gpd.GeoDataFrame(geometry=[rectangle(BOX, (5, 5, 10, 10))], crs=str(BOX.crs))
    path, opened = saved(tmp_path / "aoi.gpkg", table), []
    read = pyogrio.read_dataframe
    monkeypatch.setattr(
        pyogrio, "read_dataframe", lambda *a, **more: (opened.append(a), read(*a, **more))[1]
    )
    scenes = [
        open_scene(write_scene(tmp_path / f"{name}.tif", height=SIDE, width=SIDE)) for name in "abc"
    ]
    first, *others = clipped_to(scenes, path)
    assert len(opened) == 1
    assert [scene.name for scene in (first, *others)] == ["a", "b", "c"]
    assert all(scene.area is first.area for scene in others)


def test_an_aoi_of_several_layers_is_asked_which(tmp_path):
    table = gpd.GeoDataFrame(geometry=[rectangle(BOX, (5, 5, 10, 10))], crs=str(BOX.crs))
    for layer in ("fields", "roads"):
        table.to_file(tmp_path / "two.gpkg", layer=layer)
    scene = open_scene(write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE))
    with pytest.raises(LabelError, match=r"2 layers \(fields, roads\).*ogr2ogr aoi_alone.gpkg"):
        clipped_to([scene], tmp_path / "two.gpkg")


@pytest.mark.parametrize("unit", ["reflectance", "dn"])
def test_scenes_in_other_units_are_not_learnt_together(tmp_path, monkeypatch, unit):
    one = open_scene(write_scene(tmp_path / "one.tif", scale=1e-4))
    settings = ImagerySettings(path="two.tif", scale=1e-4, unit=unit)
    two = open_scene(write_scene(tmp_path / "two.tif"), settings)
    monkeypatch.setattr(workspace, "open_scenes", lambda *_: [one, two])
    project = SimpleNamespace(imagery=[None], aoi=None, bands=["B04", "B02"])
    opened = Workspace(Path("project.yaml"), project, None)
    if unit == "reflectance":
        assert opened.channels == ("B04", "B02")
        return
    with pytest.raises(ProjectError, match="'B04' is in 'reflectance' in one and in 'dn' in two"):
        _ = opened.channels


class Name(str):
    """Counts how often names are compared."""

    compared = 0

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def opened(scenes, monkeypatch):
    monkeypatch.setattr(workspace, "open_scenes", lambda *_: scenes)
    project = SimpleNamespace(imagery=[None], aoi=None)
    return Workspace(Path("project.yaml"), project, None).scenes


def to_be_mapped(scenes, monkeypatch):
    return map_scenes._targets(scenes, Path("maps"))


@pytest.mark.parametrize("use", [opened, to_be_mapped])
def test_names_of_many_scenes_are_not_compared_each_with_all(monkeypatch, use):
    scenes = [SimpleNamespace(name=Name(number)) for number in range(2000)]
    monkeypatch.setattr(Name, "compared", 0)
    assert len(use(scenes, monkeypatch)) == 2000
    assert Name.compared < 10 * len(scenes)
    with pytest.raises((ProjectError, OutputError), match="two scenes are called '7'"):
        use([*scenes, SimpleNamespace(name=Name(7))], monkeypatch)
