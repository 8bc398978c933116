"""Which of a network and a forest is kept, and that no fold chooses the model that it scores."""

from __future__ import annotations

import numpy as np

from covermap.assessment.tally import Tally
from covermap.models.settings import ModelSettings
from covermap.verbs.choose import Rivals, choose
from covermap.verbs.teach import Taught


def _taught(name: str) -> Taught:
    weights = b"" if name == "random-forest" else {}
    return Taught(ModelSettings(name=name), weights, 0, {}, lambda sample: sample.target)


def _rivals(name: str, network_right: int | None, forest_right: int | None) -> Rivals:
    tallies = None
    if network_right is not None and forest_right is not None:
        tallies = (_tally(network_right), _tally(forest_right))
    return Rivals(name, _taught("unet"), _taught("random-forest"), tallies)


def _tally(right: int) -> Tally:
    return Tally(np.array([[right, 10 - right], [10 - right, right]]))


def test_validation_decides_a_hold_out():
    assert choose([_rivals("final", 9, 5)])["final"].kept.settings.name == "unet"
    assert choose([_rivals("final", 5, 9)])["final"].kept.settings.name == "random-forest"


def test_equal_scores_go_to_the_simpler_model():
    assert choose([_rivals("final", 7, 7)])["final"].kept.settings.name == "random-forest"


def test_no_fold_chooses_the_model_that_it_scores():
    """Fold 1 alone would choose the network; the other folds choose the forest for it."""
    choices = choose(
        [
            _rivals("fold1", 10, 0),
            _rivals("fold2", 5, 6),
            _rivals("fold3", 5, 6),
            _rivals("final", None, None),
        ]
    )
    assert choices["fold1"].kept.settings.name == "random-forest"
    assert choices["fold1"].ground == "the other folds"
    assert choices["fold2"].kept.settings.name == "unet"
    assert choices["final"].kept.settings.name == "unet"
    assert choices["final"].ground == "all folds"
