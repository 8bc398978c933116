"""doctor reads a project as its run will."""

import numpy as np
import pytest
import shapely

from covermap.core.errors import LabelError
from covermap.verbs.doctor import doctor
from covermap.verbs.doctor_text import as_text
from drawings import drawing, saved, squares
from pictures import write_colors, write_picture
from tiny import tiny_geobox, write_scene


@pytest.fixture
def folder(tmp_path):
    for number in range(14):
        write_picture(tmp_path / f"a{number}.png", np.zeros((32, 32), int), seed=number)
    return tmp_path


def project(folder, rows, task, column):
    (folder / "t.csv").write_text("file,told\n" + "".join(rows), encoding="utf-8")
    path = folder / "project.yaml"
    path.write_text(
        "imagery: [{path: '*.png', join: false}]\n"
        f"labels: {{tags: t.csv, column: {column}}}\ntask: {task}\n",
        encoding="utf-8",
    )
    return path


def test_numbers_of_a_regression_are_no_classes(folder):
    rows = [f"a{n}.png,{n + 0.5}\n" for n in range(14)]
    (labels,) = doctor([project(folder, rows, "regression", "told")]).labels
    assert "told: 14 pictures, 0.5 to 13.5, mean 7" in labels.notes


def test_several_labels_are_no_class(folder):
    rows = [f"a{n}.png,corn;soy\n" for n in range(14)]
    with pytest.raises(LabelError, match="14 pictures carry several labels"):
        doctor([project(folder, rows, "classification", "told")])


def test_many_scenes_are_told_in_short_and_like_warnings_once(folder):
    for number in range(14):
        write_scene(
            folder / "scenes" / f"s{number:02}.tif",
            values=np.full((1, 32, 32), 100 + number),
            bands=("B02",),
            geobox=tiny_geobox(32, 32),
        )
    found = doctor([folder / "scenes"])
    lines = as_text(found).splitlines()
    assert len(found.scenes) == 14
    assert len(found.warnings) >= 14
    assert sum(line.startswith("  bounds") for line in lines) == 5
    (rest,) = [line for line in lines if "more (" in line]
    assert rest.startswith("9 more (s05 to s13): 32 x 32 pixels of 10.00 x 10.00 m, bands B02;")
    (constant,) = [line for line in lines if line.startswith("WARNING") and "constant" in line]
    assert constant.endswith("(and 13 more like it)")


def test_a_picture_with_other_bands_than_its_neighbours_is_told(tmp_path):
    for number in range(3):
        bands = ("red",) if number == 1 else ("red", "nir")
        write_scene(tmp_path / "all" / f"p{number}.tif", bands=bands)
    told = doctor([tmp_path / "all"]).warnings
    assert any("nir (not in p1" in text for text in told)


def test_bounds_are_told_to_the_metre(tmp_path):
    scene = write_scene(tmp_path / "a.tif", bands=("B02",), geobox=tiny_geobox(32, 32))
    (facts,) = doctor([scene]).scenes
    told = next(line for line in as_text(doctor([scene])).splitlines() if "bounds" in line)
    assert [float(word) for word in told.split()[1:]] == pytest.approx(facts.bounds, abs=0.01)


def test_points_are_called_points(tmp_path):
    rows = [f"{14 + n / 1000};50;{'ab'[n % 2]}" for n in range(20)]
    (tmp_path / "gps.csv").write_text("\n".join(["lon;lat;cover", *rows]))
    assert "a (10 points), b (10 points)" in as_text(doctor([tmp_path / "gps.csv"]))


def test_a_table_that_names_no_places_is_told_as_one(tmp_path):
    (tmp_path / "gps.csv").write_text("este;norte;cover\n1;2;a\n")
    with pytest.raises(LabelError, match=r"expected the columns lon and lat.*found este, norte"):
        doctor([tmp_path / "gps.csv"])


def test_what_is_wrong_with_drawn_classes_is_a_warning(tmp_path):
    cells = [(n, 0, 1, 9) for n in range(9)]
    names = ["wood"] * 4 + ["Wood", "wodo", None, "lake", "lake"]
    table = drawing(cells, names, geobox=tiny_geobox(64, 64))
    table.loc[0, "geometry"] = shapely.Polygon([(0, 0), (8, 8), (8, 0), (0, 8)])
    found = doctor([saved(tmp_path / "drawn.gpkg", table)])
    told = " ".join(found.warnings)
    for text in ("1 self-crossing polygon repaired", "1 polygon has no class", "'wodo' (1 polygon)",
                 "'Wood' and 'wood' are two classes"):  # fmt: skip
        assert text in told
    assert len(found.labels[0].notes) == 1
    assert "wodo (1 polygon)," in as_text(found)


def test_colours_that_are_no_class_are_a_warning(tmp_path):
    index = np.zeros((32, 32), int)
    index[:20] = 1
    write_picture(tmp_path / "images" / "a.png", index)
    write_colors(tmp_path / "masks" / "a.png", index)
    (tmp_path / "p.yaml").write_text(
        "imagery: [images]\nlabels: {path: masks, legend: {classes: "
        "{1: {name: a, color: '#ff0000'}, 2: {name: b, color: '#0000ff'}}}}\n"
    )
    assert "640 pixels of colours that are not" in doctor([tmp_path / "p.yaml"]).warnings[-1]


def test_each_band_that_looks_wrong_is_told_of(tmp_path):
    scene = write_scene(tmp_path / "a.tif", values=np.full((2, 32, 32), 7), bands=("B02", "B08"))
    told = [line for line in as_text(doctor([scene])).splitlines() if "constant" in line]
    assert [("B02" in line, "B08" in line) for line in told] == [(True, False), (False, True)]


def drawn_project(folder, more="", image_bands=("B02", "B08")):
    box = tiny_geobox(64, 64)
    for name, bands in (("a", image_bands), ("b", ("B02", "B08"))):
        write_scene(folder / f"{name}.tif", bands=bands, geobox=box, scale=0.0001)
    cells = [(2, 3, 9, 9), (20, 30, 8, 8), (90, 90, 5, 5)]
    squares(folder / "drawn.gpkg", cells, ["a", "b", "a"], geobox=box)
    path = folder / "project.yaml"
    path.write_text(f"imagery: ['a.tif', 'b.tif']\nlabels: {{path: drawn.gpkg}}\n{more}")
    return doctor([path]).warnings


def test_polygons_beyond_the_images_of_a_project_are_told(tmp_path):
    assert "drawn.gpkg: 1 of 3 polygons lies outside all scenes" in drawn_project(tmp_path)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("aoi: area.gpkg", "area.gpkg: no such file; check aoi:"),
        ("bands: [B02, B11]", "B11"),
        ("truth: truth.tif", "truth.tif: no such file; check truth:"),
        ("model: {weights: mine.pth}", "mine.pth: no such file"),
    ],
)
def test_what_stops_a_run_of_a_project_is_told(tmp_path, more, told):
    assert any(told in text for text in drawn_project(tmp_path, more))


def test_bands_that_some_scenes_lack_are_told(tmp_path):
    found = drawn_project(tmp_path, image_bands=("B02", "B03"))
    assert any("some scenes lack are no input" in text for text in found)


def test_the_median_of_one_band_is_no_range(tmp_path):
    scene = write_scene(tmp_path / "a.tif", bands=("B02",))
    told = next(
        line for line in as_text(doctor([scene])).splitlines() if "plain numbers (m" in line
    )
    assert "band B02: plain numbers (median " in told
