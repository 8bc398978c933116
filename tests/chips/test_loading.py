"""Chips as samples: what is held out is neither seen nor counted."""

from dataclasses import replace

import numpy as np
import pytest

from covermap.chips.loading import Chips, share_of
from covermap.core.grid import Window
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from small_pictures import Everywhere, pictures
from tiny import tiny_geobox

SIDE = 96
BOX = tiny_geobox(SIDE, SIDE)


@pytest.fixture(scope="module", params=["blocks", "polygons"])
def run(tmp_path_factory, request):
    cells = scattered(30, SIDE, SIDE, seed=2)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    labels = polygons(tmp_path_factory.mktemp("run") / "a.gpkg", cells, classes, geobox=BOX)
    return prepared([noisy_scene(BOX, invalid=0.1)], labels, by=request.param)


def test_a_sample_holds_normalised_values_and_zero_where_nothing_is_shown(run):
    teach, *_ = run.shares(run.split.trainings[0])
    statistics = teach.statistics()
    chips = Chips(teach, statistics)
    assert len(chips) == len(teach.windows) > 0
    for number, (_, window) in enumerate(teach.windows):
        sample = chips[number]
        values = run.scenes[0].values[(slice(None), *window.slices)]
        expected = (values - statistics.mean[:, None, None]) / statistics.std[:, None, None]
        np.testing.assert_allclose(
            sample.values[:, sample.valid], expected[:, sample.valid], rtol=1e-5, atol=1e-6
        )
        assert np.all(sample.values[:, ~sample.valid] == 0)
        assert (sample.values.dtype, sample.target.dtype) == (np.float32, np.int64)
        assert sample.valid.dtype == sample.counted.dtype == bool
        assert not (sample.counted & ~sample.valid).any()


def test_labels_that_teach_keep_their_distance_from_held_out_ground(run):
    buffer = run.viewer.ground.buffer_px
    target = run.labels.burn(BOX)
    standing = run.viewer.ground.standing_on(BOX, target)
    for training in run.split.trainings:
        teach = run.shares(training)[0]
        held = np.isin(standing, run.viewer.codes((*training.validate, *training.score)))
        rows, cols = np.nonzero(held)
        for number, (_, window) in enumerate(teach.windows):
            counted = teach.counted(teach.read(number))
            for row, col in zip(*np.nonzero(counted), strict=True):
                apart = np.maximum(
                    abs(rows - row - window.row_off), abs(cols - col - window.col_off)
                )
                assert not len(apart) or apart.min() > buffer


def test_every_labelled_pixel_is_scored_once(run):
    scored = np.zeros((SIDE, SIDE), int)
    for training in run.split.trainings:
        score = run.shares(training)[2]
        for number in range(len(score.windows) if score else 0):
            scored[score.windows[number][1].slices] += score.counted(score.read(number))
    ground = run.viewer.ground
    counting = ground.counting_in(BOX, run.labels.burn(BOX))
    parts = {part for training in run.split.trainings for part in training.score}
    expected = np.isin(counting, ground.codes(sorted(parts)))
    assert np.array_equal(scored, expected & run.scenes[0].valid.all(axis=0))


@pytest.mark.parametrize("lid", [0, 30_000, 1 << 30])
def test_samples_are_the_same_from_memory_and_read_again(run, lid):
    teach, *_ = run.shares(run.split.trainings[0])
    chips = Chips(teach, teach.statistics(), cache_bytes=lid)
    first = [chips[number] for number in range(len(chips))]
    for number, sample in enumerate(first):
        again = chips[number]
        for name in ("values", "valid", "target", "counted"):
            assert np.array_equal(getattr(again, name), getattr(sample, name))
    kept = sum(chips[number] is first[number] for number in range(len(chips)))
    assert kept == {0: 0, 1 << 30: len(chips)}.get(lid, kept)
    assert chips._held <= lid


def test_an_index_beyond_the_last_chip_ends_a_loop(run):
    teach, *_ = run.shares(run.split.trainings[0])
    chips = Chips(teach, teach.statistics())
    with pytest.raises(IndexError):
        chips[len(chips)]
    assert len(list(chips)) == len(chips)


def test_surroundings_are_shown_and_count_nothing(run):
    """The chip in the middle is the chip by itself; what is held out stays hidden around it."""
    teach, validate, score = run.shares(run.split.trainings[0])
    share = validate or score
    around = 16
    wide = share.within(around)
    assert wide.within(around) is wide
    alone, within = (Chips(one, teach.statistics()) for one in (share, wide))
    hidden = run.viewer.codes(share.hide)
    standing = run.viewer.ground.standing_on(BOX, run.labels.burn(BOX))
    shown = 0
    for number, (_, window) in enumerate(share.windows):
        one, other = alone[number], within[number]
        inner = wide.inner(number)
        for name in ("valid", "counted", "values"):
            there, middle = getattr(one, name), getattr(other, name)[(..., *inner)]
            assert np.array_equal(there, middle), name
        assert np.array_equal(one.target[one.counted], other.target[inner][one.counted])
        assert other.counted.sum() == one.counted.sum()
        place = wide.shown(number)
        assert place == window.expanded(around)
        rows, cols = np.nonzero(other.valid)
        rows, cols = rows + place.row_off, cols + place.col_off
        assert rows.min() >= 0
        assert rows.max() < SIDE
        assert not np.isin(standing[rows, cols], hidden).any()
        shown += other.valid.sum() - one.valid.sum()
    assert shown > 0
    assert len(within.alone.share.windows) == len(alone)
    assert within.alone[0].valid.shape == alone[0].valid.shape


def test_nothing_lies_around_a_whole_picture():
    run = prepared(pictures(20), Everywhere(), 64)
    teach = run.shares(run.split.trainings[0])[0]
    assert teach.within(32) is teach


def test_a_share_without_windows_is_empty(run):
    share = share_of(run.viewer, [], ["train"], [])
    assert list(share.pixels()) == []


def test_a_band_missing_in_a_usable_pixel_takes_the_training_mean(run):
    scene = run.scenes[0]
    valid = np.ones_like(scene.valid)
    valid[1, 40:60] = False

    class HalfUsable:
        """As a stack of dates: one valid band is enough."""

        def __getattr__(self, name):
            return getattr(replace(scene, valid=valid), name)

        def usable(self, raster):
            return raster.valid.any(axis=0)

    viewer = replace(run.viewer, scenes={"tiny": HalfUsable()}, _kept={})
    teach = replace(run.shares(run.split.trainings[0])[0], viewer=viewer)
    chips = Chips(teach, teach.statistics())
    for number, (_, window) in enumerate(teach.windows):
        rows = np.arange(window.row_off, window.row_stop)
        missing = (rows >= 40) & (rows < 60)
        sample = chips[number]
        assert np.all(sample.values[1, missing] == 0)
        assert np.array_equal(sample.valid, teach.seen(teach.read(number)))


def test_a_pixel_that_several_windows_show_counts_in_the_first_of_them(run):
    parts = run.split.ground.parts
    windows = [("tiny", Window(row, col, 32, 32)) for row in (0, 20, 40) for col in (0, 12, 60)]
    once = share_of(run.viewer, windows, parts, (), once=True)
    often = share_of(run.viewer, windows, parts, ())
    seen = np.zeros((SIDE, SIDE), bool)
    counts = np.zeros((SIDE, SIDE), int)
    for number, (_, window) in enumerate(windows):
        fresh = ~seen[window.slices]
        expected = often.counted(often.read(number)) & fresh
        assert np.array_equal(once.counted(once.read(number)), expected)
        assert np.array_equal(once.first_shown(number), fresh)
        assert often.first_shown(number).all()
        counts[window.slices] += expected
        seen[window.slices] = True
    assert counts.max() == 1
    assert Chips(once, once.statistics())[1].counted.sum() < often.counted(often.read(1)).sum()
