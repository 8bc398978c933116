"""Splits whose legend is chosen by training ground."""

import datetime
from dataclasses import replace

import numpy as np
import pytest

from covermap.chips.parts import SplitCase
from covermap.chips.scan import scan
from covermap.chips.settings import SplitSettings
from covermap.chips.split_file import read_split, write_split
from covermap.chips.split_top import split_with_top_classes
from covermap.core.errors import SplitError
from covermap.labels.masks import read_masks
from covermap.labels.settings import LabelSettings
from covermap.labels.top_classes import without_classes
from pictures import write_ids
from prepared import CHANNELS, noisy_scene
from tiny import tiny_geobox

CODES = np.array([3, 10, 40, 41, 42])
SETTINGS = LabelSettings(path="masks", legend="top 2 + other")


def picture_set(folder, number, seed=0):
    """Pictures without a CRS whose masks hold five codes, the first ones most often."""
    random = np.random.default_rng(seed)
    scenes = []
    for place in range(number):
        scene = noisy_scene(tiny_geobox(32, 32, crs=None), f"p{place:02}", place)
        object.__setattr__(scene, "files", (folder / "images" / f"p{place:02}.png",))
        scenes.append(scene)
        index = random.choice(5, (32, 32), p=[0.1, 0.4, 0.3, 0.15, 0.05])
        write_ids(folder / "masks" / f"p{place:02}.tif", CODES[index])
    return scenes


def decided(folder, scenes, **split):
    labels = read_masks(SETTINGS, folder, scenes)
    scans = [scan(scene, without_classes(labels), CHANNELS) for scene in scenes]
    case = SplitCase(scenes, scans, labels, SplitSettings(**split), 32, 0)
    return labels, split_with_top_classes(case, CHANNELS, SETTINGS)


def counted(labels, scenes, names):
    """Pixels of each code in the masks of some scenes."""
    total = np.zeros(len(labels.legend), int)
    for scene in scenes:
        if scene.name in names:
            target = labels.burn(scene.geobox, scene.name)
            total += np.bincount(target.index[target.labelled], minlength=len(total))
    return dict(zip(labels.legend.names, total.tolist(), strict=True))


def names_of(split, part):
    code = split.ground.parts.index(part)
    return {name for name, (own, _) in split.ground.scenes.items() if own == code}


@pytest.mark.parametrize("folds", [None, 3])
def test_pixels_are_those_of_the_ground_that_always_trains(tmp_path, folds):
    scenes = picture_set(tmp_path, 14)
    labels, split = decided(tmp_path, scenes, by="images", folds=folds)
    there = counted(labels, scenes, names_of(split, "train"))
    top = split.top_classes
    assert top.kept == ("10", "40")
    assert top.pixels[:2] == (there["10"], there["40"])
    assert sum(top.pixels) == sum(there.values())
    assert split.assessed == top.legend.names == ("other", "10", "40")


def test_a_kfold_keeps_ground_that_no_fold_tests(tmp_path):
    _, split = decided(tmp_path, picture_set(tmp_path, 8), by="images", folds=3)
    assert names_of(split, "train")
    for training in split.trainings[:-1]:
        assert "train" in training.train
        assert "train" not in training.score
    assert any("ground that no fold tests" in reason for reason in split.reasons)


def test_three_images_are_two_folds_and_one_that_chooses(tmp_path):
    _, split = decided(tmp_path, picture_set(tmp_path, 3), by="images")
    assert split.ground.parts == ("fold1", "fold2", "train")
    assert all(len(names_of(split, part)) == 1 for part in split.ground.parts)


def test_a_kfold_of_dates_keeps_ground_that_chooses(tmp_path):
    scenes = [
        replace(scene, date=datetime.date(2020 + place // 2, 6, 1))
        for place, scene in enumerate(picture_set(tmp_path, 8))
    ]
    _, split = decided(tmp_path, scenes, by="date", period="year")
    assert split.scheme == "kfold"
    assert len(names_of(split, "train")) == 2
    assert split.top_classes is not None


def test_two_images_leave_nothing_to_choose_from(tmp_path):
    with pytest.raises(SplitError, match="labels lie in 2 group"):
        decided(tmp_path, picture_set(tmp_path, 2), by="images")


def test_the_choice_is_read_back_with_the_split(tmp_path):
    _, split = decided(tmp_path, picture_set(tmp_path, 14), by="images")
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json").top_classes == split.top_classes
