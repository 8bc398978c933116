"""What planned chips are as wholes: as training and scoring answer for them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from covermap.chips.answers import ChipClass
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.chips.planned import (
    assessed_as_taught,
    assessed_by_chips,
    chip_answers,
    coarsest,
)
from covermap.chips.table import read_chips
from covermap.core.errors import SplitError
from covermap.verbs.prepare import prepare
from covermap.verbs.workspace import Workspace
from drawings import polygons, scattered
from prepared import CHANNELS, noisy_scene, prepared
from tiny import ArrayScene, tiny_geobox, write_scene

SIDE = 64
PROJECT = """
imagery: images/*.tif
labels: {path: masks}
chips: {size: 32}
split: {by: list, train: [s0, s1, s2, s3], val: [], test: [s4, s5]}
"""


@pytest.fixture
def folder(tmp_path):
    """Scenes of two classes by quarters; class 7 has a few pixels where it teaches, then a chip."""
    generator = np.random.default_rng(0)
    for number in range(6):
        index = np.kron([[1, 2], [2, 1]], np.ones((32, 32), np.uint8))
        if number < 4:
            index[:6, :6] = 7
        else:
            index[:32, :32] = 7
        values = 1000 * index[None] + generator.integers(0, 99, (1, SIDE, SIDE))
        box = tiny_geobox(SIDE, SIDE)
        box = type(box)(box.shape, box.affine.translation(9000 * number, 0) @ box.affine, box.crs)
        name = f"s{number}.tif"
        write_scene(tmp_path / "images" / name, values=values, bands=("red",), geobox=box)
        write_scene(
            tmp_path / "masks" / name, values=index[None], bands=("cover",), dtype="uint8",
            geobox=box, descriptions=False,
        )  # fmt: skip
    return tmp_path


def opened(folder, more, labels="{path: masks}"):
    (folder / "project.yaml").write_text(PROJECT.replace("{path: masks}", labels) + more)
    prepare(folder / "project.yaml", folder / "run")
    return Workspace.open(folder / "project.yaml", folder / "run", "test")


def test_a_class_that_is_never_the_commonest_of_a_chip_that_teaches_is_not_assessed(folder, capsys):
    workspace = opened(folder, "task: classification\n")
    assert workspace.split.assessed == ("1", "2")
    told = capsys.readouterr().err
    assert "not assessed: 7 (no chips of it both to teach and to test; trained" in told
    # Of pixels it is: some teach, and others are tested.
    assert opened(folder, "task: segmentation\n").split.assessed == ("1", "2", "7")


@pytest.mark.parametrize(
    ("more", "labels", "assessed"),
    [
        ("task: classification\n", "{path: masks}", ("1", "2")),
        ("task: multilabel\n", "{path: masks}", ("1", "2")),
        ("task: multilabel\n", "{path: masks, presence: {threshold: 0.02}}", ("1", "2", "7")),
    ],
)
def test_the_table_says_of_chips_what_training_and_scoring_are_told(folder, more, labels, assessed):
    workspace = opened(folder, more, labels)
    table, answers = read_chips(folder / "run" / "chips.parquet"), workspace.answers()
    names, trainings = workspace.labels.legend.names, workspace.split.trainings
    assert assessed_by_chips(table, answers, names, trainings) == assessed
    for training in trainings:
        teach, _, score = shares_of(workspace.viewer, table, training)
        for share, parts in ((teach, training.train), (score, training.score)):
            chips = Chips(share, share.statistics(), answers)
            targets = np.array([chips[place].target for place in range(len(chips))])
            found = chip_answers(table, answers, names, parts)
            if isinstance(answers, ChipClass):
                found = found.argmax(axis=1)
            assert np.array_equal(found, targets)


def test_where_all_chips_have_one_class_nothing_can_be_assessed(folder):
    (folder / "project.yaml").write_text(PROJECT.replace("32", "64") + "task: classification\n")
    with pytest.raises(SplitError, match="a chip has the class that most of its labelled pixels"):
        prepare(folder / "project.yaml", folder / "run")


def test_labels_that_all_chips_have_cannot_be_assessed(folder):
    (folder / "project.yaml").write_text(PROJECT.replace("32", "64") + "task: multilabel\n")
    with pytest.raises(SplitError, match="at least one label needs chips that have it and chips"):
        prepare(folder / "project.yaml", folder / "run")


def test_only_answers_of_whole_chips_are_planned(folder):
    workspace = opened(folder, "task: segmentation\n")
    table = read_chips(folder / "run" / "chips.parquet")
    with pytest.raises(TypeError, match="PixelClasses"):
        chip_answers(table, workspace.answers(), ("1",), ("train",))


GRID = tiny_geobox(160, 160)


class Coarse(ArrayScene):
    """A scene with a band of coarse pixels."""

    def reach(self, names):
        return 60 if "B03" in names else 0


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    cells = scattered(60, 160, 160, seed=4)
    classes = np.resize(["forest", "water", "urban", "fen", "sand"], len(cells))
    return polygons(tmp_path_factory.mktemp("drawn") / "a.gpkg", cells, classes, geobox=GRID)


@pytest.mark.parametrize("split", [{"by": "blocks"}, {"by": "polygons", "folds": 2}])
@pytest.mark.parametrize("buffer_m", [0, 60, 120, 200, 240])
def test_classes_whose_labels_lie_too_near_held_out_ground_are_not_assessed(drawn, split, buffer_m):
    run = prepared([noisy_scene(GRID)], drawn, buffer_m=buffer_m, **split)
    names = drawn.legend.names
    expected = set()
    for training in run.split.trainings:
        teach, _, score = run.shares(training)
        views = [teach.read(number) for number in range(len(teach.windows))]
        taught = {names[n] for v in views for n in np.unique(v.target.index[teach.counted(v)])}
        if not taught:
            with pytest.raises(SplitError, match=r"no label is left to teach.*buffer_m smaller"):
                assessed_as_taught(run.viewer, run.chips, run.split)
            return
        if score is not None:
            views = [score.read(number) for number in range(len(score.windows))]
            tested = {names[n] for v in views for n in np.unique(v.target.index[score.counted(v)])}
            expected |= taught & tested
    assert set(assessed_as_taught(run.viewer, run.chips, run.split)) == expected
    assert buffer_m > 0 or expected == set(names)


def test_a_band_so_coarse_that_nothing_is_left_to_teach_is_named(drawn):
    scene = noisy_scene(GRID)
    run = prepared([Coarse(scene.values, None, GRID, CHANNELS)], drawn, by="polygons")
    assert coarsest(run.viewer) == (60, "B03")
    with pytest.raises(SplitError, match=r"pixels of B03 are so coarse.*60 px away. Leave B03"):
        assessed_as_taught(run.viewer, run.chips, run.split)


def test_a_buffer_that_leaves_nothing_to_teach_stops_before_training(tmp_path, drawn):
    values = np.random.default_rng(0).integers(900, 1100, (1, 160, 160))
    write_scene(tmp_path / "s.tif", values=values, bands=("red",), geobox=GRID)
    (tmp_path / "project.yaml").write_text(
        f"imagery: s.tif\nlabels: {{path: {drawn.path}, attribute: cover}}\n"
        "split: {by: polygons, buffer_m: 5000}\n"
    )
    with pytest.raises(SplitError, match=r"no label is left to teach 'fold1'"):
        prepare(tmp_path / "project.yaml", tmp_path / "run")


def test_the_shares_of_classes_that_are_told_of_a_classification_are_of_chips(folder):
    def shares(task):
        opened(folder, f"task: {task}\n")
        return json.loads((folder / "run" / "audit.json").read_text())["class_shares"]["train"]

    # Of each picture that teaches, 36 pixels of a chip of class 1 are of class 7.
    assert shares("classification") == {"1": 0.5, "2": 0.5, "7": 0.0}
    assert shares("segmentation")["7"] == pytest.approx(36 / 4096)
