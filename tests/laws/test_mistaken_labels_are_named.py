"""Law 12 for tables of pictures, counted points, and vector files."""

import geopandas as gpd
import pytest
from shapely.geometry import Point

from drawings import drawing, saved, scattered
from tiny import tiny_geobox, write_scene

BOX = tiny_geobox(64, 64)


# Tags


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (b"file,crop\n0.png,a\n1.png,b\n", "1 of 3 pictures have no row: 2.png. Add their rows"),
        (b"file,crop\nx.png,a\ny.png,b\n", "no cell names a picture: row 2 holds x.png, a"),
        (b"file,corp\n0.png,a\n1.png,b\n2.png,b\n", "no column 'crop'; did you mean 'corp'?"),
        (
            b"file,crop\n0.png,a\n1.png,b,c,d\n",
            "row 3 has 4 cells, the header 2: 'c' stands",
        ),
        (b"file,crop\n0.png,a,b\n1.png,b,c\n2.png,b,c\n", "row 2 has 3 cells, the header 2: 'b'"),
        (b"file,crop\n0.png,\xe4\n", "Save it as CSV in UTF-8, with as many cells in each row"),
        (b"file,crop\n", "expected a header, a column of file names and one of classes"),
        (b"", "cannot be read as a table of text (CSV)"),
    ],
)
def test_a_table_that_does_not_fit_its_pictures(pictures, complaint, table, told):
    (pictures / "t.csv").write_bytes(table)
    labels = "labels: {tags: t.csv, column: crop}"
    (pictures / "p.yaml").write_text(f"imagery: pictures/*.png\n{labels}\ntask: classification\n")
    line = complaint("prepare", "p.yaml", "--out", "run")
    assert line.startswith("covermap: t.csv: ")
    assert told in line


# Points


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"crs": None}, "points.gpkg: has no CRS (coordinate reference system), so its points"),
        ({"east": 5e5}, "points.gpkg: no point lies on the imagery. Image scene: longitude"),
        ({"areas_east": 5e5}, "areas.gpkg: no polygon of labels: areas lies on the imagery"),
        ({"areas_east": 320}, "but none inside labels: areas, so every density would be 0"),
    ],
)
def test_points_that_cannot_be_counted(tmp_path, complaint, change, told):
    write_scene(tmp_path / "scene.tif", height=64, width=64, geobox=BOX, scale=0.0001)
    crs = str(BOX.crs)
    points = [Point(BOX.affine @ (col + 0.5, row + 0.5)) for row in range(64) for col in range(30)]
    table = gpd.GeoDataFrame(geometry=points, crs=change.get("crs", crs))
    table["geometry"] = table.translate(xoff=change.get("east", 0))
    saved(tmp_path / "points.gpkg", table)
    area = gpd.GeoDataFrame(geometry=[BOX.extent.geom], crs=crs)
    area["geometry"] = area.translate(xoff=change.get("areas_east", 0))
    saved(tmp_path / "areas.gpkg", area)
    (tmp_path / "p.yaml").write_text(
        "imagery: scene.tif\nlabels: {points: points.gpkg, areas: areas.gpkg}\n"
        "task: regression\nchips: {size: 32}\n"
    )
    assert told in complaint("prepare", tmp_path / "p.yaml", "--out", tmp_path / "run")


# Polygons


@pytest.mark.parametrize("part", [".dbf", ".shx"])
def test_a_shapefile_that_was_copied_in_part(tmp_path, complaint, part):
    write_scene(tmp_path / "scene.tif", height=64, width=64, geobox=BOX, scale=0.0001)
    cells = scattered(12, 64, 64, seed=0)
    saved(tmp_path / "areas.shp", drawing(cells, ["a", "b"] * 6, geobox=BOX))
    (tmp_path / "areas").with_suffix(part).unlink()
    (tmp_path / "p.yaml").write_text("imagery: scene.tif\nlabels: areas.shp\n")
    line = complaint("prepare", tmp_path / "p.yaml", "--out", tmp_path / "run")
    assert f"areas.shp: a shapefile is several files, and areas{part} is missing" in line


def test_a_file_that_ogr_does_not_read(tmp_path, complaint):
    write_scene(tmp_path / "scene.tif", height=64, width=64, geobox=BOX, scale=0.0001)
    (tmp_path / "areas.gpkg").write_text("hello")
    (tmp_path / "p.yaml").write_text("imagery: scene.tif\nlabels: areas.gpkg\n")
    line = complaint("prepare", tmp_path / "p.yaml", "--out", tmp_path / "run")
    assert "areas.gpkg: cannot be read as vector data" in line
    assert "Expected a GeoPackage" in line
