"""Points as discs, polygons without edges, and who wins where drawings overlap."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from covermap.core.errors import LabelError
from covermap.imagery.opening import open_scene
from covermap.labels.areas import buffered
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from drawings import drawing, saved, squares
from tiny import tiny_geobox, write_scene

BOX = tiny_geobox(40, 50)


def read(path, **labels):
    return read_polygons(LabelSettings(path=str(path), attribute="cover", **labels), Path())


def points(path, crs="EPSG:32633"):
    shapes = [shapely.Point(*(BOX.affine @ at)) for at in ((10.5, 10.5), (30.5, 20.5))]
    table = gpd.GeoDataFrame({"cover": ["a", "b"]}, geometry=shapes, crs="EPSG:32633")
    return saved(path, table.to_crs(crs))


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3035"])
def test_points_stand_for_discs_of_their_radius_in_metres(tmp_path, crs):
    labels = read(points(tmp_path / "p.gpkg", crs), radius_m=35)
    target = labels.burn(BOX)
    rows, cols = np.indices((40, 50))
    for index, (col, row) in enumerate(((10, 10), (30, 20))):
        disc = np.hypot(rows - row, cols - col) < 3.4
        assert (target.index[disc] == index).all()
        assert target.labelled[disc].all()
        assert not target.labelled[
            (np.hypot(rows - row, cols - col) > 3.6) & (cols // 20 == index)
        ].any()
    assert "2 points taken as discs of 35 m radius" in labels.notes


# What the area of a disc with 64 corners is, and the zone in which it can be measured.
DISC_M2 = np.pi * 50**2 * np.sin(np.pi / 32) / (np.pi / 32)
PLACES = {(25, 60): 32635, (-120, 40): 32611, (15, 45): 32633, (25.1, -33): 32735}


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:4269", "EPSG:6933", "EPSG:4807"])
def test_a_disc_has_its_radius_on_the_ground_anywhere(tmp_path, crs):
    shapes = [shapely.Point(place) for place in PLACES]
    shapes.append(shapely.MultiPoint(list(PLACES)))
    table = gpd.GeoDataFrame({"cover": list("ababa")}, geometry=shapes, crs=4326)
    drawn = read(saved(tmp_path / "p.gpkg", table.to_crs(crs)), radius_m=50).table.geometry
    of_many = sorted(drawn[4].geoms, key=lambda part: part.bounds)
    from_west = sorted(PLACES)
    for part, place in zip([*drawn[:4], *of_many], [*PLACES, *from_west], strict=True):
        ground = gpd.GeoSeries([part], crs=drawn.crs).to_crs(PLACES[place])
        assert ground.area[0] == pytest.approx(DISC_M2, rel=2e-3)
        box = ground.bounds.iloc[0]
        assert [box.maxx - box.minx, box.maxy - box.miny] == pytest.approx([100, 100], rel=2e-3)


@pytest.mark.parametrize("crs", ["EPSG:32635", "EPSG:3067", "EPSG:2264"])
def test_discs_in_a_crs_true_to_scale_are_drawn_there(crs):
    place = (-80, 35) if crs == "EPSG:2264" else (25, 60)
    points = gpd.GeoSeries([shapely.Point(place)], crs=4326).to_crs(crs)
    unit = 1200 / 3937 if crs == "EPSG:2264" else 1
    assert buffered(points, 50)[0].equals(points.buffer(50 / unit)[0])


def test_an_inner_buffer_is_of_metres_on_the_ground_in_web_mercator(tmp_path):
    square = gpd.GeoSeries([shapely.box(500000, 6651000, 500400, 6651400)], crs=32635)
    table = gpd.GeoDataFrame({"cover": ["a"]}, geometry=square).to_crs(3857)
    inner = read(saved(tmp_path / "a.gpkg", table), inner_buffer_m=50).table.to_crs(32635)
    assert inner.area[0] == pytest.approx(300 * 300, rel=2e-3)


def test_points_without_a_radius_are_told(tmp_path):
    with pytest.raises(LabelError, match=r"found: Point.*radius_m: 10"):
        read(points(tmp_path / "p.gpkg"))


def test_a_radius_without_points_is_told(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(0, 0, 5, 5)], ["a"], geobox=BOX)
    with pytest.raises(LabelError, match="holds no point"):
        read(path, radius_m=5)


def test_the_class_of_higher_priority_wins_whatever_the_order_of_rows(tmp_path):
    cells = [(5, 5, 10, 10), (8, 8, 10, 10), (2, 2, 20, 20)]
    path = squares(tmp_path / "a.gpkg", cells, ["road", "house", "field"], geobox=BOX)
    target = read(path, priority=["road", "house"]).burn(BOX)
    names = np.array(["field", "house", "road"])[target.index]
    expected = np.full((40, 50), "field", dtype=object)
    expected[8:18, 8:18] = "house"
    expected[5:15, 5:15] = "road"
    assert (names[target.labelled] == expected[target.labelled]).all()
    assert target.labelled.sum() == 400
    # Without priority the last row hides all others.
    assert (read(path).burn(BOX).index[2:22, 2:22] == 0).all()


def test_a_priority_that_names_no_class_is_told(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(0, 0, 5, 5)], ["road"], geobox=BOX)
    with pytest.raises(LabelError, match=r"priority names 'raod'.*did you mean 'road'"):
        read(path, priority=["raod"])


def test_all_touched_takes_pixels_whose_centre_lies_outside(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(5.7, 5.7, 4.6, 4.6)], ["a"], geobox=BOX)
    assert read(path).burn(BOX).labelled.sum() == 16
    target = read(path, all_touched=True).burn(BOX)
    assert target.labelled[5:11, 5:11].all()
    assert target.labelled.sum() == 36


@pytest.mark.parametrize("crs", ["grid", "EPSG:4326"])
def test_an_inner_buffer_drops_the_edges(tmp_path, crs):
    path = squares(
        tmp_path / "a.gpkg", [(5, 5, 20, 20), (30, 2, 3, 3)], ["a", "b"], geobox=BOX, crs=crs
    )
    labels = read(path, inner_buffer_m=20)
    target = labels.burn(BOX)
    expected = np.zeros((40, 50), bool)
    expected[7:23, 7:23] = True
    assert np.array_equal(target.labelled, expected)
    assert any("1 polygon too narrow" in note for note in labels.notes)


def test_edges_of_a_complete_drawing_are_no_background(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(5, 5, 20, 20)], ["a"], geobox=BOX)
    labels = read(path, inner_buffer_m=20, complete=True)
    target = labels.burn(BOX)
    assert (~target.labelled).sum() == 400 - 256
    assert (target.index[target.labelled] == labels.legend.index("a")).sum() == 256


def test_a_buffer_that_leaves_nothing_is_told(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(5, 5, 2, 2)], ["a"], geobox=BOX)
    with pytest.raises(LabelError, match="inner_buffer_m"):
        read(path, inner_buffer_m=50)


def test_a_legend_gives_codes_of_a_column_their_classes(tmp_path):
    codes = [11100, 11210, 50000, 0]
    cells = [(2 + 8 * n, 2, 6, 6) for n in range(4)]
    path = squares(tmp_path / "a.gpkg", cells, codes, geobox=BOX)
    labels = read(path, legend="urban-atlas-6")
    assert labels.legend.names == ("built-up", "water and wetland")
    assert labels.legend.ids == (1, 6)
    assert labels.burn(BOX).labelled.sum() == 3 * 36


def test_a_value_that_the_legend_does_not_name_is_told(tmp_path):
    path = squares(tmp_path / "a.gpkg", [(2, 2, 6, 6)], ["forrest"], geobox=BOX)
    with pytest.raises(LabelError, match=r"'forrest'.*did you mean 'forest'"):
        read(path, legend="deepglobe")


def test_a_code_that_the_legend_does_not_name_is_told_with_known_codes(tmp_path):
    cells = [(2, 2, 6, 6), (12, 2, 6, 6)]
    path = squares(tmp_path / "a.gpkg", cells, [99999, 11100], geobox=BOX)
    with pytest.raises(LabelError) as caught:
        read(path, legend="urban-atlas")
    message = str(caught.value)
    assert "holds '99999' (1 row), which the legend does not name; known: 11100, 11210" in message
    assert " more. Correct it there" in message
    assert "labels: {ignore: ['99999']}" in message


@pytest.mark.parametrize(
    ("swap", "told"),
    [(True, "latitude have changed places"), (False, "Check the CRS")],
)
def test_drawings_on_no_image_may_have_their_coordinates_swapped(tmp_path, swap, told):
    scene = open_scene(write_scene(tmp_path / "a.tif", geobox=BOX))
    table = drawing([(2, 3, 5, 6)], ["a"], geobox=BOX).to_crs(4326)
    moved = table.geometry.to_numpy()
    if swap:
        moved = shapely.transform(moved, lambda xy: xy[:, ::-1])
    else:
        moved = shapely.transform(moved, lambda xy: xy + 1)
    path = saved(tmp_path / "a.gpkg", table.set_geometry(moved, crs=4326))
    with pytest.raises(LabelError, match=told):
        read(path).checked_on([scene])
