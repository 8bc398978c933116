"""Splits by a column, by regions, by date and at random."""

import datetime
import itertools
from dataclasses import replace
from typing import get_args

import geopandas as gpd
import numpy as np
import pytest
import shapely

from covermap.chips.audit import audit, require_passed
from covermap.chips.settings import SplitSettings
from covermap.chips.split import KINDS
from covermap.chips.split_date import period_of
from covermap.chips.split_file import read_split, write_split
from covermap.core.errors import LabelError, SplitError
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from drawings import drawing, saved
from prepared import noisy_scene, prepared
from small_pictures import Everywhere, pictures
from tiny import ArrayScene, tiny_geobox

SIDE = 128
BOX = tiny_geobox(SIDE, SIDE)
CELLS = [(r + 2, c + 2, 6, 6) for r in range(0, SIDE, 16) for c in range(0, SIDE, 16)]
NAMES = ["forest", "water", "urban"]


def drawn(tmp_path, **columns):
    """A polygon every 16 pixels, class by number, with more columns."""
    table = drawing(CELLS, [NAMES[n % 3] for n in range(len(CELLS))], geobox=BOX)
    for name, values in columns.items():
        table[name] = [values[n % len(values)] for n in range(len(CELLS))]
    path = saved(tmp_path / "labels.gpkg", table)
    return read_polygons(LabelSettings(path=str(path), attribute="cover"), tmp_path)


def region_file(tmp_path, number, names=None, west=0.0):
    """Stripes from west to east over the scene."""
    left, top = BOX.affine @ (0, 0)
    right, bottom = BOX.affine @ (SIDE, SIDE)
    edges = np.linspace(left + west, right, number + 1)
    shapes = [shapely.box(a, bottom, b, top) for a, b in itertools.pairwise(edges)]
    table = gpd.GeoDataFrame({"name": names or range(number)}, geometry=shapes, crs=str(BOX.crs))
    saved(tmp_path / "regions.gpkg", table.to_crs(4326))
    return "regions.gpkg"


def test_every_kind_that_a_project_may_name_exists():
    assert set(get_args(SplitSettings.model_fields["by"].annotation)) == set(KINDS)


@pytest.mark.parametrize(("owners", "scheme"), [(20, "holdout"), (6, "kfold")])
def test_polygons_of_one_value_stay_together(tmp_path, owners, scheme):
    values = [f"owner {n}" for n in range(owners)]
    labels = drawn(tmp_path, owner=values)
    run = prepared([noisy_scene(BOX)], labels, by="attribute", attribute="owner")
    assert run.split.scheme == scheme
    parts = run.split.ground.part_of_source[:-1]
    for owner in range(owners):
        assert len(set(parts[owner::owners].tolist())) == 1
    assert len(set(parts.tolist())) >= 3
    assert run.split.assessed == ("forest", "urban", "water")
    assert audit(run.viewer, run.chips, run.split).passed


def test_polygons_without_a_value_stay_together_and_are_told(tmp_path):
    labels = drawn(tmp_path, owner=[None, *(f"owner {n}" for n in range(15))])
    run = prepared([noisy_scene(BOX)], labels, by="attribute", attribute="owner")
    assert len(set(run.split.ground.part_of_source[:-1:16].tolist())) == 1
    assert run.split.reasons[-1] == "4 polygons without a value stay together"


@pytest.mark.parametrize(
    ("owners", "column", "message"),
    [
        (["a", "b"], "ower", r"no column 'ower'; did you mean 'owner'"),
        (["a"], "owner", r"by attribute: all polygons of .* have one value"),
    ],
)
def test_a_column_that_holds_nothing_out_is_an_error(tmp_path, owners, column, message):
    labels = drawn(tmp_path, owner=owners)
    with pytest.raises(SplitError, match=message):
        prepared([noisy_scene(BOX)], labels, by="attribute", attribute=column)


def test_masks_have_no_columns():
    with pytest.raises(SplitError, match="by attribute needs drawn polygons"):
        prepared(pictures(4), Everywhere(), by="attribute", attribute="owner")


@pytest.mark.parametrize(("number", "scheme"), [(16, "holdout"), (4, "kfold")])
def test_regions_are_held_out_whole(tmp_path, number, scheme):
    scenes = [noisy_scene(BOX)]
    regions = region_file(tmp_path, number)
    run = prepared(scenes, Everywhere(), by="region", regions=regions, base=tmp_path)
    assert run.split.scheme == scheme
    target = run.labels.burn(BOX, "tiny")
    parts = run.split.ground.standing_on(BOX, target, "tiny")
    groups = run.split.ground.group_numbers(BOX, target, "tiny")
    expected = np.arange(SIDE) * number // SIDE
    # The borders of the file are of degrees: a pixel's breadth may differ there.
    assert (groups == expected).mean() > 0.98
    for group in range(number):
        assert len(np.unique(parts[groups == group])) == 1
    assert audit(run.viewer, run.chips, run.split).passed
    write_split(tmp_path / "split.json", run.split)
    again = read_split(tmp_path / "split.json")
    assert np.array_equal(again.ground.standing_on(BOX, target, "tiny"), parts)


def test_regions_of_one_value_are_one(tmp_path):
    names = ["north", "south", "east", "west"] * 4
    regions = region_file(tmp_path, 16, names)
    run = prepared(
        [noisy_scene(BOX)], Everywhere(), by="region", regions=regions, attribute="name",
        base=tmp_path,
    )  # fmt: skip
    found = run.split.ground.regions
    assert [found.part_of[found.region_of[n]] for n in range(4)] == [
        found.part_of[found.region_of[n + 4]] for n in range(4)
    ]
    assert "values of 'name' in regions.gpkg" in " ".join(run.split.reasons)


def test_labels_outside_all_regions_are_not_used(tmp_path):
    regions = region_file(tmp_path, 4, west=320.0)
    run = prepared([noisy_scene(BOX)], Everywhere(), by="region", regions=regions, base=tmp_path)
    assert run.split.reasons[-1] == "4,096 labelled pixels lie outside all regions and are not used"
    assert run.chips["col_off"].min() == 32


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"regions": "no.gpkg"}, r"no\.gpkg: no such file; check split: regions"),
        ({"regions": "regions.gpkg", "attribute": "nam"}, r"no column 'nam'; did you mean 'name'"),
    ],
)
def test_regions_that_cannot_be_read_are_an_error(tmp_path, split, message):
    region_file(tmp_path, 4)
    with pytest.raises(SplitError, match=message):
        prepared([noisy_scene(BOX)], Everywhere(), by="region", base=tmp_path, **split)


def test_of_several_layers_of_regions_none_is_taken_silently(tmp_path):
    table = gpd.read_file(tmp_path / region_file(tmp_path, 4))
    saved(tmp_path / "two.gpkg", table, layer="one")
    saved(tmp_path / "two.gpkg", table, layer="other")
    with pytest.raises(LabelError, match=r"2 layers \(one, other\); split: regions is a file"):
        prepared([noisy_scene(BOX)], Everywhere(), by="region", regions="two.gpkg", base=tmp_path)


def test_pictures_lie_in_no_region(tmp_path):
    region_file(tmp_path, 4)
    with pytest.raises(SplitError, match=r"without a CRS; use split: \{by: list\}"):
        prepared(pictures(4), Everywhere(), by="region", regions="regions.gpkg", base=tmp_path)


def dated(crs=None):
    days = ["2022-06-01", "2022-12-24", "2023-02-01", "2023-06-05", "2023-06-20", "2024-07-01"]
    return [
        replace(scene, date=datetime.date.fromisoformat(day))
        for scene, day in zip(pictures(6, crs), days, strict=True)
    ]


def test_scenes_of_named_dates_are_held_out():
    run = prepared(
        dated(), Everywhere(), by="date", train=["2022", "2023-02"], test=["2023-06-05", "2024"]
    )
    parts = run.chips.groupby("scene")["split"].first().to_dict()
    assert parts == {"p0": "train", "p1": "train", "p2": "train", "p3": "test", "p5": "test"}
    assert "1 of 6 scenes are of no named date" in run.split.reasons[1]


def test_scenes_of_one_season_stay_together():
    run = prepared(dated(), Everywhere(), by="date", period="season")
    parts = run.chips.groupby("scene")["split"].first()
    assert parts["p1"] == parts["p2"]
    assert parts["p3"] == parts["p4"]
    assert len(run.split.trainings) == 4 + 1
    assert period_of(datetime.date(2023, 3, 1), "season") == "2023-spring"
    assert period_of(datetime.date(2023, 3, 1), "month") == "2023-03"


def test_another_date_does_not_make_ground_new():
    scenes = dated(crs=32633)
    scenes[3] = replace(scenes[3], geobox=scenes[0].geobox)
    run = prepared(scenes, Everywhere(), by="date", train=["2022"], test=["2023"])
    with pytest.raises(SplitError, match=r"4,096 scored pixels"):
        require_passed(audit(run.viewer, run.chips, run.split), allow_leak=False)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": ["2021"], "test": ["2023"]}, r"train: no scenes of '2021'; there are 2022-06"),
        ({"train": ["2023"], "test": ["2023-06"]}, r"test: '2023-06' holds 2023-06-05.*in train"),
        ({"train": ["2023"]}, r"no scenes for test"),
    ],
)
def test_dates_that_cannot_be_meant_are_an_error(split, message):
    with pytest.raises(SplitError, match=message):
        prepared(dated(), Everywhere(), by="date", **split)


def test_a_scene_without_a_date_is_an_error():
    with pytest.raises(SplitError, match=r"'p0' has no date; give it one: imagery"):
        prepared(pictures(3), Everywhere(), by="date")


class Stack(ArrayScene):
    """Pictures of many dates, from the first of May on: no date, but a first and a last day."""

    @property
    def days(self):
        return self.date, self.date + datetime.timedelta(days=100)


def stacks():
    first = [datetime.date(year, 5, 1) for year in (2020, 2021, 2021, 2022, 2022, 2023)]
    made = [
        Stack(scene.values, scene.valid, scene.geobox, scene.bands, scene.name, day)
        for scene, day in zip(pictures(6), first, strict=True)
    ]
    assert made[0].days == (datetime.date(2020, 5, 1), datetime.date(2020, 8, 9))
    return made


def test_stacks_of_dates_are_held_out_by_a_time_that_holds_all_of_theirs():
    run = prepared(stacks(), Everywhere(), by="date", train=["2020", "2021"], test=["2023"])
    parts = run.chips.groupby("scene")["split"].first().to_dict()
    assert parts == {"p0": "train", "p1": "train", "p2": "train", "p5": "test"}
    run = prepared(stacks(), Everywhere(), by="date", period="year")
    parts = run.chips.groupby("scene")["split"].first()
    assert parts["p1"] == parts["p2"]
    assert parts["p3"] == parts["p4"]
    with pytest.raises(SplitError, match=r"'p0' holds .* 2020-08-09.* several seasons"):
        prepared(stacks(), Everywhere(), by="date", period="season")
    for text in ("2020-05", "spring"):
        with pytest.raises(SplitError, match=rf"no scenes of '{text}'"):
            prepared(stacks(), Everywhere(), by="date", train=[text], test=["2023"])


def test_polygons_may_have_dates(tmp_path):
    labels = drawn(tmp_path, seen=["2022-05-01", "2023-05-01", "2023/06/01", "2024-01-01"])
    run = prepared(
        [noisy_scene(BOX)], labels, by="date", attribute="seen", train=["2022", "2024"], test=2023
    )
    assert run.split.ground.part_of_source[:4].tolist() == [0, 2, 2, 0]
    assert audit(run.viewer, run.chips, run.split).passed
    with pytest.raises(SplitError, match="'soon' in column 'seen', row 1, is no date"):
        prepared(
            [noisy_scene(BOX)], drawn(tmp_path / "b", seen=["soon"]), by="date", attribute="seen"
        )


def test_random_chips_share_no_pixel_and_are_called_leaky():
    scenes = [noisy_scene(tiny_geobox(256, 256))]
    run = prepared(scenes, Everywhere(), by="random")
    codes = np.array([part for part, _ in run.split.ground.blocks.values()])
    assert np.bincount(codes).tolist() == [44, 10, 10]
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    assert found.leaky == "chips touch"
    (item,) = found.trainings
    assert item.shared_pixels == 0
    assert item.scored_pixels == 10 * 32 * 32
    assert item.least_distance_m == pytest.approx(10, rel=1e-3)
    assert 8 <= item.touching_chips <= 10
    assert any("LEAKY, chips were drawn at random" in line for line in found.lines())
    require_passed(found, allow_leak=False)


def test_random_pictures_of_one_chip_each_touch_nothing():
    run = prepared(pictures(20), Everywhere(), size=64, by="random")
    found = audit(run.viewer, run.chips, run.split)
    assert found.leaky is None
    assert audit(run.viewer, run.chips, replace(run.split, at_random=False)).leaky is None


def test_blocks_with_a_buffer_are_not_leaky():
    run = prepared([noisy_scene(tiny_geobox(256, 256))], Everywhere(), by="blocks")
    assert audit(run.viewer, run.chips, run.split).leaky is None


def test_one_chip_cannot_be_drawn_from():
    with pytest.raises(SplitError, match=r"only 1 chips of 64 px hold labels; use smaller ones"):
        prepared(pictures(1), Everywhere(), size=64, by="random")
