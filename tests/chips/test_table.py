"""The table of chips."""

import datetime
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from covermap.chips.settings import ChipSettings
from covermap.chips.table import (
    COLUMNS,
    REJECTED_COLUMNS,
    plan_chips,
    read_chips,
    reasons_of,
    windows_of,
    write_chips,
)
from covermap.core.errors import CovermapError
from covermap.core.grid import Window
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

HEIGHT, WIDTH = 100, 136
BOX = tiny_geobox(HEIGHT, WIDTH)


@pytest.fixture(scope="module", params=["blocks", "polygons"])
def run(tmp_path_factory, request):
    cells = [*scattered(40, HEIGHT, WIDTH, seed=3), (92, 128, 6, 6)]
    classes = np.resize(["forest", "water", "urban"], len(cells))
    labels = polygons(tmp_path_factory.mktemp("run") / "a.gpkg", cells, classes, geobox=BOX)
    cloudy = np.zeros((HEIGHT, WIDTH), bool)
    cloudy[:, :20] = True
    scene = replace(noisy_scene(BOX, invalid=0.2), cloudy=cloudy, date=datetime.date(2020, 7, 16))
    return prepared([scene], labels, size=32, by=request.param)


def test_the_columns_are_those_of_the_contract(run):
    assert tuple(run.chips.columns) == COLUMNS
    assert run.chips["chip"].tolist() == list(range(len(run.chips)))
    assert run.chips.crs == "OGC:CRS84"
    assert set(run.chips["date"]) == {"2020-07-16"}
    assert set(run.chips["split"]) <= set(run.split.ground.parts)


def test_shares_are_of_the_pixels_inside_the_scene(run):
    scene = run.scenes[0]
    usable = scene.valid.all(axis=0)
    target = run.labels.burn(BOX)
    counting = run.viewer.ground.counting_in(BOX, target)
    for row in run.chips.itertuples():
        cut = (
            slice(row.row_off, row.row_off + row.height),
            slice(row.col_off, row.col_off + row.width),
        )
        assert usable[cut].shape == (row.height, row.width)
        here = usable[cut] & (counting[cut] == run.split.ground.parts.index(row.split))
        assert row.share_valid == pytest.approx(usable[cut].mean())
        assert row.share_cloud == pytest.approx(scene.cloudy[cut].mean())
        assert row.share_labelled == pytest.approx(here.mean())
        assert here.any()
        held = np.bincount(target.index[cut][here], minlength=3) / here.sum()
        assert list(row.class_shares.values()) == pytest.approx(held.tolist())
        assert list(row.class_shares) == list(run.labels.legend.names)


def test_every_counted_pixel_is_in_the_table(run):
    pixels = run.chips["share_labelled"] * run.chips["width"] * run.chips["height"]
    counting = run.viewer.ground.counting_in(BOX, run.labels.burn(BOX))
    assert round(pixels.sum()) == ((counting >= 0) & run.scenes[0].valid.all(axis=0)).sum()


def test_chips_at_the_border_are_cut_and_their_windows_square_again(run):
    assert {(r, c) for r, c in zip(run.chips["height"], run.chips["width"], strict=True)} >= {
        (32, 32),
        (4, 8),
    }
    windows = windows_of(run.chips, run.split.ground.parts, {})
    assert {window.shape for _, window in windows} == {(32, 32)}
    assert len(set(windows)) == len(windows)
    assert ("tiny", Window(96, 128, 32, 32)) in windows


def test_windows_of_a_part_are_those_of_its_rows(run):
    for part in run.split.ground.parts:
        rows = run.chips[run.chips["split"] == part]
        expected = list(zip(rows["row_off"], rows["col_off"], strict=True))
        found = windows_of(run.chips, [part], {})
        assert [(window.row_off, window.col_off) for _, window in found] == expected


def test_footprints_are_longitude_and_latitude(run):
    west, south, east, north = run.chips.total_bounds
    assert 14.9 < west < east < 15.1
    assert 45.1 < south < north < 45.2
    first = run.chips.iloc[0]
    shape = gpd.GeoSeries([first.geometry], crs="OGC:CRS84").to_crs(32633).iloc[0]
    left, top = 500_000 + 10 * first.col_off, 5_000_000 - 10 * first.row_off
    expected = shapely.box(left, top - 10 * first.height, left + 10 * first.width, top)
    assert shape.symmetric_difference(expected).area < 1e-3 * expected.area


def test_the_table_is_read_as_it_was_written_and_always_the_same_bytes(run, tmp_path):
    for name in ("a", "b"):
        write_chips(tmp_path / f"{name}.parquet", run.chips)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    read = read_chips(tmp_path / "a.parquet")
    assert read.drop(columns="geometry").equals(run.chips.drop(columns="geometry"))
    assert read.geometry.geom_equals_exact(run.chips.geometry, 0).all()
    assert read.crs == run.chips.crs
    parts = run.split.ground.parts
    assert windows_of(read, parts, {}) == windows_of(run.chips, parts, {})


def test_a_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(CovermapError, match="covermap prepare"):
        read_chips(tmp_path / "chips.parquet")


def test_a_scene_smaller_than_a_chip_is_one_window(tmp_path):
    box = tiny_geobox(50, 40)
    cells = [(2, 2, 8, 8), (2, 20, 8, 8), (30, 2, 8, 8), (30, 20, 8, 8)]
    labels = polygons(tmp_path / "a.gpkg", cells, ["a", "b", "b", "a"], geobox=box)
    run = prepared([noisy_scene(box)], labels, size=64, by="polygons", folds=2)
    assert windows_of(run.chips, run.split.ground.parts, {}) == [("tiny", Window(0, 0, 64, 64))]


def test_planning_again_gives_the_same_table(run):
    again = plan_chips(run.selection, run.split, run.viewer)
    assert again.chips.equals(run.chips)
    assert again.rejected.equals(run.rejected)


def test_a_window_whose_labels_are_unusable_is_rejected_with_its_shares(tmp_path):
    cells = [*scattered(20, 64, 64, seed=3), (70, 70, 20, 20)]
    classes = np.resize(["forest", "water"], len(cells))
    labels = polygons(tmp_path / "a.gpkg", cells, classes, geobox=BOX)
    scene = noisy_scene(BOX)
    scene.valid[:, 64:96, 64:80] = False
    scene.valid[:, 70:90, 70:90] = False
    run = prepared([scene], labels, by="blocks")
    assert tuple(run.rejected.columns) == REJECTED_COLUMNS
    row = run.rejected[run.rejected["reason"] == "no usable label"].iloc[0]
    assert (row.row_off, row.col_off, row.share_labelled) == (64, 64, 0)
    assert row.share_valid == pytest.approx(1 - (32 * 16 + 20 * 10) / 1024)
    assert set(row.class_shares.values()) == {0}


def test_a_table_without_rows_is_written_and_read(run, tmp_path):
    write_chips(tmp_path / "none.parquet", run.rejected.iloc[:0])
    read = read_chips(tmp_path / "none.parquet")
    assert tuple(read.columns) == REJECTED_COLUMNS
    assert len(read) == 0
    assert list(reasons_of(read)) == []


def test_random_chips_of_a_holdout_only_teach(tmp_path):
    cells = scattered(40, HEIGHT, WIDTH, seed=3)
    classes = np.resize(["forest", "water"], len(cells))
    labels = polygons(tmp_path / "a.gpkg", cells, classes, geobox=BOX)
    free = prepared(
        [noisy_scene(BOX)], labels, size=64, by="blocks",
        chips=ChipSettings(place="random", count=50),
    )  # fmt: skip
    judged = free.chips[free.chips["split"] != "train"]
    assert (judged["row_off"] % 64 == 0).all()
    assert (judged["col_off"] % 64 == 0).all()
    taught = free.chips[free.chips["split"] == "train"]
    assert len(taught) > 20
    assert (taught["col_off"] % 64 != 0).any()
