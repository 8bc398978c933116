"""A project for images and polygons."""

import geopandas as gpd
import numpy as np
import pytest

from covermap.core.errors import CovermapError, LabelError
from covermap.core.files import read_json
from covermap.imagery.opening import open_scenes
from covermap.labels.polygons import read_polygons
from covermap.project.schema import read_project
from covermap.verbs.doctor import doctor
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
    assert [item.path for item in project.imagery] == ["site/a.tif", "site/b.tif"]


@pytest.fixture
def drawn(tmp_path):
    grid = tiny_geobox(SIDE, SIDE)
    cells, names = scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8
    return squares(tmp_path / "drawn.gpkg", cells, names, geobox=grid)


def test_a_folder_of_a_drawing_alone_is_no_image(tmp_path, drawn):
    folder = tmp_path / "plots"
    folder.mkdir()
    shape = saved(folder / "plots.shp", gpd.read_file(drawn))
    scene = write_scene(tmp_path / "s.tif", bands=("B02",), geobox=tiny_geobox(SIDE, SIDE))
    project = read_project(init([scene, folder], tmp_path / "project.yaml"))
    assert [item.path for item in project.imagery] == ["s.tif"]
    assert project.labels.path == "plots/plots.shp"
    with pytest.raises(CovermapError, match="no image among the paths"):
        init([folder], tmp_path / "other.yaml")
    assert shape.exists()


def test_files_of_one_band_each_that_a_shell_listed_are_one_image(tmp_path, drawn):
    files = [
        write_scene(tmp_path / "s" / f"T33_20200601_{band}.tif", bands=(band,), descriptions=False)
        for band in ("B02", "B03", "B04")
    ]
    path = init([*files, drawn], tmp_path / "project.yaml")
    project = read_project(path)
    (item,) = project.imagery
    assert item.path == [f"s/{file.name}" for file in files]
    (scene,) = open_scenes(item, tmp_path)
    assert [band.name for band in scene.bands] == ["B02", "B03", "B04"]


def test_folders_of_products_stay_folders_where_their_bands_differ(tmp_path, drawn):
    for name, bands in (("one", ("B02", "B03")), ("two", ("B02", "B03")), ("three", ("B02",))):
        for band in bands:
            file = tmp_path / "all" / name / f"{name}_{band}.tif"
            write_scene(file, bands=(band,), descriptions=False)
    project = read_project(init([tmp_path / "all", drawn], tmp_path / "project.yaml"))
    assert [item.path for item in project.imagery] == [["all/one", "all/two"], "all/three"]


def test_polygons_of_another_place_are_told_before_anything_is_written(tmp_path, drawn):
    write_scene(tmp_path / "far.tif", geobox=tiny_geobox(SIDE, SIDE, crs=32634))
    with pytest.raises(LabelError, match=r"no polygon lies on the imagery\. Image far"):
        init([tmp_path / "far.tif", drawn], tmp_path / "project.yaml")
    assert not (tmp_path / "project.yaml").exists()
    (warning,) = [w for w in doctor([drawn, tmp_path / "far.tif"]).warnings if "no polygon" in w]
    assert "no polygon lies on the imagery. Image far" in warning


def test_a_table_of_gps_points_becomes_a_project_with_a_radius(tmp_path):
    scene = write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    box = tiny_geobox(SIDE, SIDE)
    random = np.random.default_rng(0)
    places = [box.affine @ tuple(place) for place in random.uniform(5, SIDE - 5, (24, 2))]
    points = gpd.GeoSeries(gpd.points_from_xy(*np.array(places).T), crs=box.crs).to_crs(4326)
    rows = [f"{p.x:.6f};{p.y:.6f};{'abc'[n % 3]}" for n, p in enumerate(points)]
    (tmp_path / "gps.csv").write_text("\n".join(["lon;lat;cover", *rows]))
    path = init([scene, tmp_path / "gps.csv"], tmp_path / "project.yaml")
    labels = read_project(path).labels
    assert (labels.path, labels.attribute, labels.radius_m) == ("gps.csv", "cover", 15)
    assert [item.path for item in doctor([tmp_path / "gps.csv"]).labels]
    prepare(path, tmp_path / "run")


def test_points_without_a_class_become_a_project_of_their_density(tmp_path, capsys):
    scene = write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    box = tiny_geobox(SIDE, SIDE)
    random = np.random.default_rng(0)
    places = [box.affine @ tuple(place) for place in random.uniform(0, SIDE, (400, 2))]
    points = gpd.GeoSeries(gpd.points_from_xy(*np.array(places).T), crs=box.crs).to_crs(4326)
    (tmp_path / "track.csv").write_text("\n".join(["lon,lat", *(f"{p.x},{p.y}" for p in points)]))
    path = init([scene, tmp_path / "track.csv"], tmp_path / "project.yaml")
    project = read_project(path)
    assert (project.task, project.labels.points) == ("regression", "track.csv")
    assert "points without a class" in capsys.readouterr().err
    prepare(path, tmp_path / "run")


def test_the_way_of_an_animal_becomes_a_project_of_density(tmp_path, capsys):
    scene = write_scene(tmp_path / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    box, random = tiny_geobox(SIDE, SIDE), np.random.default_rng(0)
    places = [box.affine @ tuple(place) for place in random.uniform(0, SIDE, (90, 2))]
    points = gpd.GeoSeries(gpd.points_from_xy(*np.array(places).T), crs=box.crs).to_crs(4326)
    rows = [f"{p.x},{p.y},{['Ida', 'Bo'][n % 2]}" for n, p in enumerate(points)]
    head = "location-long,location-lat,individual-local-identifier"
    # Receivers also write when they found no satellite.
    (tmp_path / "track.csv").write_text("\n".join([head, ",,Ida", *rows, "NA,NA,Bo"]))
    project = read_project(init([scene, tmp_path / "track.csv"], tmp_path / "project.yaml"))
    assert (project.task, project.labels.points) == ("regression", "track.csv")
    assert "'individual-local-identifier' is taken for no class" in capsys.readouterr().err


def test_waypoints_are_points_and_a_way_beside_a_drawing_is_none(tmp_path):
    scene = write_scene(tmp_path / "in" / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    box = tiny_geobox(SIDE, SIDE)
    places = [box.affine @ (x, y) for x in range(5, SIDE, 9) for y in range(5, SIDE, 9)]
    points = gpd.GeoSeries(gpd.points_from_xy(*np.array(places).T), crs=box.crs).to_crs(4326)
    marks = "".join(
        f'<wpt lat="{p.y}" lon="{p.x}"><name>{n}</name><sym>{"ab"[n % 2]}</sym></wpt>'
        for n, p in enumerate(points)
    )
    xmlns = "http://www.topografix.com/GPX/1/1"
    gpx = tmp_path / "in" / "walk.gpx"
    gpx.write_text(f'<gpx version="1.1" creator="me" xmlns="{xmlns}">{marks}</gpx>')
    project = read_project(init([scene, gpx], tmp_path / "points.yaml"))
    assert (project.labels.attribute, project.labels.layer) == ("sym", None)
    assert project.labels.radius_m is not None
    saved(gpx.with_name("drawn.gpkg"), drawing(scattered(24, SIDE, SIDE, seed=0), ["a", "b"] * 12))
    project = read_project(init([tmp_path / "in"], tmp_path / "drawn.yaml"))
    assert project.labels.path == "in/drawn.gpkg"


@pytest.mark.parametrize(
    ("name", "told"),
    [("labels.zip", "an archive; unpack it"), ("gps.csv", "a table without the columns lon"),
     ("cube.nc", "holds several arrays"),
     ("zh_gt.tif", "called like a mask; give it with --masks")],
)  # fmt: skip
def test_what_is_no_label_file_is_told_by_what_it_is(tmp_path, name, told):
    scene = write_scene(tmp_path / "scene.tif")
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(LabelError, match=rf"no label file among the paths.*{name}: {told}"):
        init([scene, tmp_path / name], tmp_path / "project.yaml")
    with pytest.raises(LabelError, match="nowhere: no such file or folder"):
        init([scene, tmp_path / "nowhere"], tmp_path / "project.yaml")


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


def test_of_several_layers_one_is_named(tmp_path):
    grid = tiny_geobox(SIDE, SIDE)
    cells, names = scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8
    drawn = gpd.read_file(squares(tmp_path / "one.gpkg", cells, names, geobox=grid))
    two = tmp_path / "two.gpkg"
    drawn.to_file(two, layer="fields")
    drawn.iloc[:6].to_file(two, layer="roads")
    image = write_scene(tmp_path / "s.tif", height=SIDE, width=SIDE, scale=0.0001)
    with pytest.raises(LabelError, match=r"2 layers \(fields, roads\).*--layer fields"):
        init([image, two], tmp_path / "project.yaml")
    project = read_project(init([image, two], tmp_path / "project.yaml", "fields"))
    assert project.labels.layer == "fields"
    (found,) = doctor([image, two], "roads").labels
    assert sum(found.polygons.values()) == 6


def test_a_number_for_each_row_is_no_class(tmp_path, capsys):
    grid = tiny_geobox(SIDE, SIDE)
    cells = scattered(12, SIDE, SIDE, seed=0)
    drawn = squares(tmp_path / "drawn.gpkg", cells, [f"p{n}" for n in range(12)], geobox=grid)
    image = write_scene(tmp_path / "s.tif", height=SIDE, width=SIDE, scale=0.0001)
    assert any("each of the 12 rows is a class" in text for text in doctor([image, drawn]).warnings)
    init([image, drawn], tmp_path / "project.yaml")
    assert "which column holds the classes?" in capsys.readouterr().err


def test_what_macos_and_products_leave_beside_a_drawing_is_no_drawing(tmp_path):
    folder = tmp_path / "site"
    write_scene(folder / "a.tif", height=SIDE, width=SIDE, scale=0.0001)
    grid = tiny_geobox(SIDE, SIDE)
    cells, names = scattered(24, SIDE, SIDE, seed=0), ["a", "b", "c"] * 8
    squares(folder / "drawn.gpkg", cells, names, geobox=grid)
    product = folder / "S2A_MSIL2A_20200601.SAFE" / "QI_DATA"
    squares(product / "clouds.gpkg", cells, names, geobox=grid)
    for place in (folder, folder / "__MACOSX" / "site"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "._drawn.gpkg").write_bytes(b"\0\5\x16\7")
    squares(folder / "__MACOSX" / "drawn.gpkg", cells, names, geobox=grid)
    project = read_project(init([folder, folder / "a.tif"], tmp_path / "project.yaml"))
    assert project.labels.path == "site/drawn.gpkg"
    with pytest.raises(LabelError, match="no label file among the paths"):
        init([folder / "S2A_MSIL2A_20200601.SAFE"], tmp_path / "other.yaml")


def test_files_that_are_links_keep_their_names(tmp_path, drawn):
    write_scene(tmp_path / "scene.tif", height=SIDE, width=SIDE, scale=0.0001)
    for name in ("scene.tif", "drawn.gpkg"):
        (tmp_path / "store").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "store" / f"content of {name[:5]}")
        (tmp_path / name).symlink_to(tmp_path / "store" / f"content of {name[:5]}")
    paths = [tmp_path / "scene.tif", tmp_path / "drawn.gpkg"]
    project = read_project(init(paths, tmp_path / "project.yaml"))
    assert project.imagery[0].path == "scene.tif"
    assert project.labels.path == "drawn.gpkg"


def test_polygons_over_a_picture_without_a_place_are_refused_at_once(tmp_path, drawn):
    picture = write_scene(tmp_path / "photo.tif", crs=None)
    with pytest.raises(LabelError, match=r"photo: has no CRS.*QGIS: Layer, Georeferencer"):
        init([picture, drawn], tmp_path / "project.yaml")
    assert not (tmp_path / "project.yaml").exists()
