"""Law 3 for pictures: whole images on one side, and no picture's ground is another's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.chips.audit import audit
from covermap.core.errors import SplitError
from covermap.core.grid import Window, window_geobox
from covermap.core.legend import Legend
from covermap.labels.target import Target
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

pytestmark = pytest.mark.slow


class Random:
    """Labels drawn by a generator for each scene, the same wherever a window lies."""

    legend = Legend.of({1: "a", 2: "b", 3: "c"})
    sources, drawn, dense, notes, files, path = 0, (0, 0, 0), True, (), (), "masks"

    def __init__(self, boxes, seed):
        self.boxes, self.seed = boxes, seed

    def burn(self, geobox, scene_name=""):
        own = self.boxes[scene_name]
        random = np.random.default_rng([self.seed, *scene_name.encode()])
        index = np.full((300, 300), -1)
        inside = random.integers(-1, 3, (-(-own.shape[0] // 8), -(-own.shape[1] // 8)))
        spread = np.kron(inside, np.ones((8, 8), int))[: own.shape[0], : own.shape[1]]
        index[100 : 100 + own.shape[0], 100 : 100 + own.shape[1]] = spread
        step = ~own.affine @ geobox.affine
        row, col = round(step.f) + 100, round(step.c) + 100
        index = index[row : row + geobox.shape[0], col : col + geobox.shape[1]]
        labelled = index >= 0
        nobody = np.full(index.shape, -1, np.int32)
        return Target(np.where(labelled, index, 0).astype(np.int16), labelled, nobody)

    def touches(self, geobox, scene_name=""):
        return True


def scenes_of(places, crs):
    whole = tiny_geobox(10, 10, crs=crs)
    boxes = {}
    for number, (row, col, height, width) in enumerate(places):
        offset = (row, col) if crs is not None else (0, 0)
        boxes[f"p{number}"] = window_geobox(whole, Window(*offset, height, width))
    return boxes, [noisy_scene(box, name, n) for n, (name, box) in enumerate(boxes.items())]


PLACES = st.lists(
    st.tuples(st.integers(0, 250), st.integers(0, 250), st.integers(33, 90), st.integers(33, 90)),
    min_size=4,
    max_size=14,
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    places=PLACES, crs=st.sampled_from([None, 32633]), seed=st.integers(0, 99),
    by=st.sampled_from(["auto", "blocks", "overlap", "random"]),
)  # fmt: skip
def test_no_scored_pixel_taught_wherever_pictures_lie(places, crs, seed, by):
    boxes, scenes = scenes_of(places, crs)
    try:
        run = prepared(scenes, Random(boxes, seed), seed=seed, by=by)
    except SplitError:
        return
    for training in run.split.trainings:
        teach, validate, score = run.shares(training)
        if score is None:
            continue
        taught = _ground(run, [teach, validate], lambda share, view: share.seen(view))
        scored = _ground(run, [score], lambda share, view: share.counted(view))
        assert not taught & scored
    assert audit(run.viewer, run.chips, run.split).passed


@settings(max_examples=8, deadline=None, derandomize=True)
@given(places=PLACES, seed=st.integers(0, 99))
def test_the_audit_counts_just_the_pixels_that_images_share(places, seed):
    boxes, scenes = scenes_of(places, 32633)
    try:
        run = prepared(scenes, Random(boxes, seed), seed=seed, by="images", folds="each")
    except SplitError:
        return
    for item, training in zip(
        audit(run.viewer, run.chips, run.split).trainings, run.split.trainings, strict=True
    ):
        teach, validate, score = run.shares(training)
        if score is None:
            continue
        taught = _ground(run, [teach, validate], lambda share, view: share.seen(view))
        scored = _ground(run, [score], lambda share, view: share.counted(view))
        assert item.shared_pixels == len(taught & scored)


def _ground(run, shares, mask_of):
    """Pixels on the ground: places on the common lattice, or of one picture without a CRS."""
    found = set()
    first = run.scenes[0].geobox
    for share in shares:
        if share is None:
            continue
        for place, (name, window) in enumerate(share.windows):
            box = run.viewer.scenes[name].geobox
            step = ~first.affine @ box.affine
            rows, cols = np.nonzero(mask_of(share, share.read(place)))
            rows, cols = (
                rows + window.row_off + round(step.f),
                cols + window.col_off + round(step.c),
            )
            where = name if box.crs is None else "ground"
            found |= {(where, *at) for at in zip(rows.tolist(), cols.tolist(), strict=True)}
    return found


@pytest.mark.parametrize("crs", [None, 32633])
def test_blocks_hide_held_out_ground_in_pictures_too(crs):
    boxes, scenes = scenes_of([(100 * n, 0, 90, 90) for n in range(2)], crs)
    run = prepared(scenes, Random(boxes, 1), by="blocks")
    teach, _, score = run.shares(run.split.trainings[0])
    assert _ground(run, [score], lambda share, view: share.counted(view))
    assert any((~teach.seen(teach.read(n))).any() for n in range(len(teach.windows)))
