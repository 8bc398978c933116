"""Polygons: read, checked, burnt."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import MultiPolygon, Point

from covermap.core.errors import LabelError
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from drawings import drawing, polygons, rectangle, saved, scattered, squares
from tiny import tiny_geobox

BOX = tiny_geobox(40, 50)
CELLS = [(2, 3, 5, 6), (20, 30, 8, 8), (10, 10, 4, 4)]
NAMES = ["water", "forest", "water"]


def read(path, **more):
    return read_polygons(LabelSettings(path=str(path), **more), Path())


@pytest.fixture
def file(tmp_path):
    return squares(tmp_path / "a.gpkg", CELLS, NAMES, geobox=BOX)


def test_text_classes_get_ids_from_one_in_order_of_name(file):
    labels = read(file, attribute="cover")
    assert dict(zip(labels.legend.names, labels.legend.ids, strict=True)) == {
        "forest": 1,
        "water": 2,
    }
    assert labels.table["index"].tolist() == [1, 0, 1]
    assert labels.notes == ()


def test_integer_classes_keep_their_ids_and_zero_is_one(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, [7, 0, 254], geobox=BOX)
    assert labels.legend.ids == (0, 7, 254)
    assert labels.table["index"].tolist() == [1, 0, 2]


def test_integers_that_a_null_turned_into_floats_are_integers(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, [7.0, None, 3.0], geobox=BOX)
    assert labels.legend.ids == (3, 7)
    assert labels.table["index"].tolist() == [1, -1, 0]
    assert labels.notes == ("1 polygon has no class in 'cover': taken as unlabelled ground",)


@pytest.mark.parametrize("number", [-1, 65535])
def test_ids_that_no_map_can_hold_are_refused(tmp_path, number):
    with pytest.raises(LabelError, match=f"holds {number}; class ids must lie in 0..65534"):
        polygons(tmp_path / "a.gpkg", CELLS, [number, 1, 2], geobox=BOX)


def test_the_project_gives_ids_and_merges(tmp_path):
    file = squares(tmp_path / "a.gpkg", CELLS, ["lake", "forest", "river"], geobox=BOX)
    labels = read(file, attribute="cover", classes={"lake": 9, "river": 9, "forest": 4})
    assert labels.legend.names == ("forest", "lake")
    assert labels.legend.ids == (4, 9)
    assert labels.table["index"].tolist() == [1, 0, 1]


def test_codes_are_classes_for_the_project_too(tmp_path):
    file = squares(tmp_path / "a.gpkg", CELLS, [1, 2, 3], geobox=BOX)
    labels = read(file, attribute="cover", classes={1: 5, 2: 5}, ignore=[3])
    assert labels.legend.ids == (5,)
    assert labels.table["index"].tolist() == [0, 0, -1]


def test_ignored_classes_are_drawn_but_not_labelled(file):
    labels = read(file, attribute="cover", ignore=["forest"])
    target = labels.burn(BOX)
    assert labels.legend.names == ("water",)
    assert not target.labelled[24, 34]
    assert target.source[24, 34] == 1
    assert target.labelled.sum() == 5 * 6 + 4 * 4


def test_ground_nobody_drew_is_background_when_the_drawing_is_complete(file):
    labels = read(file, attribute="cover", complete=True, ignore=["forest"])
    assert labels.legend.names == ("background", "water")
    assert labels.legend.ids == (0, 1)
    target = labels.burn(BOX)
    background = target.labelled & (target.index == labels.legend.index("background"))
    assert background.sum() == 40 * 50 - 5 * 6 - 4 * 4 - 8 * 8
    # Ground that was drawn as something ignored is not background.
    assert not target.labelled[24, 34]


def test_background_takes_the_first_free_id(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, [0, 1, 3], geobox=BOX, complete=True)
    assert labels.legend.ids == (0, 1, 2, 3)
    assert labels.legend.names[2] == "background"


@pytest.mark.parametrize(
    ("classes", "legend"),
    [
        ({"forest": 1, "water": 2, "background": 9}, {1: "forest", 2: "water", 9: "background"}),
        # Ids of classes that nobody drew here are theirs all the same.
        ({"lake": 0, "forest": 1, "water": 2}, {1: "forest", 2: "water", 3: "background"}),
        ({"background": 1, "forest": 1, "water": 2}, {1: "background", 2: "water"}),
    ],
)
def test_background_has_the_id_that_the_project_gives_or_a_free_one(file, classes, legend):
    labels = read(file, attribute="cover", complete=True, classes=classes)
    assert dict(zip(labels.legend.ids, labels.legend.names, strict=True)) == legend
    target = labels.burn(BOX)
    assert labels.legend.names[target.index[39, 49]] == "background"
    assert target.labelled.all()


def test_background_with_the_id_of_another_class_is_told(file):
    classes = {"forest": 1, "water": 2, "background": 2}
    with pytest.raises(LabelError, match=r"background the id of 'water' \(2\).*give it another id"):
        read(file, attribute="cover", complete=True, classes=classes)


def test_a_column_is_chosen_and_told_when_none_is_given(tmp_path):
    table = drawing([*CELLS, *CELLS], NAMES * 2, geobox=BOX)
    table["height_m"] = np.arange(6.0)
    labels = read(saved(tmp_path / "a.gpkg", table))
    assert labels.legend.names == ("forest", "water")
    assert labels.notes == (
        "classes taken from column 'cover'; passed over: height_m (less likely)",
    )


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp", ".fgb"])
def test_any_vector_format_is_read(tmp_path, suffix):
    crs = "EPSG:4326" if suffix == ".geojson" else "grid"
    labels = polygons(tmp_path / f"a{suffix}", CELLS, NAMES, geobox=BOX, crs=crs)
    assert labels.burn(BOX).labelled.sum() == 30 + 64 + 16


def test_one_of_several_layers_must_be_named(tmp_path):
    path = squares(tmp_path / "a.gpkg", CELLS, NAMES, geobox=BOX, layer="first")
    squares(path, CELLS[:2], NAMES[:2], geobox=BOX, layer="second")
    with pytest.raises(LabelError, match=r"holds 2 layers \(first, second\); name one"):
        read(path)
    with pytest.raises(LabelError, match=r"no layer 'secnd'; did you mean 'second'\?"):
        read(path, layer="secnd")
    assert len(read(path, layer="second", attribute="cover").table) == 2


def test_self_crossing_and_missing_shapes_are_repaired_or_passed_over(tmp_path):
    table = drawing([*CELLS, (0, 0, 3, 3), (30, 5, 3, 3)], [*NAMES, "water", "forest"], geobox=BOX)
    bow_tie = shapely.Polygon([BOX.affine @ xy for xy in ((0, 0), (8, 8), (8, 0), (0, 8))])
    table.loc[2, "geometry"] = bow_tie
    table.loc[3, "geometry"] = None
    labels = read(saved(tmp_path / "a.gpkg", table), attribute="cover")
    assert labels.notes == (
        "1 row without geometry passed over",
        "1 self-crossing polygon repaired",
    )
    assert len(labels.table) == 4
    assert labels.rows.tolist() == [0, 1, 2, 4]
    assert labels.table.geometry.is_valid.all()
    # Two of the four triangles of a square of 8 x 8: half of its pixels.
    target = labels.burn(BOX)
    assert (target.source == 2).sum() == pytest.approx(32, abs=8)


def test_a_spike_is_not_burnt_as_a_line(tmp_path):
    corners = [(2, 2), (6, 2), (30, 2), (6, 2), (6, 6), (2, 6)]
    spiked = shapely.Polygon([BOX.affine @ (x, y + 0.5) for x, y in corners])
    table = gpd.GeoDataFrame({"cover": ["a"]}, geometry=[spiked], crs="EPSG:32633")
    labels = read(saved(tmp_path / "a.gpkg", table), attribute="cover")
    assert labels.table.geometry.area.tolist() == [16 * 100]
    assert not labels.burn(BOX).labelled[:, 7:].any()


def test_lines_beside_polygons_are_passed_over(tmp_path):
    table = drawing(CELLS, NAMES, geobox=BOX)
    table.loc[3] = ["water", shapely.LineString([(5e5, 5e6), (5e5 + 50, 5e6)])]
    labels = read(saved(tmp_path / "a.gpkg", table), attribute="cover")
    assert labels.notes == ("1 row without an area passed over",)
    assert len(labels.table) == 3


def test_polygons_without_any_area_are_no_polygons(tmp_path):
    flat = shapely.Polygon([(5e5, 5e6), (5e5 + 50, 5e6), (5e5 + 90, 5e6)])
    table = gpd.GeoDataFrame({"cover": ["a", "b"]}, geometry=[flat, flat], crs="EPSG:32633")
    with pytest.raises(LabelError, match="holds no polygon"):
        read(saved(tmp_path / "a.gpkg", table), attribute="cover")


def test_polygons_in_degrees_give_no_warning_about_areas(tmp_path, recwarn):
    path = squares(tmp_path / "a.gpkg", CELLS, NAMES, geobox=BOX, crs="EPSG:4326")
    read(path, attribute="cover").burn(BOX)
    assert not [item for item in recwarn if issubclass(item.category, UserWarning)]


@pytest.mark.parametrize(
    "grid",
    [{}, {"south_up": True}, {"rotated": True}, {"crs": 4326}, {"crs": 4326, "south_up": True}],
)
def test_a_pixel_belongs_to_the_polygon_that_holds_its_centre(tmp_path, grid):
    box = tiny_geobox(30, 34, **grid)
    # Corners off the lattice, so that no centre lies on an edge.
    cells = [(r + 0.23, c + 0.31, h, w) for r, c, h, w in scattered(8, 30, 34, seed=3)]
    names = ["a", "b"] * 4
    labels = polygons(tmp_path / "a.gpkg", cells, names, geobox=box)
    target = labels.burn(box)
    expected = np.full((30, 34), -1)
    for number, cell in enumerate(cells):
        shape = rectangle(box, cell)
        for row in range(30):
            for col in range(34):
                if shape.contains(Point(box.affine @ (col + 0.5, row + 0.5))):
                    expected[row, col] = number
    assert np.array_equal(target.source, expected)
    assert np.array_equal(target.labelled, expected >= 0)
    assert np.array_equal(target.index[target.labelled], (expected % 2)[target.labelled])


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    row=st.integers(-6, 40), col=st.integers(-6, 50), height=st.integers(1, 20),
    width=st.integers(1, 20), seed=st.integers(0, 3),
)  # fmt: skip
def test_burning_a_window_is_cutting_what_was_burnt_whole(
    tmp_path_factory, row, col, height, width, seed
):
    path = tmp_path_factory.mktemp("burn") / "a.gpkg"
    labels = polygons(path, scattered(12, 40, 50, seed), ["a", "b", "c"] * 4, geobox=BOX)
    wide = GeoBox((80, 90), BOX.affine @ Affine.translation(-20, -20), BOX.crs)
    window = GeoBox((height, width), BOX.affine @ Affine.translation(col, row), BOX.crs)
    cut = (slice(row + 20, row + 20 + height), slice(col + 20, col + 20 + width))
    whole, part = labels.burn(wide), labels.burn(window)
    assert np.array_equal(part.source, whole.source[cut])
    assert np.array_equal(part.index, whole.index[cut])
    assert np.array_equal(part.labelled, whole.labelled[cut])


def test_the_later_row_wins(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", [(0, 0, 9, 9), (4, 4, 9, 9)], ["b", "a"], geobox=BOX)
    target = labels.burn(BOX)
    assert (target.source == 0).sum() == 81 - 25
    assert labels.legend.names[target.index[5, 5]] == "a"


def test_a_hole_and_all_parts_of_a_polygon_are_respected(tmp_path):
    ring = rectangle(BOX, (2, 2, 10, 10)).difference(rectangle(BOX, (5, 5, 3, 3)))
    many = MultiPolygon([ring, rectangle(BOX, (20, 20, 4, 4))])
    table = gpd.GeoDataFrame({"cover": ["a"]}, geometry=[many], crs="EPSG:32633")
    labels = read(saved(tmp_path / "a.gpkg", table), attribute="cover")
    assert labels.burn(BOX).labelled.sum() == 100 - 9 + 16


def test_touched_pixels_are_those_that_share_ground_with_a_chosen_polygon(tmp_path):
    cells = [(2.4, 3.4, 0.2, 0.2), (10.2, 10.3, 2.5, 2.6), (20, 20, 5, 5)]
    labels = polygons(tmp_path / "a.gpkg", cells, NAMES, geobox=BOX)
    touched = labels.touched(BOX, np.array([True, True, False]))
    expected = np.zeros((40, 50), bool)
    expected[2, 3] = True
    expected[10:13, 10:13] = True
    assert np.array_equal(touched, expected)
    assert not labels.touched(BOX, np.zeros(3, bool)).any()


def test_polygons_far_from_a_grid_leave_it_unlabelled(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, NAMES, geobox=BOX)
    far = GeoBox((8, 8), BOX.affine @ Affine.translation(5000, 5000), BOX.crs)
    target = labels.burn(far)
    assert not target.labelled.any()
    assert np.all(target.source == -1)


def test_an_image_without_a_crs_cannot_have_polygons(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, NAMES, geobox=BOX)
    with pytest.raises(LabelError, match="image without a CRS"):
        labels.burn(tiny_geobox(8, 8, crs=None))


@pytest.mark.parametrize("content", [b"", b"not a database", b"{}"])
def test_a_file_that_is_no_vector_data_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.gpkg"
    path.write_bytes(content)
    with pytest.raises(LabelError, match=r"a\.gpkg: cannot be read as vector data") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_table_without_geometry_is_told(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("cover,n\nforest,1\nwater,2\n")
    with pytest.raises(LabelError, match=r"a\.csv: names no place of its rows"):
        read(path)


def test_a_column_of_nothing_but_null_is_told(tmp_path):
    with pytest.raises(LabelError, match="holds no class that is not ignored"):
        polygons(tmp_path / "a.gpkg", CELLS, [None, None, ""], geobox=BOX)


def test_classes_whose_names_hardly_differ_are_told(tmp_path):
    names = ["Forest", "forest", "open-land", "open land", "water"]
    table = drawing([(10 * n, 10 * n, 8, 8) for n in range(5)], names)
    notes = " | ".join(read(saved(tmp_path / "a.gpkg", table)).notes)
    assert "'Forest' and 'forest' are two classes" in notes
    assert "'open land' and 'open-land' are two classes" in notes
    assert notes.count("are two classes") == 2


def test_lines_and_points_of_a_collection_take_no_pixel(tmp_path):
    table = drawing(CELLS, NAMES, geobox=BOX)
    alone = read(saved(tmp_path / "alone.gpkg", table), attribute="cover").burn(BOX)
    line = shapely.LineString([BOX.affine @ (0, 0), BOX.affine @ (50, 40)])
    point = shapely.Point(BOX.affine @ (40.5, 2.5))
    parts = [table.geometry[0], line, shapely.GeometryCollection([point])]
    table.loc[0, "geometry"] = shapely.GeometryCollection(parts)
    labels = read(saved(tmp_path / "mixed.gpkg", table), attribute="cover")
    assert np.array_equal(labels.burn(BOX).source, alone.source)
    assert labels.notes == ("of 1 collection only the polygons are taken",)


def test_names_that_look_the_same_are_one_class(tmp_path):
    apart = "fore\u0302t"
    path = squares(tmp_path / "a.gpkg", CELLS, ["forêt", apart, "lac"], geobox=BOX, attribute=apart)
    labels = read(path, attribute="forêt", classes={apart: 5, "lac": 7})
    assert labels.legend.names == ("forêt", "lac")
    assert labels.legend.ids == (5, 7)
    assert labels.table["index"].tolist() == [0, 0, 1]
    assert read(path, attribute="forêt", ignore=[apart]).legend.names == ("lac",)
    legend = {"classes": {3: apart, 4: "lac"}}
    assert read(path, attribute="forêt", legend=legend).legend.names == ("forêt", "lac")


def test_whole_numbers_written_as_text_keep_their_ids(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", CELLS, ["10", "2", "1"], geobox=BOX)
    assert dict(zip(labels.legend.names, labels.legend.ids, strict=True)) == {
        "1": 1, "2": 2, "10": 10,
    }  # fmt: skip
    codes = polygons(tmp_path / "b.gpkg", CELLS, ["100000", "2", "2"], geobox=BOX)
    assert codes.legend.names == ("100000", "2")
    assert codes.legend.ids == (1, 2)
