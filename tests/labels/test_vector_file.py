"""Vector files: which files hold them, which layers, and how a layer is read."""

import sqlite3

import geopandas as gpd
import pytest
from shapely.geometry import box

from covermap.core.errors import LabelError
from covermap.labels.polygon_file import read_layer
from covermap.labels.vector_file import layers_of, parts_of, read_table
from drawings import drawing, saved
from tiny import tiny_geobox

BOX = tiny_geobox(40, 50)
CELLS = [(2, 3, 5, 6), (20, 30, 8, 8), (10, 10, 4, 4)]
NAMES = ["water", "Forêt", "water"]


@pytest.fixture
def drawn():
    return drawing(CELLS, NAMES, geobox=BOX)


@pytest.mark.parametrize(
    ("suffix", "parts"),
    [
        (".shp", {".shp", ".dbf", ".shx", ".prj", ".cpg"}),
        (".tab", {".tab", ".dat", ".map", ".id"}),
        (".mif", {".mif", ".mid"}),
    ],
)
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_all_files_that_hold_a_drawing_are_known_whatever_their_case(
    tmp_path, drawn, suffix, parts, case
):
    driver = "ESRI Shapefile" if suffix == ".shp" else "MapInfo File"
    drawn.to_file(tmp_path / f"a{suffix}", driver=driver)
    for file in list(tmp_path.iterdir()):
        file.rename(file.with_suffix(case(file.suffix)))
    found = parts_of(tmp_path / f"a{case(suffix)}")
    assert {file.suffix.lower() for file in found} == parts
    assert all(file.exists() for file in found)


def test_what_another_program_has_saved_but_not_closed_is_a_part(tmp_path, drawn):
    path = saved(tmp_path / "a.gpkg", drawn)
    assert parts_of(path) == [path]
    other = sqlite3.connect(path)
    try:
        other.execute("pragma journal_mode=WAL")
        other.execute("create table more(id integer)")
        other.commit()
        assert parts_of(path) == [path, tmp_path / "a.gpkg-wal"]
    finally:
        other.close()


@pytest.mark.parametrize("index", [[7, 7, 3], ["a", "b", "a"]])
def test_an_index_of_geoparquet_is_a_column_where_it_has_a_name(tmp_path, drawn, index):
    drawn.index = index
    drawn.to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").index.tolist() == [0, 1, 2]
    drawn.set_index("cover").to_parquet(tmp_path / "b.parquet")
    assert read_table(tmp_path / "b.parquet")["cover"].tolist() == NAMES


def test_a_table_of_styles_is_no_layer(tmp_path, drawn):
    path = saved(tmp_path / "a.gpkg", drawn, layer="drawn")
    with sqlite3.connect(path) as database:
        database.execute("create table layer_styles(id integer primary key, styleQML text)")
        database.execute(
            "insert into gpkg_contents(table_name, data_type, identifier) "
            "values('layer_styles', 'attributes', 'layer_styles')"
        )
    database.close()
    assert layers_of(path) == ["drawn"]
    assert len(read_layer(path, None)) == 3


@pytest.mark.parametrize("geometry", ["geometry", "geom"])
def test_geoparquet_is_read_as_its_geopackage(tmp_path, drawn, geometry):
    path = tmp_path / "a.parquet"
    drawn.rename(columns={"geometry": geometry}).set_geometry(geometry).to_parquet(path)
    table, other = read_layer(path, None), read_layer(saved(tmp_path / "a.gpkg", drawn), None)
    assert table["cover"].tolist() == other["cover"].tolist()
    assert table.geometry.geom_equals(other.geometry).all()
    assert str(table.crs) == "EPSG:32633"


def test_a_table_without_geometry_in_parquet_is_no_drawing(tmp_path, drawn):
    import pandas as pd

    path = tmp_path / "a.parquet"
    pd.DataFrame(drawn.drop(columns="geometry")).to_parquet(path)
    with pytest.raises(LabelError, match=r"a\.parquet: cannot be read as vector data"):
        read_layer(path, None)


@pytest.mark.parametrize("encoding", ["utf-8", "ISO-8859-1"])
@pytest.mark.parametrize("told", [True, False])
def test_texts_of_a_shapefile_are_read_in_their_encoding_told_or_not(
    tmp_path, drawn, encoding, told
):
    path = tmp_path / "a.shp"
    drawn.to_file(path, encoding=encoding)
    if not told:
        (tmp_path / "a.cpg").unlink()
    assert read_table(path)["cover"].tolist() == NAMES


def test_a_wrong_encoding_beside_a_shapefile_is_named(tmp_path, drawn):
    path = tmp_path / "a.shp"
    drawn.to_file(path, encoding="ISO-8859-1")
    (tmp_path / "a.cpg").write_text("UTF-8")
    with pytest.raises(LabelError, match=r"not in the encoding that a\.cpg beside it names"):
        read_layer(path, None)


def test_a_file_of_several_layers_of_polygons_wants_a_name(tmp_path):
    table = gpd.GeoDataFrame({"cover": ["a"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    for layer in ("one", "two"):
        table.to_file(tmp_path / "a.gpkg", layer=layer)
    with pytest.raises(LabelError, match=r"holds 2 layers \(one, two\); name one"):
        read_layer(tmp_path / "a.gpkg", None)
