"""Which ground trains, validates and is scored; what becomes of few labels."""

import numpy as np
import pandas as pd
import pytest

from covermap.chips.audit import audit
from covermap.chips.parts import SplitCase
from covermap.chips.scan import Scan, scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split import auto_chip_size, decide_split
from covermap.core.errors import SplitError
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from drawings import drawing, polygons, saved, scattered
from prepared import CHANNELS, noisy_scene, prepared
from tiny import tiny_geobox

SIDE = 192
BOX = tiny_geobox(SIDE, SIDE)


def case(tmp_path, cells, classes, complete=False, side=SIDE):
    box = tiny_geobox(side, side)
    labels = polygons(tmp_path / "a.gpkg", cells, classes, geobox=box, complete=complete)
    scene = noisy_scene(box)
    return [scene], [scan(scene, labels, CHANNELS)], labels


def grid_cells(step, side=8, extent=SIDE):
    return [
        (r + 3, c + 3, side, side) for r in range(0, extent, step) for c in range(0, extent, step)
    ]


def alternating(cells, names=("forest", "water", "urban")):
    return [names[number % len(names)] for number in range(len(cells))]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Scenes, scans and labels with a polygon every 16 px."""
    cells = grid_cells(16)
    return case(tmp_path_factory.mktemp("many"), cells, alternating(cells))


def decide(scenes, scans, labels, size=32, seed=0, **split):
    return decide_split(SplitCase(scenes, scans, labels, SplitSettings(**split), size, seed))


@pytest.mark.parametrize("by", ["auto", "blocks", "polygons"])
def test_folds_that_are_asked_for_are_made(many, by):
    split = decide(*many, by=by, folds=3)
    assert split.scheme == "kfold"
    assert split.ground.kind == ("blocks" if by == "blocks" else "polygons")
    assert [training.name for training in split.trainings] == ["fold1", "fold2", "fold3", "final"]
    assert split.reasons[0] == "asked for by the project"
    if by == "blocks":
        parts = [part for part, _ in split.ground.blocks.values()]
        assert np.bincount(parts).min() >= 10


def test_folds_of_blocks_that_are_not_there_are_refused(many):
    with pytest.raises(SplitError, match="folds: 5 needs as many blocks with labels, and there ar"):
        decide(*many, size=96, by="blocks", folds=5)


def test_by_itself_no_block_is_left_out_at_a_time(tmp_path):
    scenes, scans, labels = case(tmp_path, grid_cells(16), alternating(grid_cells(16)), True)
    with pytest.raises(SplitError, match="folds: each leaves out one image or group at a time"):
        decide(scenes, scans, labels, folds="each")


def test_many_labels_are_split_by_blocks_into_three_parts(many):
    scenes, scans, labels = many
    split = decide(scenes, scans, labels)
    assert split.scheme == "holdout"
    assert split.ground.kind == "blocks"
    assert split.ground.parts == ("train", "val", "test")
    assert split.assessed == ("forest", "urban", "water")
    (training,) = split.trainings
    assert (training.train, training.validate, training.score) == (("train",), ("val",), ("test",))
    numbers = np.bincount([part for part, _ in split.ground.blocks.values()])
    assert numbers.sum() == 36
    assert numbers.tolist() == pytest.approx([25, 5.5, 5.5], abs=2)


def test_the_same_seed_gives_the_same_split_and_another_another(many):
    scenes, scans, labels = many
    first, second, other = (decide(scenes, scans, labels, seed=seed) for seed in (0, 0, 1))
    assert first.ground.blocks == second.ground.blocks
    assert first.ground.blocks != other.ground.blocks


def test_asked_fractions_are_kept_and_a_part_may_be_empty(many):
    scenes, scans, labels = many
    split = decide(scenes, scans, labels, fractions={"train": 0.5, "val": 0.0, "test": 0.5})
    codes = [part for part, _ in split.ground.blocks.values()]
    assert codes.count(1) == 0
    assert codes.count(2) == pytest.approx(18, abs=2)


@pytest.mark.parametrize(
    ("cells", "classes", "why"),
    [
        (grid_cells(64), alternating(grid_cells(64)), "polygons would be tested"),
        (
            [(3, 3, 9, 9), (3, 40, 9, 9), (80, 9, 9, 9), (90, 90, 9, 9)],
            ["a", "a", "b", "b"],
            "fewer",
        ),
        (grid_cells(16), ["rare", "rare", *alternating(grid_cells(16))[2:]], "rare (1)"),
    ],
)
def test_few_labels_get_a_fold_for_every_polygon(tmp_path, cells, classes, why):
    scenes, scans, labels = case(tmp_path, cells, classes)
    split = decide(scenes, scans, labels)
    assert split.scheme == "kfold"
    assert split.ground.kind == "polygons"
    assert why in split.reasons[0]
    folds = len(split.trainings) - 1
    assert 2 <= folds <= 5
    parts = (*(f"fold{n + 1}" for n in range(folds)), "train")
    for number, training in enumerate(split.trainings[:-1]):
        assert training.score == (parts[number],)
        assert training.validate == ()
        assert set(training.train) == set(parts) - {parts[number]}
    last = split.trainings[-1]
    assert (last.name, last.train, last.score) == ("final", parts, ())


def test_polygons_on_the_same_ground_are_in_one_fold(tmp_path):
    cells = grid_cells(24)
    shifted = [(row + 2, col + 2, height, width) for row, col, height, width in cells]
    classes = alternating(cells)
    scenes, scans, labels = case(tmp_path, [*cells, *shifted], [*classes, *classes])
    split = decide(scenes, scans, labels, by="polygons")
    number = len(cells)
    parts = split.ground.part_of_source
    assert np.array_equal(parts[:number], parts[number : 2 * number])
    groups = split.ground.group_of_source
    assert np.array_equal(groups[:number], groups[number : 2 * number])
    assert len(np.unique(groups[:number])) == number
    assert (parts[-1], groups[-1]) == (-1, -1)


def test_polygons_that_only_touch_are_groups_of_their_own(tmp_path):
    cells = [(r, c, 8, 8) for r in range(0, 64, 8) for c in range(0, 64, 8)]
    scenes, scans, labels = case(tmp_path, cells, alternating(cells), side=64)
    split = decide(scenes, scans, labels, by="polygons")
    assert len(np.unique(split.ground.group_of_source[:-1])) == 64


@pytest.mark.parametrize("by", ["blocks", "polygons"])
def test_a_class_met_in_one_place_only_stays_in_training(tmp_path, by):
    cells = grid_cells(24)
    classes = ["lonely", *alternating(cells)[1:]]
    scenes, scans, labels = case(tmp_path, cells, classes)
    split = decide(scenes, scans, labels, by=by)
    assert "lonely" not in split.assessed
    assert len(split.assessed) == 3
    if by == "polygons":
        home = split.ground.parts[split.ground.part_of_source[0]]
    else:
        home = split.ground.parts[split.ground.blocks[0, 0][0]]
    assert home == "train"
    assert all("train" in training.train for training in split.trainings)
    assert not any("train" in training.score for training in split.trainings if by == "polygons")


def test_fewer_than_two_classes_to_assess_are_an_error(tmp_path):
    cells = grid_cells(48)
    scenes, scans, labels = case(tmp_path, cells, ["forest"] * (len(cells) - 1) + ["water"])
    with pytest.raises(SplitError, match=r"at least two classes.*only 'forest' of forest, water"):
        decide(scenes, scans, labels)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_asked_folds_are_made(many, folds):
    scenes, scans, labels = many
    split = decide(scenes, scans, labels, by="polygons", folds=folds)
    assert len(split.trainings) == folds + 1
    assert set(split.ground.part_of_source[:-1].tolist()) == set(range(folds))


@pytest.mark.parametrize("by", ["polygons", "auto"])
def test_more_folds_than_can_be_told_apart_are_an_error(tmp_path, by):
    cells = grid_cells(24)
    classes = ["rare", *alternating(cells)[1:]]
    scenes, scans, labels = case(tmp_path, cells, classes)
    with pytest.raises(SplitError, match=r"folds: each makes \d+ folds.*at most 31.*folds: 5"):
        decide(scenes, scans, labels, by=by, folds="each")
    scenes, scans, labels = case(tmp_path, cells[:31], alternating(cells[:31]))
    split = decide(scenes, scans, labels, by="polygons", folds="each")
    assert len(split.ground.parts) == 32


def test_a_complete_drawing_is_folded_by_blocks(tmp_path):
    cells = [(10, 10, 30, 30), (100, 100, 40, 40)]
    scenes, scans, labels = case(tmp_path, cells, ["crop", "crop"], complete=True)
    split = decide(scenes, scans, labels, size=64)
    assert set(split.assessed) == {"background", "crop"}
    with pytest.raises(SplitError, match="by: blocks"):
        decide(scenes, scans, labels, by="polygons")


def test_a_small_polygon_across_a_border_has_its_home_where_most_of_it_lies(tmp_path):
    cells = [*grid_cells(16), (40, 28, 4, 10)]
    scenes, scans, labels = case(tmp_path, cells, [*alternating(grid_cells(16)), "water"])
    split = decide(scenes, scans, labels, by="blocks")
    # Columns 28 to 31 lie in block 0, columns 32 to 37 in block 1.
    assert split.ground.part_of_source[len(cells) - 1] == split.ground.blocks[1, 1][0]


@pytest.mark.parametrize(
    ("split", "pixels"),
    [
        ({"by": "blocks"}, 4),
        ({"by": "polygons"}, 1),
        ({"by": "blocks", "buffer_m": 25}, 3),
        ({"by": "blocks", "buffer_m": 0}, 0),
    ],
)
def test_the_buffer_is_told_in_metres_and_kept_in_pixels(many, split, pixels):
    scenes, scans, labels = many
    assert decide(scenes, scans, labels, **split).ground.buffer_px == pixels


@pytest.mark.parametrize(
    "boxes",
    [
        [tiny_geobox(128, 128, crs=4326)],
        [tiny_geobox(96, 96), tiny_geobox(160, 160, resolution=5).translate_pix(2000, 0)],
    ],
)
def test_labels_that_teach_keep_the_asked_metres_on_every_scene(tmp_path, boxes):
    cells = [grid_cells(8, extent=int(box.shape[0])) for box in boxes]
    tables = [
        drawing(own, alternating(own), geobox=box) for own, box in zip(cells, boxes, strict=True)
    ]
    saved(tmp_path / "all.gpkg", pd.concat(tables))
    labels = read_polygons(LabelSettings(path="all.gpkg", attribute="cover"), tmp_path)
    scenes = [noisy_scene(box, f"s{place}") for place, box in enumerate(boxes)]
    made = prepared(scenes, labels, by="blocks", buffer_m=67)
    found = audit(made.viewer, made.chips, made.split)
    distances = [item.least_distance_m for item in found.trainings if item.scored_pixels]
    assert distances
    assert min(distances) >= 67


def scan_of(cells):
    counts = np.array([[row, col, 0, 0, 1] for row, col in cells])
    return Scan(np.empty((0, 5), np.int64), counts, len(cells))


@pytest.mark.parametrize(
    ("side", "cells"),
    [
        (3000, [(r, c) for r in range(93) for c in range(93)]),
        (500, [(r, c) for r in range(15) for c in range(15)]),
        (500, [(0, 0), (3, 3), (9, 9)]),
        (64, [(0, 0), (1, 1)]),
        (20, [(0, 0)]),
    ],
)
def test_auto_chips_are_as_large_as_leaves_enough_groups(side, cells):
    scene = noisy_scene(tiny_geobox(side, side)) if side < 600 else None
    if scene is None:

        class Large:
            geobox = tiny_geobox(side, side)

        scene = Large()
    item = scan_of(cells)
    size = auto_chip_size([scene], [item])
    assert size % 32 == 0
    assert 32 <= size <= 256
    smallest = max(32, min(256, side // 32 * 32))
    assert size <= smallest
    if len(item.chips(32)) >= 8:
        assert len(item.chips(size)) >= 8


def test_labels_of_a_second_date_make_no_new_blocks(many):
    scenes, scans, labels = many
    one = decide(scenes, scans, labels)
    two = decide([*scenes, noisy_scene(BOX, "later", 1)], scans * 2, labels)
    assert one.ground.blocks == two.ground.blocks


def test_overlapping_random_polygons_are_all_dealt_out(tmp_path):
    cells = scattered(60, SIDE, SIDE, seed=7)
    scenes, scans, labels = case(tmp_path, cells, alternating(cells))
    split = decide(scenes, scans, labels, by="polygons")
    seen = np.unique(scans[0].counts[:, 3])
    assert np.all(split.ground.part_of_source[seen] >= 0)
