"""What a scene and its labels hold, by cells."""

from dataclasses import replace

import numpy as np
import pytest

from covermap.chips import scan as module
from covermap.chips.scan import CELL, scan
from drawings import polygons, scattered
from prepared import CHANNELS, noisy_scene
from tiny import tiny_geobox

HEIGHT, WIDTH = 100, 140
BOX = tiny_geobox(HEIGHT, WIDTH)


def case(tmp_path, complete=False, seed=0):
    cells = scattered(12, HEIGHT, WIDTH, seed)
    labels = polygons(
        tmp_path / "a.gpkg", cells, ["a", "b", "c"] * 4, geobox=BOX, complete=complete
    )
    cloudy = np.random.default_rng(9).random((HEIGHT, WIDTH)) < 0.2
    return replace(noisy_scene(BOX, seed=seed, invalid=0.3), cloudy=cloudy), labels


def by_hand(scene, labels):
    """Pixels by cell, class and source, counted one by one."""
    target = labels.burn(scene.geobox)
    usable = scene.valid.all(axis=0)
    found = {}
    for row, col in zip(*np.nonzero(target.labelled & usable), strict=True):
        key = (row // CELL, col // CELL, target.index[row, col], target.source[row, col])
        found[key] = found.get(key, 0) + 1
    return found, target


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("read", [32, 64, 512])
def test_usable_labelled_pixels_are_counted_by_cell_class_and_polygon(
    tmp_path, monkeypatch, complete, read
):
    monkeypatch.setattr(module, "_READ", read)
    scene, labels = case(tmp_path, complete)
    found = scan(scene, labels, CHANNELS)
    expected, target = by_hand(scene, labels)
    assert {tuple(row[:4]): row[4] for row in found.counts.tolist()} == expected
    assert found.labelled == target.labelled.sum()


def test_cells_that_hold_labels_tell_their_pixels_usable_and_cloudy(tmp_path):
    scene, labels = case(tmp_path)
    found = scan(scene, labels, CHANNELS)
    target = labels.burn(BOX)
    usable = scene.valid.all(axis=0)
    expected = []
    for row in range(0, HEIGHT, CELL):
        for col in range(0, WIDTH, CELL):
            cut = (slice(row, row + CELL), slice(col, col + CELL))
            if target.labelled[cut].any():
                numbers = [usable[cut].size, usable[cut].sum(), scene.cloudy[cut].sum()]
                expected.append([row // CELL, col // CELL, *numbers])
    assert sorted(found.cells.tolist()) == expected


@pytest.mark.parametrize("size", [32, 64, 96, 256])
def test_chips_of_a_size_are_the_windows_that_hold_usable_labels(tmp_path, size):
    scene, labels = case(tmp_path)
    target = labels.burn(BOX)
    counted = target.labelled & scene.valid.all(axis=0)
    rows, cols = np.nonzero(counted)
    expected = sorted(set(zip((rows // size).tolist(), (cols // size).tolist(), strict=True)))
    assert [tuple(row) for row in scan(scene, labels, CHANNELS).chips(size).tolist()] == expected


def test_only_ground_near_a_polygon_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_READ", 32)
    scene, _ = case(tmp_path)
    labels = polygons(tmp_path / "b.gpkg", [(70, 100, 5, 5)], ["a"], geobox=BOX)
    read = []

    class Watched:
        def __getattr__(self, name):
            return getattr(scene, name)

        def read(self, names, window):
            read.append(window)
            return scene.read(names, window)

    scan(Watched(), labels, CHANNELS)
    assert [(window.row_off, window.col_off) for window in read] == [(64, 96)]


def test_a_scene_without_labels_gives_an_empty_scan(tmp_path):
    scene, _ = case(tmp_path)
    labels = polygons(tmp_path / "b.gpkg", [(700, 700, 5, 5)], ["a"], geobox=BOX)
    found = scan(scene, labels, CHANNELS)
    assert found.labelled == len(found.counts) == len(found.cells) == len(found.chips(32)) == 0


def test_labels_without_a_usable_pixel_are_told_apart_from_none(tmp_path):
    scene, labels = case(tmp_path)
    found = scan(replace(scene, valid=np.zeros_like(scene.valid)), labels, CHANNELS)
    assert len(found.counts) == 0
    assert found.labelled > 0
    assert len(found.cells) > 0
