"""Where chips lie."""

import numpy as np
import pytest

from covermap.chips.placing import placements
from covermap.chips.scan import CELL, scan
from covermap.chips.settings import ChipSettings
from covermap.core.errors import ProjectError
from covermap.core.grid import Window, whole
from drawings import polygons, scattered
from prepared import CHANNELS, noisy_scene
from tiny import tiny_geobox

HEIGHT, WIDTH = 150, 210
BOX = tiny_geobox(HEIGHT, WIDTH)
SIZE = 64
PLACES = ({"stride": 24}, {"place": "random"}, {"place": "around-labels"}, {"place": "whole"})


@pytest.fixture(scope="module", params=[False, True], ids=["polygons", "complete"])
def ground(tmp_path_factory, request):
    """A scene, its labels and their scan; one polygon is larger than a chip."""
    cells = [*scattered(9, HEIGHT - 80, WIDTH, seed=5), (75, 3, 70, 150)]
    labels = polygons(
        tmp_path_factory.mktemp("ground") / "a.gpkg", cells, ["a", "b"] * 5, geobox=BOX,
        complete=request.param,
    )  # fmt: skip
    scene = noisy_scene(BOX, invalid=0.1)
    return scene, labels, scan(scene, labels, CHANNELS)


def placed(ground, size=SIZE, seed=0, **chips):
    scene, labels, item = ground
    return placements([scene], [item], labels, ChipSettings(**chips), size, seed)


@pytest.mark.parametrize("chips", [{}, *PLACES], ids=str)
def test_every_labelled_pixel_lies_in_a_window_that_may_be_scored(ground, chips):
    seen = np.zeros((HEIGHT, WIDTH), bool)
    for place in placed(ground, **chips):
        if place.use != "teach":
            seen[place.window.slices] = True
    assert seen[ground[1].burn(BOX).labelled].all()


@pytest.mark.parametrize("chips", [{}, *PLACES], ids=str)
def test_windows_begin_inside_come_once_and_always_the_same(ground, chips):
    found = placed(ground, **chips)
    assert found == placed(ground, **chips)
    assert len(set(found)) == len(found)
    assert all(place.window.intersection(whole(BOX)) for place in found)
    assert all(place.window.row_off >= 0 and place.window.col_off >= 0 for place in found)


def test_a_grid_is_the_chips_of_the_scan(ground):
    corners = [(p.window.row_off // SIZE, p.window.col_off // SIZE) for p in placed(ground)]
    assert corners == [tuple(chip) for chip in ground[2].chips(SIZE).tolist()]
    assert placed(ground) == placed(ground, stride=SIZE)


def test_a_stride_moves_windows_until_the_last_reaches_the_border(ground):
    rows = {place.window.row_off for place in placed(ground, stride=24)}
    assert rows <= {0, 24, 48, 72, 96}
    assert 96 in rows


def test_random_windows_hold_a_labelled_cell_and_the_seed_decides(ground):
    found = [p for p in placed(ground, place="random", count=40) if p.use == "teach"]
    assert 30 <= len(found) <= 40
    cells = {tuple(cell) for cell in ground[2].counts[:, :2].tolist()}
    for place in found:
        row, col = place.window.row_off, place.window.col_off
        assert 0 <= row <= HEIGHT - SIZE
        assert 0 <= col <= WIDTH - SIZE
        held = {
            (r, c)
            for r in range(row // CELL, (row + SIZE - 1) // CELL + 1)
            for c in range(col // CELL, (col + SIZE - 1) // CELL + 1)
        }
        assert held & cells
    assert len({(p.window.row_off % CELL, p.window.col_off % CELL) for p in found}) > 10
    other = placed(ground, place="random", count=40, seed=1)
    assert [p for p in other if p.use == "teach"] != found


def test_as_many_random_windows_as_a_grid_has_when_no_count_is_given(ground):
    found = [place.use for place in placed(ground, place="random")]
    assert 0 < found.count("teach") <= len(ground[2].chips(SIZE))


def test_a_polygon_lies_in_the_middle_of_its_window(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", [(70, 90, 10, 21)], ["a"], geobox=BOX)
    scene = noisy_scene(BOX)
    ground = scene, labels, scan(scene, labels, CHANNELS)
    (place,) = placed(ground, place="around-labels")
    assert place.window == Window(75 - 32, 100 - 32, SIZE, SIZE)


def test_a_polygon_at_the_border_gets_a_window_inside(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", [(0, 205, 4, 20)], ["a"], geobox=BOX)
    scene = noisy_scene(BOX)
    (place,) = placed((scene, labels, scan(scene, labels, CHANNELS)), place="around-labels")
    assert place.window == Window(0, WIDTH - SIZE, SIZE, SIZE)


def test_a_polygon_larger_than_a_chip_gets_several_side_by_side(tmp_path):
    labels = polygons(tmp_path / "a.gpkg", [(10, 20, 50, 100)], ["a"], geobox=BOX)
    scene = noisy_scene(BOX)
    found = placed((scene, labels, scan(scene, labels, CHANNELS)), place="around-labels")
    assert [place.window for place in found] == [
        Window(3, 6, SIZE, SIZE), Window(3, 70, SIZE, SIZE)
    ]  # fmt: skip


def test_whole_scenes_are_one_window_of_the_largest_ones_size(tmp_path):
    scenes = [noisy_scene(BOX, "large"), noisy_scene(tiny_geobox(100, 90), "small")]
    labels = polygons(tmp_path / "a.gpkg", [(5, 5, 9, 9)], ["a"], geobox=BOX)
    scans = [scan(scene, labels, CHANNELS) for scene in scenes]
    found = placements(scenes, scans, labels, ChipSettings(place="whole"), 32, 0)
    assert [(p.scene, p.window) for p in found] == [
        ("large", Window(0, 0, 224, 224)), ("small", Window(0, 0, 224, 224))
    ]  # fmt: skip


def test_scenes_too_large_for_a_chip_are_refused(ground, monkeypatch):
    monkeypatch.setattr("covermap.chips.placing._LARGEST_WHOLE", 200)
    with pytest.raises(ProjectError, match=r"tiny is 210 x 150 px.*place: grid"):
        placed(ground, place="whole")


def test_a_stride_larger_than_the_size_that_was_chosen_is_refused(ground):
    with pytest.raises(ProjectError, match="stride: 64 or less"):
        placed(ground, stride=65)
