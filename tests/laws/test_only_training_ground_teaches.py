"""Law 4: nothing that a network learns from depends on values of held-out ground."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.chips.loading import Chips
from covermap.chips.settings import ChipSettings
from covermap.verbs.applicability import applicability_on
from drawings import polygons, scattered, stripes
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

SIDE = 96
# Chips that lie across the borders of blocks: what is held out stands in windows that teach.
ACROSS = ChipSettings(stride=16)


def labels_in(folder, seed):
    cells = scattered(30, SIDE, SIDE, seed)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    return polygons(folder / "labels.gpkg", cells, classes, geobox=tiny_geobox(SIDE, SIDE))


def held_out(run, parts):
    """Pixels of the only scene that stand on ground of some parts."""
    scene = run.scenes[0]
    target = run.labels.burn(scene.geobox)
    return np.isin(run.viewer.ground.standing_on(scene.geobox, target), run.viewer.codes(parts))


def taught(run, training):
    """All that a network is given: bytes of statistics and of each training sample."""
    teach = run.shares(training)[0]
    statistics = teach.statistics()
    chips = Chips(teach, statistics)
    numbers = (statistics.mean, statistics.std, statistics.low, statistics.high)
    samples = [chips[index] for index in range(len(chips))]
    kept = applicability_on(teach, statistics)
    # Labels of held-out pixels stand in a sample, but no pixel is counted there.
    arrays = [
        array
        for item in samples
        for array in (item.values, item.valid, item.counted, item.target * item.counted)
    ]
    return [array.tobytes() for array in (*numbers, kept.pixels, *arrays)]


@pytest.mark.parametrize("by", ["blocks", "polygons", "random", "region"])
@settings(max_examples=3, deadline=None, derandomize=True)
@given(seed=st.integers(0, 99), change=st.sampled_from(["values", "other values", "no data"]))
def test_values_of_held_out_ground_change_nothing_that_teaches(tmp_path_factory, by, seed, change):
    labels = labels_in(tmp_path_factory.mktemp("drawn"), seed)
    scene = noisy_scene(tiny_geobox(SIDE, SIDE), seed=seed)
    # Blocks and random chips have a part for validation, as a k-fold has not.
    split = {"by": by} if by in ("blocks", "random") else {"by": by, "folds": 2}
    if by == "region":
        split["regions"] = str(stripes(labels.path.parent / "regions.gpkg", scene.geobox, 5))
    # A random split of chips that overlap is refused where too few stand apart.
    run = prepared([scene], labels, chips=None if by == "random" else ACROSS, **split)
    for training in run.split.trainings:
        if not training.score:
            continue
        hidden = held_out(run, (*training.validate, *training.score))
        windows = run.shares(training)[0].windows
        within = any(hidden[window.slices].any() for _, window in windows)
        assert hidden.any() if by == "random" else within
        values, valid = scene.values.copy(), scene.valid.copy()
        if change == "no data":
            valid[:, hidden] = False
        else:
            values[:, hidden] = 50 if change == "values" else -values[:, hidden]
        other = replace(scene, values=values, valid=valid)
        viewer = replace(run.viewer, scenes={scene.name: other}, _kept={})
        changed = replace(run, scenes=[other], viewer=viewer)
        assert taught(changed, training) == taught(run, training)


def test_the_statistics_are_those_of_the_training_ground(tmp_path):
    labels = labels_in(tmp_path, seed=5)
    scene = noisy_scene(tiny_geobox(SIDE, SIDE), seed=5, invalid=0.1)
    run = prepared([scene], labels, chips=ACROSS, by="blocks")
    (training,) = run.split.trainings
    teach = run.shares(training)[0]
    hidden = held_out(run, ("val", "test"))
    assert any(hidden[window.slices].any() for _, window in teach.windows)
    known = ~hidden & scene.valid.all(axis=0)
    shown = np.concatenate(
        [scene.values[:, *w.slices][:, known[w.slices]] for _, w in teach.windows], axis=1
    ).astype(np.float64)
    found = teach.statistics()
    np.testing.assert_allclose(found.mean, shown.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.std, shown.std(axis=1), rtol=1e-5)


def test_validation_ground_teaches_neither_values_nor_statistics(tmp_path):
    labels = labels_in(tmp_path, seed=6)
    scene = noisy_scene(tiny_geobox(SIDE, SIDE), seed=6)
    run = prepared([scene], labels, chips=ACROSS, by="blocks")
    (training,) = run.split.trainings
    teach = run.shares(training)[0]
    chips = Chips(teach, teach.statistics())
    hidden = held_out(run, training.validate)
    assert any(hidden[window.slices].any() for _, window in teach.windows)
    for index, (_, window) in enumerate(teach.windows):
        sample = chips[index]
        here = hidden[window.slices]
        assert not sample.valid[here].any()
        assert not sample.counted[here].any()
        assert not sample.values[:, here].any()
