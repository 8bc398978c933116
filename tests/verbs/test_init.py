"""A project for images and polygons."""

import numpy as np
import pytest

from covermap.core.files import read_json
from covermap.labels.polygons import read_polygons
from covermap.project.schema import read_project
from covermap.verbs.init import init
from covermap.verbs.prepare import prepare
from drawings import drawing, saved, scattered, squares
from tiny import shared_data, tiny_geobox, write_scene

pytestmark = pytest.mark.slow

SIDE = 96


def test_labels_that_lie_beside_as_a_raster_too_are_no_image(tmp_path, capsys):
    folder = tmp_path / "site"
    for date in ("20190601", "20200601"):
        write_scene(folder / f"S2_{date}.tif", height=SIDE, width=SIDE, scale=0.0001)
    grid = tiny_geobox(SIDE, SIDE)
    squares(
        folder / "drawn.gpkg", scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8, geobox=grid
    )
    burnt = np.ones((1, SIDE, SIDE))
    write_scene(folder / "drawn.tif", values=burnt, dtype="uint8", bands=("class",))
    path = init([folder], tmp_path / "project.yaml")
    told = capsys.readouterr().err
    assert "drawn.tif: passed over, called like the labels drawn.gpkg" in told
    assert "show the same ground on 2019-06-01 and 2020-06-01: the labels count on both" in told
    assert read_project(path).imagery[0].path == ["site/S2_20190601.tif", "site/S2_20200601.tif"]
    prepare(path, tmp_path / "run")


def test_images_of_other_bands_in_one_folder_get_entries_of_their_own(tmp_path):
    folder = tmp_path / "site"
    write_scene(folder / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    write_scene(folder / "b.tif", height=SIDE, width=SIDE, bands=("B02", "B03"), scale=0.0001)
    grid = tiny_geobox(SIDE, SIDE)
    squares(
        tmp_path / "drawn.gpkg", scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8, geobox=grid
    )
    project = read_project(init([folder, tmp_path / "drawn.gpkg"], tmp_path / "project.yaml"))
    assert [item.path for item in project.imagery] == [["site/a.tif"], ["site/b.tif"]]


@pytest.mark.parametrize("column", ["type d'occ'", "a: b", "class #2", "007", "Fläche", "no"])
def test_a_column_of_any_name_is_written_as_it_is_called(tmp_path, column):
    write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    table = drawing(scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8, attribute=column)
    saved(tmp_path / "drawn.gpkg", table.assign(who="me"))
    path = init([tmp_path / "a.tif", tmp_path / "drawn.gpkg"], tmp_path / "project.yaml")
    assert read_project(path).labels.attribute == column
    assert "    # passed over: who (1 values)\n" in path.read_text()
    assert read_polygons(read_project(path).labels, tmp_path).attribute == column


def test_the_landsat_folder_is_prepared_as_init_writes_it(tmp_path, capsys):
    folder = shared_data("landsat7_training_polygons")
    path = init([folder], tmp_path / "project.yaml")
    told = capsys.readouterr().err
    assert "id (less likely; disagrees with class: 4 is barren and urban)" in told
    assert "on 1999-11-18 and 2002-04-16: the labels count on both" in told
    assert read_project(path).labels.attribute == "class"
    run = prepare(path, tmp_path / "run")
    assert read_json(run.path / "audit.json")["passed"]


def test_large_codes_in_another_crs_and_a_white_frame_at_rachel_carson(tmp_path, capsys):
    path = init([shared_data("rachel_carson_s2")], tmp_path / "project.yaml")
    project = read_project(path)
    assert project.imagery[0].nodata == 255
    assert project.labels.attribute == "Classname"
    project_text = path.read_text().replace("Classname    #", "Classvalue    #")
    path.write_text(project_text)
    prepare(path, tmp_path / "run")
    assert "22531" in (tmp_path / "run" / "audit.json").read_text()


def test_null_names_among_dates_of_one_place_in_slovenia(tmp_path, capsys):
    path = init([shared_data("eolearn_ndvi_timeseries")], tmp_path / "project.yaml")
    told = capsys.readouterr().err
    assert "4 polygons have no class in 'LULC_NAME': taken as unlabelled ground" in told
    assert "stack: dates          # 68 dates of one place are one image" in path.read_text()
