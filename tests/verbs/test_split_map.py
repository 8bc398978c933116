"""The ground of a split as the report draws it."""

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import box

from covermap.chips.table import read_chips
from covermap.core.grid import Window, window_geobox
from covermap.verbs.prepare import prepare
from covermap.verbs.split_map import split_map
from covermap.verbs.workspace import Workspace
from drawings import scattered, squares
from pictures import quarters, write_ids
from tiny import tiny_geobox, write_scene

pytestmark = pytest.mark.slow

SIDE = 96


def test_regions_are_drawn_as_they_are_and_not_as_chips_across_their_border(tmp_path):
    grid = tiny_geobox(SIDE, SIDE)
    write_scene(tmp_path / "scene.tif", height=SIDE, width=SIDE, scale=0.0001)
    cells = scattered(30, SIDE, SIDE, seed=0)
    squares(tmp_path / "labels.gpkg", cells, ["a", "b", "c"] * 10, geobox=grid)
    left, bottom, right, top = grid.boundingbox.bbox
    step = (right - left) / 4
    strips = [box(left + k * step, bottom - 500, left + (k + 1) * step, top) for k in range(4)]
    table = gpd.GeoDataFrame({"name": list("klmn")}, geometry=strips, crs=str(grid.crs))
    table.to_file(tmp_path / "districts.gpkg")
    (tmp_path / "project.yaml").write_text(
        "imagery: scene.tif\nlabels: labels.gpkg\nchips: {size: 32}\n"
        "split: {by: region, regions: districts.gpkg, attribute: name, folds: 4}\n"
    )
    prepare(tmp_path / "project.yaml", tmp_path / "run")
    workspace = Workspace.open(tmp_path / "project.yaml", tmp_path / "run", "report")
    drawn = split_map(workspace, read_chips(tmp_path / "run" / "chips.parquet"))
    assert sorted(drawn.counts) == [(f"fold{k}", 1) for k in range(1, 5)]
    shapes = [shapely.Polygon(ring) for _, rings in drawn.scenes[0].parts for ring in rings]
    frame = box(left, bottom, right, top)
    assert sum(shape.area for shape in shapes) == pytest.approx(frame.area)
    assert shapely.union_all(shapes).equals(frame)


def test_blocks_are_drawn_as_they_are_where_scenes_lie_across_them(tmp_path):
    grid = tiny_geobox(SIDE, 2 * SIDE)
    beside = window_geobox(grid, Window(7, 45, SIDE, SIDE))
    places = {"one": window_geobox(grid, Window(0, 0, SIDE, SIDE)), "two": beside}
    for seed, (name, place) in enumerate(places.items()):
        write_scene(tmp_path / "scenes" / f"{name}.tif", geobox=place, seed=seed, scale=0.0001)
        index = quarters(SIDE, SIDE, seed=seed)
        write_ids(tmp_path / "masks" / f"{name}.tif", index + 1, geobox=place)
    (tmp_path / "project.yaml").write_text(
        "imagery: {path: scenes, join: false}\nlabels: masks\nchips: {size: 32}\n"
        "split: {by: blocks}\n"
    )
    prepare(tmp_path / "project.yaml", tmp_path / "run")
    workspace = Workspace.open(tmp_path / "project.yaml", tmp_path / "run", "report")
    drawn = split_map(workspace, read_chips(tmp_path / "run" / "chips.parquet"))
    assert len(drawn.scenes) == 2
    for scene in drawn.scenes:
        shapes = [shapely.Polygon(ring) for _, rings in scene.parts for ring in rings]
        together = shapely.union_all(shapes)
        assert sum(shape.area for shape in shapes) == pytest.approx(together.area)
        left, right, bottom, top = scene.extent
        assert box(left, bottom, right, top).covers(together)
        assert max(shape.area for shape in shapes) <= (32 * 10) ** 2 + 1
