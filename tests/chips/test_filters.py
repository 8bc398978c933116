"""Which windows are left out, and why."""

from dataclasses import replace

import numpy as np
import pytest

from covermap.chips.contents import Contents, read_contents
from covermap.chips.filters import Selection, reason_counts, reasons_against, select
from covermap.chips.placing import Placement, placements
from covermap.chips.scan import CELL, scan
from covermap.chips.settings import ChipSettings
from covermap.core.errors import ProjectError, SplitError
from covermap.core.grid import Window
from covermap.core.legend import Legend
from drawings import polygons, scattered
from prepared import CHANNELS, noisy_scene, prepared
from tiny import tiny_geobox

HEIGHT, WIDTH = 128, 150
BOX = tiny_geobox(HEIGHT, WIDTH)
LEGEND = Legend.of({1: "corn", 2: "water"})


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    cells = [*scattered(30, HEIGHT, WIDTH, seed=3), (110, 140, 10, 9)]
    classes = np.resize(["corn", "water", "urban"], len(cells))
    labels = polygons(tmp_path_factory.mktemp("run") / "a.gpkg", cells, classes, geobox=BOX)
    cloudy = np.zeros((HEIGHT, WIDTH), bool)
    cloudy[:, :40] = True
    return replace(noisy_scene(BOX, invalid=0.2), cloudy=cloudy), labels


def contents(pixels=2500, valid=2500, cloud=0.0, by_class=(100, 0)):
    """A window of 50 x 50 px with these counts."""
    scene = noisy_scene(tiny_geobox(50, 50))
    return Contents(
        scene, Window(0, 0, 50, pixels // 50), valid / pixels, cloud, sum(by_class),
        np.array(by_class),
    )  # fmt: skip


@pytest.mark.parametrize(("usable", "why"), [(1250, ()), (1249, ("min_valid",))])
def test_half_of_the_pixels_is_enough_and_one_less_is_not(usable, why):
    assert reasons_against(contents(valid=usable), ChipSettings(min_valid=0.5), LEGEND) == why


def test_cloud_at_the_limit_passes():
    settings = ChipSettings(max_cloud=0.15)
    assert reasons_against(contents(cloud=0.15), settings, LEGEND) == ()
    assert reasons_against(contents(cloud=0.1504), settings, LEGEND) == ("max_cloud",)


def test_a_class_must_be_on_more_than_its_share():
    settings = ChipSettings(classes={"water": 0.05})
    assert reasons_against(contents(by_class=(95, 5)), settings, LEGEND) == ("classes",)
    assert reasons_against(contents(by_class=(94, 6)), settings, LEGEND) == ()
    any_of = ChipSettings(classes=["corn", "water"])
    assert reasons_against(contents(by_class=(0, 1)), any_of, LEGEND) == ()


def test_all_reasons_are_told():
    settings = ChipSettings(min_valid=0.9, max_cloud=0.1, min_labelled=0.5, classes=["water"])
    bad = contents(valid=100, cloud=0.5, by_class=(0, 0))
    assert reasons_against(bad, settings, LEGEND) == (
        "min_valid", "max_cloud", "min_labelled", "classes", "no usable label"
    )  # fmt: skip


def test_the_commonest_reason_comes_first():
    counts = reason_counts([["b"], ["a", "c"], ["c"], ["c", "b"]])
    assert list(counts.items()) == [("c", 3), ("b", 2), ("a", 1)]


def test_contents_are_what_counting_the_window_gives(ground):
    scene, labels = ground
    found = read_contents(scene, labels, CHANNELS, Window(96, 128, 64, 64))
    cut = (slice(96, 128), slice(128, 150))
    target, usable = labels.burn(BOX), scene.valid.all(axis=0)[cut]
    assert (found.cut, found.pixels) == (Window(96, 128, 32, 22), 32 * 22)
    assert found.share_valid == pytest.approx(usable.mean())
    assert found.labelled == target.labelled[cut].sum() > 0
    held = target.index[cut][target.labelled[cut] & usable]
    assert found.by_class.tolist() == np.bincount(held, minlength=3).tolist()


def test_windows_are_parted_into_kept_and_rejected(ground):
    scene, labels = ground
    settings = ChipSettings(max_cloud=0.15, stride=16)
    item = scan(scene, labels, CHANNELS)
    places = placements([scene], [item], labels, settings, 32, 0)
    found = select(places, [scene], labels, CHANNELS, settings)
    assert {place.window.col_off for place in found.kept} == set(range(48, WIDTH - 16, 16))
    cloudy = {window.contents.cut.col_off for window in found.rejected}
    assert cloudy == {0, 16, 32}
    assert {reason for item in found.rejected for reason in item.reasons} == {"max_cloud"}


def test_ground_of_rejected_windows_is_not_dealt_out(ground):
    scene, labels = ground
    run = prepared([scene], labels, chips=ChipSettings(max_cloud=0.15), by="blocks")
    columns = {col for _, col in run.split.ground.blocks}
    assert columns == {2, 3, 4}
    cloudy = run.rejected[run.rejected["reason"] == "max_cloud"]
    assert set(cloudy["col_off"]) == {0, 32}
    assert run.chips["col_off"].min() == 64
    full = prepared([scene], labels, by="blocks")
    windows = set(zip(full.chips["row_off"], full.chips["col_off"], strict=True))
    parted = [
        set(zip(table["row_off"], table["col_off"], strict=True))
        for table in (run.chips, run.rejected)
    ]
    assert parted[0] | parted[1] >= windows
    assert not parted[0] & parted[1]


def test_each_kept_window_is_looked_at_for_its_own_scene_alone(ground):
    scene, labels = ground
    item = scan(scene, labels, CHANNELS)
    asked = []

    class Counted(Placement):
        def __getattribute__(self, name):
            if name == "scene":
                asked.append(name)
            return super().__getattribute__(name)

    scenes = [replace(scene, name=f"s{n}") for n in range(40)]
    places = tuple(Counted(f"s{n}", Window(0, 32 * n % 96, 32, 32)) for n in range(40))
    asked.clear()
    left = Selection(places, ("something",)).within([item] * 40, scenes)
    assert len(asked) == len(places)
    for scan_, place in zip(left, places, strict=True):
        cells = scan_.cells[:, :2]
        assert (cells == (0, place.window.col_off // CELL)).all()


def test_cells_cut_by_the_border_stay_with_their_window(ground):
    scene, labels = ground
    item = scan(scene, labels, CHANNELS)
    edge = Window(HEIGHT - 32, WIDTH - 32, 32, 32)
    settings = ChipSettings(min_valid=0.01)
    selection = select([Placement("tiny", edge)], [scene], labels, CHANNELS, settings)
    (all_kept,) = selection.within([item], [scene])
    assert len(all_kept.counts) == len(item.counts)
    rejected = replace(selection, rejected=("something",))
    (left,) = rejected.within([item], [scene])
    assert np.unique(left.counts[:, :2], axis=0).tolist() == [[3, WIDTH // CELL]]


def test_nothing_left_names_the_filters(ground):
    scene, labels = ground
    settings = ChipSettings(min_labelled=0.9, max_cloud=0.9)
    with pytest.raises(SplitError, match=r"none of the \d+ windows.*min_labelled: 0.9 refuses"):
        prepared([scene], labels, chips=settings)


def test_an_unknown_class_is_named_with_the_nearest(ground):
    scene, labels = ground
    with pytest.raises(ProjectError, match=r"'watr'.*did you mean 'water'"):
        prepared([scene], labels, chips=ChipSettings(classes=["watr"]))


def test_cloud_cannot_be_filtered_without_a_quality_layer(ground):
    scene, labels = ground
    with pytest.raises(ProjectError, match=r"max_cloud: 0.15.*no scene has a quality layer"):
        prepared([replace(scene, cloudy=None)], labels, chips=ChipSettings(max_cloud=0.15))
