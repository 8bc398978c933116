"""Whether a network does as well when it is shown more than its chips, as the tiles of a map are.

A network that sees farther than its chips are wide has met the padding at their ends in all that it
learnt. Some come to lean on it: a U-Net with random weights, taught chips of 96 px, had 88 % of the
pixels of unseen chips right, and 34 % in tiles that show it all that it can see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.assessment.lead import lead
from covermap.assessment.scores import class_mean_iou, true_classes
from covermap.assessment.tally import GroupedSum, GroupedTally
from covermap.chips.loading import Chips, Share
from covermap.chips.sample import Sample

# Enough to see such a failure, which is never small; more would cost a part of an epoch.
_MOST_CHIPS = 24
# Pixels around a chip, and times its side: what fails with more fails with these.
_MOST_AROUND, _MOST_SIDES, _STEP = 128, 2, 32
# Class-mean IoU that must be lost: ground held out nearby is hidden here, but not in a map.
_LOST = 0.05

Answer = Callable[[Sample], np.ndarray]


@dataclass(frozen=True)
class Context:
    """What surroundings do to a network's answers.

    Attributes
    ----------
    around : int
        Pixels that were shown on each side of a chip.
    alone, within : float
        Class-mean IoU of chips by themselves, and with what lies around them.
    hurts : bool
        Whether surroundings cost it more than 5 points, and more than luck explains.
    """

    around: int
    alone: float
    within: float
    hurts: bool

    def to_dict(self) -> dict[str, Any]:
        """As `training.json` holds it."""
        return {
            "around_px": self.around,
            "class_mean_iou_alone": round(self.alone, 6),
            "class_mean_iou_within": round(self.within, 6),
            "hurts": self.hurts,
        }


def context_of(
    answer: Answer, chips: Chips, radius: int, classes: int, seed: int
) -> Context | None:
    """How a network answers for chips by themselves and within their surroundings.

    Parameters
    ----------
    answer : callable
        Class of each pixel of a sample, (H, W).
    chips : Chips
        Validation ground; where there is none, ground that taught does too, as it fails alike.
    radius : int
        How far the network sees, px.
    classes, seed : int

    Returns
    -------
    Context or None
        None where nothing lies around any chip, as with whole pictures, or nothing is counted.
    """
    places = _surrounded(chips.share)
    if not radius or not places:
        return None
    few = chips.some(places).alone
    side = few.share.windows[0][1].width
    around = min(_MOST_AROUND, _MOST_SIDES * side, -(-radius // _STEP) * _STEP)
    wide = few.within(around)
    if wide is few:
        return None
    alone, within = (tally_of(answer, shown, classes) for shown in (few, wide))
    if not alone.groups:
        return None
    found = lead(alone, within, seed)
    hurts = found.is_clear and found.difference > _LOST
    ious = [
        class_mean_iou(tally.pooled, true_classes(tally.pooled)) or 0.0 for tally in (alone, within)
    ]
    return Context(around, ious[0], ious[1], hurts)


def tally_of(answer: Answer, chips: Chips, classes: int) -> GroupedTally:
    """How a model answers for the counted pixels of chips, by group."""
    total = GroupedSum()
    for place in range(len(chips)):
        sample = chips[place]
        if sample.counted.any():
            groups = chips.share.read(place).groups
            total.add(
                GroupedTally.of(sample.target, answer(sample), sample.counted, groups, classes)
            )
    return total.tally


def _surrounded(share: Share) -> Sequence[int]:
    """Places of some chips, evenly chosen, whose scene goes on beyond them."""
    beyond = [place for place in range(len(share.windows)) if share.goes_on(place)]
    chosen = np.linspace(0, len(beyond) - 1, min(_MOST_CHIPS, len(beyond))).round().astype(int)
    return [beyond[number] for number in np.unique(chosen)]
