"""Pictures that are shown twice in different parts of a split."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from covermap.chips.audit import Audit, audit, require_passed
from covermap.chips.duplicates import Duplicates, find_duplicates
from covermap.core.errors import SplitError
from prepared import CHANNELS, prepared
from small_pictures import Everywhere, overlapping
from tiny import ArrayScene, tiny_geobox

SIDE = 64


def photograph(seed):
    """Values 0..255 (H, W) with structure of all sizes, as photographs have."""
    random = np.random.default_rng(seed)
    layers = [gaussian_filter(random.normal(size=(SIDE, SIDE)), s) * s for s in (1, 2, 4, 8)]
    gray = sum(layers)
    return np.clip(120 + 40 * (gray - gray.mean()) / gray.std(), 0, 255).round()


def scene_of(gray, name, crs=None):
    return ArrayScene(np.stack([gray] * len(CHANNELS)), None, tiny_geobox(SIDE, SIDE, crs=crs),
                      CHANNELS, name=name)  # fmt: skip


def compressed(gray, quality):
    file = io.BytesIO()
    Image.fromarray(gray.astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(float)


def listed(copy, size=SIDE):
    """Four photographs that teach, one to validate, two to test; the last is made of `copy`."""
    grays = [photograph(n) for n in range(6)]
    scenes = [scene_of(gray, f"p{n}") for n, gray in enumerate([*grays, copy(grays[0])])]
    return prepared(
        scenes, Everywhere(), size, by="list", train=["p[0-3]"], val=["p4"], test=["p5", "p6"]
    )


CHANGES = {
    "compressed": lambda gray: compressed(gray, 70),
    "compressed hard": lambda gray: compressed(gray, 30),
    "brighter": lambda gray: np.clip(gray + 12, 0, 255),
    "with less contrast": lambda gray: 0.85 * gray,
    "with noise": lambda gray: gray + np.random.default_rng(9).normal(0, 4, gray.shape),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_copy_is_found_and_told_but_not_fatal(change):
    run = listed(change)
    found = audit(run.viewer, run.chips, run.split)
    assert found.duplicates.pairs == 1
    assert found.duplicates.identical == 0
    assert {(t.one.scene, t.other.scene) for t in found.duplicates.listed} == {("p0", "p6")}
    assert found.passed
    require_passed(found, allow_leak=False)
    assert found.lines()[-1].startswith(
        "NEAR-DUPLICATES: 1 pair of chips in different parts show the same picture; the first: "
        "p0 (row 0, column 0; train) and p6 (row 0, column 0; test): alike "
    )
    assert Audit.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_an_identical_copy_of_a_scored_picture_is_fatal():
    # Each picture is four chips.
    run = listed(lambda gray: gray, size=32)
    found = audit(run.viewer, run.chips, run.split)
    assert (found.duplicates.pairs, found.duplicates.identical) == (4, 4)
    assert found.trainings[0].shared_pixels == 0
    assert not found.passed
    with pytest.raises(SplitError, match=r"4 scored chips are copies.*p0 .* and p6 .*allow_leak"):
        require_passed(found, allow_leak=False)
    require_passed(found, allow_leak=True)


def test_a_copy_in_validation_is_told_but_stops_nothing():
    grays = [photograph(n) for n in range(4)]
    scenes = [scene_of(gray, f"p{n}") for n, gray in enumerate([*grays, grays[0]])]
    run = prepared(scenes, Everywhere(), by="list", train=["p0", "p1"], val="p4", test=["p2", "p3"])
    found = audit(run.viewer, run.chips, run.split)
    assert (found.duplicates.identical, found.duplicates.copies_of_scored) == (4, 0)
    assert found.passed


def test_different_photographs_and_copies_within_a_part_are_no_finding():
    run = listed(lambda gray: photograph(99))
    assert find_duplicates(run.viewer, run.chips, run.split.trainings) == Duplicates()
    grays = [photograph(n) for n in (0, 0, 1, 2)]
    scenes = [scene_of(gray, f"p{n}") for n, gray in enumerate(grays)]
    run = prepared(scenes, Everywhere(), by="list", train=["p0", "p1"], test=["p2", "p3"])
    assert find_duplicates(run.viewer, run.chips, run.split.trainings) == Duplicates()


def test_pictures_without_structure_are_no_copies_of_each_other():
    run = listed(lambda gray: np.full_like(gray, 7))
    flat = [replace(scene, values=np.full_like(scene.values, 7)) for scene in run.scenes]
    viewer = replace(run.viewer, scenes={scene.name: scene for scene in flat}, _kept={})
    assert find_duplicates(viewer, run.chips, run.split.trainings) == Duplicates()


def test_structure_beside_a_band_of_large_numbers_is_seen():
    # Reflectance beside Kelvin: a hundredth of the mean of both.
    run = listed(lambda gray: gray)
    mixed = [
        replace(scene, values=np.stack([scene.values[0] / 1000, np.full((SIDE, SIDE), 300.0)]))
        for scene in run.scenes
    ]
    viewer = replace(run.viewer, scenes={scene.name: scene for scene in mixed}, _kept={})
    found = find_duplicates(viewer, run.chips, run.split.trainings)
    assert (found.pairs, found.identical, found.copies_of_scored) == (1, 1, 1)


@pytest.mark.parametrize("side", [5, 9])
def test_copies_of_the_smallest_pictures_are_found(side):
    grays = [photograph(n)[:side, :side] for n in (0, 1, 2, 3, 0)]
    scenes = [
        ArrayScene(np.stack([gray] * 2), None, tiny_geobox(side, side, crs=None), CHANNELS, f"p{n}")
        for n, gray in enumerate(grays)
    ]
    labels = Everywhere({f"p{n}": n % 2 for n in range(5)})
    run = prepared(scenes, labels, by="list", train=["p0", "p1"], test=["p2", "p3", "p4"])
    found = find_duplicates(run.viewer, run.chips, run.split.trainings)
    assert (found.pairs, found.identical, found.copies_of_scored) == (1, 1, 1)


def test_small_chips_that_are_only_alike_are_no_copies():
    run = listed(lambda gray: 0.9 * gray, size=32)
    assert find_duplicates(run.viewer, run.chips, run.split.trainings) == Duplicates()


def test_strips_at_the_border_of_a_picture_disturb_nothing():
    grays = [photograph(n)[:33, :] for n in (0, 1, 2, 0)]
    scenes = [
        ArrayScene(np.stack([gray] * 2), None, tiny_geobox(33, SIDE, crs=None), CHANNELS, f"p{n}")
        for n, gray in enumerate(grays)
    ]
    run = prepared(scenes, Everywhere(), by="list", train=["p0", "p1"], test=["p2", "p3"])
    found = find_duplicates(run.viewer, run.chips, run.split.trainings)
    assert (found.pairs, found.identical) == (2, 2)


def test_ground_that_is_known_to_be_shared_is_left_to_the_audit_of_ground():
    scenes = overlapping()
    run = prepared(scenes, Everywhere(), by="list", train=["p0", "p2"], test=["p1", "p3"])
    assert find_duplicates(run.viewer, run.chips, run.split.trainings) == Duplicates()
