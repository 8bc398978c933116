"""Law 4: `legend: top K` depends on no label of held-out ground, and neither does its split."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.chips.parts import SplitCase
from covermap.chips.scan import scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_top import split_with_top_classes
from covermap.chips.view import Viewer, scenes_by_name
from covermap.core.grid import whole
from covermap.labels.masks import read_masks
from covermap.labels.settings import LabelSettings
from covermap.labels.top_classes import without_classes
from drawings import polygons, scattered
from pictures import write_ids
from prepared import CHANNELS, noisy_scene
from tiny import tiny_geobox

TOP = LabelSettings(path="masks", legend="top 2 + other")
CLASSES = np.array(["fen", "forest", "meadow", "water"])


def decided(scenes, labels, **split):
    scans = [scan(scene, without_classes(labels), CHANNELS) for scene in scenes]
    case = SplitCase(scenes, scans, labels, SplitSettings(**split), 32, 0)
    return split_with_top_classes(case, CHANNELS, TOP)


def outside_choosing(scenes, labels, split):
    """Of each scene, labelled pixels that do not count where the legend is chosen."""
    viewer = Viewer(scenes_by_name(scenes), labels, CHANNELS, split.ground)
    code = split.ground.parts.index("train")
    views = {scene.name: viewer.view(scene.name, whole(scene.geobox)) for scene in scenes}
    return {name: (view.target.labelled & (view.counting != code), view.target.source)
            for name, view in views.items()}  # fmt: skip


@pytest.mark.parametrize("split", [{"by": "images"}, {"by": "images", "folds": 3}])
@settings(max_examples=2)
@given(seed=st.integers(0, 999), new=st.lists(st.integers(0, 250), min_size=1, max_size=4))
def test_masks_of_held_out_images_choose_nothing(tmp_path_factory, split, seed, new):
    folder = tmp_path_factory.mktemp("set")
    random = np.random.default_rng(seed)
    scenes, ids = [], {}
    for place in range(13):
        name = f"p{place:02}"
        scene = noisy_scene(tiny_geobox(32, 32, crs=None), name, place)
        scenes.append(replace(scene, files=(folder / "images" / f"{name}.png",)))
        share = random.dirichlet([0.5, 2, 2, 1])
        ids[name] = np.array([1, 5, 7, 200])[random.choice(4, (32, 32), p=share)]
        write_ids(folder / "masks" / f"{name}.tif", ids[name])
    labels = read_masks(TOP, folder, scenes)
    before = decided(scenes, labels, **split)
    for name, (hidden, _) in outside_choosing(scenes, labels, before).items():
        # Known classes too: with strange ones alone the held-out ground could test nothing.
        ids[name][hidden] = random.choice([1, 5, 7, 200, *new], int(hidden.sum()))
        write_ids(folder / "masks" / f"{name}.tif", ids[name])
    after = decided(scenes, read_masks(TOP, folder, scenes), **split)
    assert after.top_classes == before.top_classes
    assert after.ground.scenes == before.ground.scenes


@pytest.mark.parametrize("by", ["blocks", "polygons"])
@settings(max_examples=2)
@given(seed=st.integers(0, 99), new=st.sampled_from(["aa", "zz", "forest"]))
def test_polygons_of_held_out_ground_choose_nothing(tmp_path_factory, by, seed, new):
    folder = tmp_path_factory.mktemp("drawn")
    grid = tiny_geobox(160, 160)
    scene = noisy_scene(grid, seed=seed)
    cells = scattered(150, 160, 160, seed)
    classes = np.resize(CLASSES, len(cells)).astype(object)
    labels = polygons(folder / "a.gpkg", cells, classes, geobox=grid)
    before = decided([scene], labels, by=by, folds=2 if by == "polygons" else None)
    (hidden, source) = outside_choosing([scene], labels, before)[scene.name]
    target = labels.burn(grid)
    chooses = set(np.unique(target.source[target.labelled & ~hidden]).tolist())
    held_out = [row for row in range(len(cells)) if row not in chooses]
    assert held_out
    assert set(np.unique(source[hidden]).tolist()) & set(held_out)
    random = np.random.default_rng(seed)
    classes[held_out] = random.choice([*CLASSES, new, new], len(held_out))
    changed = polygons(folder / "b.gpkg", cells, classes, geobox=grid)
    after = decided([scene], changed, by=by, folds=2 if by == "polygons" else None)
    assert after.top_classes == before.top_classes
    np.testing.assert_array_equal(after.ground.part_of_source, before.ground.part_of_source)
