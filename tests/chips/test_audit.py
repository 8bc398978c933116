"""The proof that no scored pixel taught; law 3 itself is in tests/laws."""

import json

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from covermap.chips.audit import Audit, TrainingAudit, audit, require_passed, shares_of
from covermap.chips.settings import ChipSettings
from covermap.core.common_ground import covered_by
from covermap.core.errors import SplitError
from covermap.core.grid import Window, same_lattice, window_geobox
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from small_pictures import Everywhere
from tiny import tiny_geobox

SIDE = 96
BOX = tiny_geobox(SIDE, SIDE)


@pytest.fixture(scope="module", params=["blocks", "polygons"])
def run(tmp_path_factory, request):
    cells = scattered(30, SIDE, SIDE, seed=2)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    labels = polygons(tmp_path_factory.mktemp("run") / "a.gpkg", cells, classes, geobox=BOX)
    return prepared([noisy_scene(BOX, invalid=0.1)], labels, by=request.param)


def places(share):
    """Row and column in the scene of all counted pixels."""
    found = [np.empty((0, 2))]
    for number, (_, window) in enumerate(share.windows):
        rows, cols = np.nonzero(share.counted(share.read(number)))
        found.append(np.column_stack([rows + window.row_off, cols + window.col_off]))
    return np.concatenate(found)


def test_numbers_of_chips_and_pixels_are_those_of_the_shares(run):
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    for item, training in zip(found.trainings, run.split.trainings, strict=True):
        teach, validate, score = run.shares(training)
        assert item.name == training.name
        assert item.teaching_chips == len(teach.windows) + len(validate.windows if validate else ())
        assert item.scored_chips == len(score.windows if score else ())
        assert item.scored_pixels == (len(places(score)) if score else 0)


def test_the_least_distance_is_to_the_nearest_label_that_taught(run):
    found = audit(run.viewer, run.chips, run.split)
    for item, training in zip(found.trainings, run.split.trainings, strict=True):
        teach, validate, score = run.shares(training)
        if score is None:
            assert item.least_distance_m is None
            continue
        taught = np.concatenate([places(share) for share in (teach, validate) if share])
        gaps = places(score)[:, None] - taught[None]
        expected = 10 * np.sqrt((gaps**2).sum(axis=-1)).min()
        # Metres on the ellipsoid: at the zone's middle a UTM grid is 0.04 % smaller.
        assert item.least_distance_m == pytest.approx(expected / 0.9996, rel=1e-5)
        assert item.least_distance_m > 10 * run.viewer.ground.buffer_px


def test_teaching_hides_validation_and_test_and_validation_hides_the_test(run):
    for training in run.split.trainings:
        teach, validate, score = shares_of(run.viewer, run.chips, training)
        assert set(teach.hide) == {*training.validate, *training.score}
        if validate is not None:
            assert set(validate.hide) == set(training.score)
        if score is not None:
            assert score.hide == ()


def test_class_shares_of_a_part_are_of_its_counted_pixels(run):
    found = audit(run.viewer, run.chips, run.split)
    target = run.labels.burn(BOX)
    usable = run.scenes[0].valid.all(axis=0)
    counting = np.where(usable, run.viewer.ground.counting_in(BOX, target), -1)
    for part, shares in found.class_shares.items():
        held = target.index[counting == run.split.ground.parts.index(part)]
        expected = np.bincount(held, minlength=3) / len(held)
        assert [shares[name] for name in run.labels.legend.names] == pytest.approx(expected)


def test_an_audit_is_told_in_words_and_as_json():
    good = TrainingAudit("fold1", 9, 2, 1234, 0, 40.0)
    bad = TrainingAudit("fold2", 9, 2, 1234, 5, None)
    last = TrainingAudit("final", 11, 0, 0, 0, None)
    found = Audit((good, bad, last), {"fold1": {"water": 1.0}})
    assert not found.passed
    assert found.lines() == [
        "fold1: 2 scored chips (1,234 pixels), read by its 9 training and validation chips: none; "
        "nearest label that taught: 40 m away",
        "fold2: 2 scored chips (1,234 pixels), read by its 9 training and validation chips: "
        "5: LEAK",
    ]
    assert json.loads(json.dumps(found.to_dict()))["trainings"][1]["shared_pixels"] == 5
    with pytest.raises(SplitError, match=r"5 scored pixels .* 'fold2'"):
        require_passed(found, allow_leak=False)
    require_passed(Audit((good, last), {}), allow_leak=False)


def test_the_least_distance_is_measured_across_coordinate_systems():
    scenes = [
        noisy_scene(tiny_geobox(64, 64), "near"),
        noisy_scene(
            GeoBox((64, 64), Affine(9e-5, 0, 15.0 + 0.0127, 0, -9e-5, 45.1535), "EPSG:4326"), "far"
        ),
        noisy_scene(window_geobox(tiny_geobox(64, 64), Window(0, 5000, 64, 64)), "other"),
    ]
    run = prepared(scenes, Everywhere(), by="list", train=["near", "other"], test="far")
    (item,) = audit(run.viewer, run.chips, run.split).trainings
    centres = [pixel_centres(scene.geobox) for scene in scenes]
    geod = Geod(ellps="WGS84")
    expected = min(
        geod.inv(*np.broadcast_arrays(*one, *(axis[:, None] for axis in two)))[2].min()
        for one, two in ((centres[0], centres[1]), (centres[2], centres[1]))
    )
    assert expected > 50
    assert item.least_distance_m == pytest.approx(expected, rel=1e-4)


def pixel_centres(box):
    """Longitude and latitude of the pixels at a grid's edge."""
    rows, cols = np.nonzero(np.pad(np.zeros((62, 62), bool), 1, constant_values=True))
    x, y = box.affine @ (cols + 0.5, rows + 0.5)
    return Transformer.from_crs(str(box.crs), 4326, always_xy=True).transform(x, y)


def test_the_classes_of_each_part_are_a_table():
    found = Audit((), {"train": {"water": 0.25, "forest": 0.75}, "a long name": {"water": 1.0}})
    assert found.class_table() == [
        "class    train  a long name",
        "water    25.0%       100.0%",
        "forest   75.0%         0.0%",
    ]


def test_overlapping_chips_of_a_scene_are_laid_on_another_lattice_together(tmp_path, monkeypatch):
    calls = []

    def counted(box, other, seen):
        calls.extend([other] * (same_lattice(box, other) is None))
        return covered_by(box, other, seen)

    monkeypatch.setattr("covermap.chips.audit.covered_by", counted)
    shifted = GeoBox(BOX.shape, BOX.affine @ Affine.translation(0.3, 0.4), BOX.crs)
    scenes = [noisy_scene(BOX, "a", 0), noisy_scene(shifted, "b", 1)]
    labels = polygons(tmp_path / "a.gpkg", scattered(30, SIDE, SIDE, 2), ["x", "y"] * 15)
    run = prepared(scenes, labels, by="blocks", chips=ChipSettings(stride=8))
    found = audit(run.viewer, run.chips, run.split)
    assert found.passed
    (item,) = found.trainings
    assert item.teaching_chips > 50
    # Once for each scored chip and the chips of the other scene that teach or validate.
    assert 0 < len(calls) <= item.scored_chips
