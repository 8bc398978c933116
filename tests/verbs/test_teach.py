"""A taught model is judged as its maps will show the ground."""

import numpy as np
import pytest

from covermap.chips.loading import Chips
from covermap.models.settings import ModelSettings
from covermap.verbs.teach import Taught
from prepared import noisy_scene, prepared
from small_pictures import Everywhere
from tiny import tiny_geobox

CHIP, AROUND, CLASSES = 32, 16, 3


@pytest.mark.parametrize(
    ("marks", "side"),
    [
        ({}, CHIP + 2 * AROUND),
        ({"sees_everything": True}, CHIP),
        ({"leans_on_chips": True}, CHIP),
    ],
    ids=["any network", "one that sees everything", "one that leans on its chips"],
)
def test_rivals_are_judged_as_their_maps_will_show_the_ground(marks, side):
    run = prepared([noisy_scene(tiny_geobox(160, 160))], Everywhere(), CHIP)
    training = run.split.trainings[0]
    teach, validate, _ = run.shares(training, AROUND)
    shown = set()

    def answer(sample):
        shown.add(sample.valid.shape)
        return sample.target

    taught = Taught(ModelSettings(), {}, 1, {}, answer, **marks)
    found = taught.tally(Chips(validate, teach.statistics()), CLASSES)
    assert shown == {(side, side)}
    # Every pixel of the validation ground once, whatever is shown around it.
    alone = run.shares(training)[1]
    counted = sum(alone.counted(alone.read(n)).sum() for n in range(len(alone.windows)))
    assert np.diag(found.pooled.matrix).sum() == found.pooled.matrix.sum() == counted > 0
