"""Which of a network and a forest is kept, and that no fold chooses the model that it scores."""

from __future__ import annotations

import numpy as np
import pytest

from covermap.assessment.tally import GroupedTally, Tally
from covermap.core.errors import ProjectError
from covermap.models.settings import ModelSettings
from covermap.verbs.choose import Rivals, choose
from covermap.verbs.prepare import prepare
from covermap.verbs.teach import Taught
from covermap.verbs.train import train
from pictures import quarters, write_ids, write_picture

_SIMPLEST_FIRST = (
    ModelSettings(name="random-forest"),
    ModelSettings(name="random-forest", window=9),
    ModelSettings(name="unet"),
)


def _taught(settings: ModelSettings) -> Taught:
    weights = b"" if settings.name == "random-forest" else {}
    return Taught(settings, weights, 0, {}, lambda sample: sample.target)


def _rivals(name: str, network: int | None, forest: int | None, windows: int = 0) -> Rivals:
    tallies = None
    if network is not None and forest is not None:
        tallies = (_tally(forest), _tally(windows), _tally(network))
    return Rivals(name, tuple(_taught(item) for item in _SIMPLEST_FIRST), tallies)


def _tally(*rights: int) -> GroupedTally:
    """Two classes; a group of twenty pixels for each number of those right of ten."""
    return GroupedTally(
        {
            str(place): Tally(np.array([[right, 10 - right], [10 - right, right]]))
            for place, right in enumerate(rights)
        }
    )


def test_validation_decides_a_hold_out():
    assert choose([_rivals("final", 9, 5)], 0)["final"].kept.settings.name == "unet"
    assert choose([_rivals("final", 5, 9)], 0)["final"].kept.settings.name == "random-forest"


def test_equal_scores_go_to_the_simpler_model():
    assert choose([_rivals("final", 7, 7)], 0)["final"].kept.settings.name == "random-forest"


def _chosen(forest: GroupedTally, network: GroupedTally) -> str:
    taught = (_taught(_SIMPLEST_FIRST[0]), _taught(_SIMPLEST_FIRST[2]))
    return choose([Rivals("final", taught, (forest, network))], 0)["final"].kept.settings.name


def test_a_lead_that_is_one_lucky_group_does_not_decide():
    """The network is ahead by 1.5 points of a hundred, all of it from one of six groups."""
    forest, lucky = _tally(7, 7, 7, 7, 7, 4), _tally(7, 6, 7, 6, 7, 9)
    assert _chosen(forest, lucky) == "random-forest"


def test_a_lead_that_does_not_count_is_told(capsys):
    _chosen(_tally(7, 7, 7, 7, 7, 4), _tally(7, 6, 7, 6, 7, 9))
    said = " ".join(capsys.readouterr().err.split())
    assert "is ahead by 0.0" in said
    assert "the simpler model stays" in said


def test_a_small_lead_everywhere_decides():
    assert _chosen(_tally(7, 6, 5, 8, 4, 7), _tally(8, 7, 6, 9, 5, 8)) == "unet"


def test_one_pixel_mapped_as_a_class_that_lies_nowhere_does_not_decide():
    """Such a class has an IoU of 0, which a third of the mean would be."""
    right = np.array([[8, 1, 1], [2, 8, 0], [0, 0, 0]])
    worse = np.array([[7, 3, 0], [3, 7, 0], [0, 0, 0]])
    forest, network = (GroupedTally({"a": Tally(m), "b": Tally(m)}) for m in (right, worse))
    assert _chosen(forest, network) == "random-forest"
    taught = (_taught(_SIMPLEST_FIRST[0]), _taught(_SIMPLEST_FIRST[2]))
    found = choose([Rivals("final", taught, (forest, network))], 0)["final"]
    assert found.ious["random forest, by pixel"] == pytest.approx((8 / 12 + 8 / 11) / 2)


def test_without_any_counted_pixel_the_simplest_stays():
    assert _chosen(GroupedTally({}), GroupedTally({})) == "random-forest"


def test_the_forest_of_windows_is_a_rival_of_its_own():
    choice = choose([_rivals("final", 6, 5, windows=9)], 0)["final"]
    assert choice.kept.settings.window == 9
    assert list(choice.ious) == [item.described for item in _SIMPLEST_FIRST]


def test_no_fold_chooses_the_model_that_it_scores():
    """Fold 1 alone would choose the network; the other folds choose the forest for it."""
    choices = choose(
        [
            _rivals("fold1", 10, 0),
            _rivals("fold2", 5, 6),
            _rivals("fold3", 5, 6),
            _rivals("final", None, None),
        ],
        seed=0,
    )
    assert choices["fold1"].kept.settings.name == "random-forest"
    assert choices["fold1"].ground == "the other folds"
    assert choices["fold2"].kept.settings.name == "unet"
    assert choices["final"].kept.settings.name == "unet"
    assert choices["final"].ground == "all folds"


def test_the_test_of_a_hold_out_never_chooses(tmp_path, monkeypatch):
    for place in range(6):
        index = quarters(64, 64, seed=place)
        write_picture(tmp_path / "images" / f"{place:02}_sat.png", index, place)
        write_ids(tmp_path / "masks" / f"{place:02}_mask.tif", index + 1)
    project = tmp_path / "project.yaml"
    project.write_text(
        "imagery: [{path: images, join: false}]\nlabels: {path: masks}\nmodel: {name: auto}\n"
        "split: {by: list, train: ['0[0-3]*'], val: [], test: ['0[45]*']}\n"
    )
    prepare(project, tmp_path / "run")
    with pytest.raises(ProjectError, match="model: auto chooses on validation ground"):
        train(project, tmp_path / "run")
    assert not (tmp_path / "run" / "bundle").exists()
