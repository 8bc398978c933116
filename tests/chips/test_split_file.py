"""A split as a file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from covermap.chips.split_file import read_split, write_split
from covermap.chips.view import Viewer
from covermap.core.errors import CovermapError
from covermap.core.grid import same_lattice
from drawings import polygons, scattered
from prepared import noisy_scene, prepared
from tiny import tiny_geobox

SIDE = 96


def run(tmp_path, by, crs=32633, buffer_m=None):
    box = tiny_geobox(SIDE, SIDE, crs=crs)
    cells = scattered(30, SIDE, SIDE, seed=1)
    classes = np.resize(["forest", "water", "urban"], len(cells))
    labels = polygons(tmp_path / "a.gpkg", cells, classes, geobox=box)
    return prepared([noisy_scene(box)], labels, by=by, buffer_m=buffer_m)


@pytest.mark.parametrize("by", ["blocks", "polygons"])
@pytest.mark.parametrize("crs", [32633, 4326, 3035])
def test_a_split_is_read_as_it_was_written(tmp_path, by, crs):
    made = run(tmp_path, by, crs, buffer_m=15.5)
    path = tmp_path / "split.json"
    write_split(path, made.split)
    read = read_split(path)
    for name in ("scheme", "trainings", "assessed", "reasons"):
        assert getattr(read, name) == getattr(made.split, name)
    before, after = made.split.ground, read.ground
    for name in ("kind", "parts", "buffer_px", "buffer_m", "blocks", "block_px"):
        assert getattr(after, name) == getattr(before, name)
    for name in ("part_of_source", "group_of_source"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
        assert getattr(after, name).dtype == getattr(before, name).dtype
    if by == "blocks":
        assert same_lattice(before.origin, after.origin) == (0, 0)
        assert same_lattice(after.origin, made.scenes[0].geobox) == (0, 0)


@pytest.mark.parametrize("by", ["blocks", "polygons"])
def test_a_split_that_was_read_shows_what_the_decided_one_shows(tmp_path, by):
    made = run(tmp_path, by)
    write_split(tmp_path / "split.json", made.split)
    split = read_split(tmp_path / "split.json")
    viewer = Viewer(made.viewer.scenes, made.labels, made.viewer.channels, split.ground)
    again = replace(made, split=split, viewer=viewer)
    for training in split.trainings:
        for one, other in zip(made.shares(training), again.shares(training), strict=True):
            assert (one is None) == (other is None)
            for number in range(len(one.windows) if one else 0):
                assert np.array_equal(one.seen(one.read(number)), other.seen(other.read(number)))
                assert np.array_equal(
                    one.counted(one.read(number)), other.counted(other.read(number))
                )


def test_a_split_of_a_version_that_knew_pixels_alone_is_read(tmp_path):
    made, path = run(tmp_path, "blocks"), tmp_path / "split.json"
    write_split(path, made.split)
    content = json.loads(path.read_text())
    del content["ground"]["buffer_m"]
    path.write_text(json.dumps(content))
    ground = read_split(path).ground
    assert ground.buffer_on(made.scenes[0].geobox) == ground.buffer_px == 4


def test_the_same_split_is_the_same_bytes(tmp_path):
    made = run(tmp_path, "blocks")
    for name in ("a", "b"):
        write_split(tmp_path / name, made.split)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_split_is_named(tmp_path):
    with pytest.raises(CovermapError, match=r"split\.json: no such file"):
        read_split(tmp_path / "split.json")
