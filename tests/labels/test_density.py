"""Points counted in cells, and counts as densities."""

import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPoint, Point, Polygon, box

from covermap.core.errors import LabelError
from covermap.core.grid import Window, window_geobox
from covermap.labels.density import (
    Cap,
    CountHistogram,
    Counts,
    Density,
    legend_of_levels,
    read_density,
    scaled,
)
from covermap.labels.kind_settings import CapSettings, DensitySettings
from covermap.labels.reading import label_files, read_labels
from tiny import ArrayScene, tiny_geobox

BOX = tiny_geobox(6, 8)
LEFT, TOP = 500_000, 5_000_000
# seeds.md 4.3
CELLS = [0] * 80 + [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 5, 6, 8, 9, 12, 15, 20, 45, 90]


def histogram(numbers):
    array = np.array(numbers).reshape(1, -1)
    return CountHistogram.of(Counts(array, np.ones(array.shape, bool)))


def at(*pixels, resolution=10):
    """Points at (column, row) places of the grid."""
    return [Point(LEFT + col * resolution, TOP - row * resolution) for col, row in pixels]


def density(points, areas=None):
    table = gpd.GeoDataFrame(geometry=list(points), crs=32633)
    ground = None if areas is None else gpd.GeoDataFrame(geometry=areas, crs=32633)
    return Density(table, legend_of_levels([1, 3]), (1, 3), "points", (), ground)


def scene():
    return ArrayScene(np.zeros((1, 6, 8)), None, BOX, ["B02"])


@pytest.mark.parametrize(
    ("percentile", "over", "method", "points"),
    [
        (97, "all", "linear", 15.15), (97, "nonzero", "linear", 64.35),
        (97, "all", "lower", 15), (97, "nonzero", "lower", 45),
        (97, "all", "higher", 20), (97, "nonzero", "higher", 90),
        (95, "all", "linear", 9.15), (95, "nonzero", "linear", 47.25),
    ],
)  # fmt: skip
def test_the_cap_is_the_percentile_of_the_oracle(percentile, over, method, points):
    settings = CapSettings(percentile=percentile, over=over, method=method)
    assert Cap.fitted(histogram(CELLS), settings).points == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize(
    ("over", "capped", "mean", "nine"),
    [("all", 3, 0.0841254125, 0.5940594059), ("nonzero", 1, 0.0328438228, 0.1398601399)],
)
def test_densities_of_the_oracle(over, capped, mean, nine):
    cap = Cap.fitted(histogram(CELLS), CapSettings(over=over))
    values = scaled(np.array(CELLS), cap)
    assert (values == 1).sum() == capped
    assert values.mean(dtype=np.float64) == pytest.approx(mean, abs=1e-7)
    assert values[CELLS.index(9)] == pytest.approx(nine, abs=1e-7)


def test_a_fixed_cap_scales_and_a_cap_of_0_gives_a_map_of_0():
    values = scaled(np.array([0, 9, 30, 45, 90]), Cap.fitted(histogram([0]), 45))
    assert values == pytest.approx([0, 0.2, 2 / 3, 1, 1])
    empty = Cap.fitted(histogram([0, 0, 0]), CapSettings(over="nonzero"))
    assert empty == Cap(0)
    assert scaled(np.array([0, 3]), empty).tolist() == [0, 0]


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=60),
    st.integers(0, 60),
    st.floats(0, 100),
    st.sampled_from(["linear", "lower", "higher"]),
)
def test_a_percentile_of_histograms_in_any_order_is_that_of_numpy(numbers, cut, at, method):
    one, other = numbers[:cut], numbers[cut:]
    parts = [histogram(part) for part in (other, one) if part]
    both = sum(parts, CountHistogram())
    assert both == histogram(numbers)
    assert both.total == len(numbers)
    expected = np.percentile(numbers, at, method=method)
    assert both.percentile(at, "all", method) == pytest.approx(expected, abs=1e-9)


def test_only_counted_labelled_cells_teach_the_cap():
    counts = Counts(np.array([[9, 1, 5]]), np.array([[True, True, False]]))
    found = CountHistogram.of(counts, np.array([[False, True, True]]))
    assert found.cells == {1: 1}


def test_a_cell_holds_its_left_and_upper_border_only():
    found = density(at((0, 0), (3, 2), (2.999, 2), (3, 1.5), (8, 1), (1, 6), (7.5, 5.5)))
    number = found.counts(BOX).number
    assert number[0, 0] == 1
    assert number[2, 3] == 1
    assert number[2, 2] == 1
    assert number[1, 3] == 1
    assert number[5, 7] == 1
    assert number.sum() == 5


@pytest.mark.parametrize(
    "box_", [BOX, tiny_geobox(6, 8, south_up=True), tiny_geobox(6, 8, rotated=True)]
)
def test_each_point_of_a_grid_is_in_one_cell(box_):
    random = np.random.default_rng(3)
    col, row = random.uniform(0, 8, 500), random.uniform(0, 6, 500)
    x, y = box_.affine @ (col, row)
    number = density(gpd.points_from_xy(x, y)).counts(box_).number
    expected = np.zeros((6, 8), int)
    np.add.at(expected, (row.astype(int), col.astype(int)), 1)
    assert np.array_equal(number, expected)


places = st.integers(0, 24).map(lambda n: n / 3)


@given(st.lists(st.tuples(places, places), max_size=30), st.integers(-3, 7), st.integers(-3, 9),
       st.integers(1, 7), st.integers(1, 7))  # fmt: skip
def test_counting_by_window_is_counting_all_and_cutting(points, row, col, height, width):
    found = density(at(*points), [box(LEFT + 12, TOP - 48, LEFT + 61, TOP - 3)])
    wide = Window(-4, -4, 24, 24)
    full = found.counts(window_geobox(BOX, wide))
    window = Window(row, col, height, width)
    part = found.counts(window_geobox(BOX, window))
    inner = window.relative_to(wide).slices
    assert np.array_equal(part.number, full.number[inner])
    assert np.array_equal(part.labelled, full.labelled[inner])


def test_outside_the_areas_nothing_is_known():
    found = density(at((0.5, 0.5), (4.5, 4.5)), [box(LEFT, TOP - 30, LEFT + 30, TOP)])
    counts = found.counts(BOX)
    assert counts.labelled[:3, :3].all()
    assert counts.labelled.sum() == 9
    assert counts.number.sum() == 1
    target = found.burn(BOX)
    assert np.array_equal(target.labelled, counts.labelled)
    assert not found.dense
    assert not found.touches(window_geobox(BOX, Window(4, 4, 2, 2)))


def test_the_discrete_variant_has_a_class_for_each_level():
    found = density(at(*[(0.5, 0.5)] * 2, *[(1.5, 0.5)] * 3, (2.5, 0.5)))
    assert found.legend.names == ("none", "1 to 2", "3 and more")
    assert found.burn(BOX).index[0, :4].tolist() == [1, 2, 1, 0]
    assert legend_of_levels([2, 3]).names == ("fewer than 2", "2", "3 and more")


def write(path, geometry, crs=32633, **columns):
    gpd.GeoDataFrame(columns, geometry=geometry, crs=crs).to_file(path)
    return path


def read(folder, **settings):
    return read_density(DensitySettings(points="p.gpkg", **settings), folder)


def test_points_in_another_crs_are_moved_onto_the_grid(tmp_path):
    table = gpd.GeoDataFrame(geometry=at((2.5, 3.5)), crs=32633).to_crs(4326)
    table.to_file(tmp_path / "p.gpkg")
    assert read(tmp_path).counts(BOX).number[3, 2] == 1


def test_points_of_the_wanted_dates_are_counted_multipoints_one_by_one(tmp_path):
    points = [*at((0.5, 0.5), (1.5, 0.5), (2.5, 0.5)), MultiPoint(at((3.5, 0.5), (3.5, 0.6)))]
    days = ["2019-07-01", "2019-08-31T23:00:00Z", "2019-09-01", "2019-08-01"]
    write(tmp_path / "p.gpkg", points, when=days)
    until = datetime.date(2019, 9, 1)
    found = read(tmp_path, time="when", since=datetime.date(2019, 7, 2), until=until)
    assert found.counts(BOX).number[0].tolist() == [0, 1, 0, 2, 0, 0, 0, 0]
    assert "2 points of other dates passed over" in found.notes
    with pytest.raises(LabelError, match=r"no point of the wanted dates; .* 2019-07-01 to 2019-09"):
        read(tmp_path, time="when", since=datetime.date(2020, 1, 1))
    with pytest.raises(LabelError, match=r"no column 'wen'; did you mean 'when'"):
        read(tmp_path, time="wen", until=until)


@pytest.mark.parametrize(
    "days",
    [
        ["31.08.2019", "01.09.2019", "02.10.2019"],
        ["31/08/2019 10:00", "01/09/2019", "2019-10-02"],
        ["8/31/2019", "9/1/2019", "10/2/2019"],
        ["20190831", "20190901", "20191002"],
        [20190831, 20190901, 20191002],
        ["2019/08/31", "Sep 1, 2019", "2019/10/02 11:00:00"],
        pd.to_datetime(["2019-08-31", "2019-09-01", "2019-10-02"]),
    ],
)
def test_dates_are_read_as_they_are_meant(tmp_path, days):
    write(tmp_path / "p.gpkg", at((0.5, 0.5), (1.5, 0.5), (2.5, 0.5)), when=days)
    bounds = {"since": datetime.date(2019, 8, 1), "until": datetime.date(2019, 10, 1)}
    found = read(tmp_path, time="when", **bounds)
    assert found.counts(BOX).number[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (["01/09/2019", "02/10/2019"], r"such as 01/09.* whether the day or the month comes first"),
        ([2019, 2019], "holds no date"),
        ([1567209600, 1567296000], "holds no date"),
        (["43708", "43709.5"], "holds no date"),
    ],
)
def test_numbers_that_may_be_another_date_are_refused(tmp_path, days, message):
    write(tmp_path / "p.gpkg", at((0.5, 0.5), (1.5, 0.5)), when=days)
    with pytest.raises(LabelError, match=message):
        read(tmp_path, time="when", until=datetime.date(2019, 10, 1))


def test_files_that_cannot_be_counted_are_named(tmp_path):
    with pytest.raises(LabelError, match="no such file; check labels: points"):
        read(tmp_path)
    write(tmp_path / "p.gpkg", [Polygon([(0, 0), (1, 0), (1, 1)])])
    with pytest.raises(LabelError, match=r"holds no point \(found: Polygon\)"):
        read(tmp_path)
    (tmp_path / "p.gpkg").unlink()
    write(tmp_path / "p.gpkg", at((0, 0)), crs=None)
    with pytest.raises(LabelError, match="has no CRS"):
        read(tmp_path)
    (tmp_path / "p.gpkg").write_text("no vector")
    with pytest.raises(LabelError, match="cannot be read as vector data"):
        read(tmp_path)


def test_files_of_points_and_areas_are_inputs(tmp_path):
    write(tmp_path / "p.gpkg", at((0.5, 0.5)))
    write(tmp_path / "a.gpkg", [box(LEFT, TOP - 30, LEFT + 30, TOP)])
    settings = DensitySettings(points="p.gpkg", areas="a.gpkg")
    files = {"points": [tmp_path / "p.gpkg"], "areas": [tmp_path / "a.gpkg"]}
    assert label_files(settings, tmp_path, [scene()]) == files
    found = read_labels(settings, tmp_path, [scene()])
    assert found.files == (tmp_path / "p.gpkg", tmp_path / "a.gpkg")
    assert found.checked_on([scene()]) == ("1 point counted",)


def test_points_that_meet_nothing_are_told_with_both_places():
    with pytest.raises(LabelError, match=r"no point lies on the imagery\. Image tiny: longitude"):
        density(at((900, 3))).checked_on([scene()])
    areas = [box(LEFT, TOP - 30, LEFT + 30, TOP)]
    with pytest.raises(LabelError, match="none inside labels: areas, so every density would be 0"):
        density(at((6.5, 5.5)), areas).checked_on([scene()])
    assert density(at((0.5, 0.5), (99, 0))).checked_on([scene()]) == (
        "1 point counted", "1 point outside all scenes",
    )  # fmt: skip
    with pytest.raises(LabelError, match="image without a CRS"):
        density(at((0, 0))).counts(tiny_geobox(4, 4, crs=None))
