"""The GeoPackage of a class map."""

import tracemalloc
from functools import partial

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyogrio import raw
from pyproj import Geod

from class_maps import NODATA, class_maps, regions_of, write_class_map
from covermap.core import ground_area
from covermap.core.errors import OutputError
from covermap.core.legend import Legend
from covermap.mapping import polygons
from covermap.mapping.polygons import is_own, polygon_files, polygons_path, write_polygons
from tiny import tiny_geobox

LEGEND = Legend.of({0: "water", 1: "forest", 2: "urban & roads"})
GRIDS = {
    "north_up": {},
    "south_up": {"south_up": True},
    "rotated": {"rotated": True},
    "geographic": {"crs": 4326},
    "picture": {"crs": None},
}


def written(folder, ids, grid="north_up", min_area=None, rows=None):
    """The file's table, its grid and what was told."""
    ids = np.asarray(ids)
    geobox = tiny_geobox(*ids.shape, **GRIDS[grid])
    path = write_class_map(folder / "map.tif", ids, geobox)
    told = write_polygons(path, LEGEND, min_area, strip_rows=rows)
    return gpd.read_file(polygons_path(path), layer="polygons"), geobox, told


def in_pixels(table, geobox):
    """The polygons with columns and rows as coordinates."""
    back = ~geobox.affine
    numbers = [back.a, back.b, back.d, back.e, back.c, back.f]
    return [shapely.affinity.affine_transform(item, numbers) for item in table.geometry]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(class_maps(), st.sampled_from(sorted(GRIDS)), st.integers(1, 14))
def test_polygons_tile_the_mapped_ground_on_every_grid(tmp_path_factory, ids, grid, rows):
    if (ids == NODATA).all():
        ids[0, 0] = 1
    table, geobox, told = written(tmp_path_factory.mktemp("map"), ids, grid, rows=rows)
    regions = regions_of(ids)
    names = np.unique(regions[regions >= 0])
    assert told.count == len(table) == len(names)
    assert table.geometry.is_valid.all()
    assert shapely.coverage_is_valid(table.geometry.to_numpy())
    assert table.geometry.exterior.is_ccw.all()
    pixels = in_pixels(table, geobox)
    assert shapely.union_all(pixels).area == pytest.approx((ids != NODATA).sum())
    for polygon, code, name in zip(pixels, table.class_id, table.class_name, strict=True):
        inside = shapely.contains_xy(
            polygon, *(np.indices(ids.shape)[::-1].reshape(2, -1) + 0.5)
        ).reshape(ids.shape)
        assert (ids[inside] == code).all()
        assert len(np.unique(regions[inside])) == 1
        assert inside.sum() == pytest.approx(polygon.area)
        assert LEGEND.names[LEGEND.ids.index(code)] == name


@pytest.mark.parametrize("grid", ["north_up", "south_up", "rotated", "geographic"])
def test_areas_are_those_on_the_ground(tmp_path, grid):
    ids = np.kron(np.random.default_rng(0).integers(0, 3, (6, 7)), np.ones((5, 4), int))
    table, _, _ = written(tmp_path, ids, grid)
    geod = Geod(ellps="WGS84")
    for polygon, area in zip(table.to_crs(4326).geometry, table.area_m2, strict=True):
        assert area == pytest.approx(abs(geod.geometry_area_perimeter(polygon)[0]), rel=1e-5)


def test_areas_of_pictures_are_pixels_and_they_have_no_crs(tmp_path):
    table, _, _ = written(tmp_path, [[0, 0, 1], [0, 1, 1]], "picture")
    assert table.crs is None
    assert table.area_px.tolist() == [3, 3]
    assert table.total_bounds.tolist() == [0, 0, 3, 2]


def test_the_crs_is_that_of_the_map(tmp_path):
    table, geobox, _ = written(tmp_path, [[0, 1]])
    assert table.crs.to_epsg() == 32633
    assert list(table.columns) == ["class_id", "class_name", "area_m2", "geometry"]
    assert table.total_bounds == pytest.approx(geobox.extent.boundingbox.bbox)


@pytest.mark.parametrize("min_area", [None, 700])
def test_the_file_is_the_same_bytes_however_the_map_is_cut(tmp_path, min_area, monkeypatch):
    monkeypatch.setattr(polygons, "_BATCH_VERTICES", 50)
    rng = np.random.default_rng(3)
    ids = np.kron(rng.choice([0, 1, 2, NODATA], (9, 8)), np.ones((4, 5), int))
    noisy = rng.random(ids.shape) < 0.05
    ids[noisy] = rng.integers(0, 3, int(noisy.sum()))
    found = set()
    for rows in (None, 5, 17, None):
        written(tmp_path, ids, min_area=min_area, rows=rows)
        found.add(polygons_path(tmp_path / "map.tif").read_bytes())
    assert len(found) == 1


def test_a_minimum_mapping_unit_is_told_and_islands_in_nodata_stay(tmp_path, capsys):
    ids = np.full((12, 12), NODATA)
    ids[:, :8] = 0
    ids[3, 3] = 1
    ids[6, 10] = 2
    table, _, told = written(tmp_path, ids, min_area=500)
    assert (told.count, told.merged, told.small) == (2, 1, 1)
    assert sorted(table.class_name) == ["urban & roads", "water"]
    assert not any(polygon.interiors for polygon in table.geometry)
    said = capsys.readouterr().err
    assert "2 polygons; 1 regions below 500 m² merged" in said
    assert "1 stay: there is nothing but nodata around them" in said


def test_holes_of_a_region_wait_until_it_is_complete(tmp_path):
    ids = np.zeros((30, 9), int)
    ids[2::4, 4] = 1
    table, _, _ = written(tmp_path, ids, rows=3)
    sea = table[table.class_id == 0].geometry.iloc[0]
    assert len(sea.interiors) == (ids == 1).sum()


def test_nothing_else_is_left_beside_the_map(tmp_path):
    written(tmp_path, [[0, 1]])
    written(tmp_path, [[0, 1]])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"map.tif", "map_polygons.gpkg", "map_polygons.qml"}


def test_a_stopped_writing_leaves_no_polygons_and_no_scratch(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(polygons, "_geometries", stopped)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, [[0, 1]])
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".qml"] == ["map.tif"]


def test_a_full_disk_is_told_in_a_line(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(polygons, "_geometries", full)
    with pytest.raises(
        OutputError, match=r"map_polygons\.gpkg: .*no space left.*class map is finished"
    ):
        written(tmp_path, [[0, 1]])


def test_polygons_without_their_spatial_index_are_not_complete(tmp_path, monkeypatch):
    write = raw.write
    # What a full disk leaves when the index, which is written last, finds no room.
    monkeypatch.setattr(raw, "write", partial(write, SPATIAL_INDEX="NO"))
    with pytest.raises(OutputError, match=r"map_polygons\.gpkg: .*class map is finished"):
        written(tmp_path, [[0, 1]])
    assert not polygons_path(tmp_path / "map.tif").exists()


def test_own_polygons_are_told_from_a_strangers(tmp_path):
    written(tmp_path, [[0, 1]])
    own, _ = polygon_files(tmp_path / "map.tif")
    assert is_own(own)
    strangers = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    strangers.to_file(tmp_path / "a.gpkg", layer="polygons")
    strangers.to_file(tmp_path / "b.gpkg", layer="other")
    (tmp_path / "c.gpkg").write_text("no database")
    assert not any(is_own(tmp_path / name) for name in ("a.gpkg", "b.gpkg", "c.gpkg"))


def test_law_11_memory_does_not_grow_with_the_height_of_a_map(tmp_path, monkeypatch):
    monkeypatch.setattr(polygons, "_BATCH_VERTICES", 300)
    monkeypatch.setattr(ground_area, "_LATTICE", (9, 9))
    rng = np.random.default_rng(0)
    part = np.kron(rng.integers(0, 3, (10, 20)), np.ones((4, 5), int))
    part[rng.random(part.shape) < 0.02] = 1
    written(tmp_path, part)
    peaks = []
    for times in (2, 10):
        ids = np.tile(part, (times, 1))
        path = write_class_map(tmp_path / "map.tif", ids, tiny_geobox(*ids.shape))
        tracemalloc.start()
        write_polygons(path, LEGEND, 300, strip_rows=20)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]
