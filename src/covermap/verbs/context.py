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

from covermap.assessment.lead import Lead, explained_lead, lead
from covermap.assessment.regression import RegressionTally, r_squared
from covermap.assessment.scores import class_mean_iou, true_classes
from covermap.assessment.sums import SumsByGroup
from covermap.assessment.tally import GroupedSum, GroupedTally
from covermap.chips.loading import Chips, Share
from covermap.chips.sample import Sample

# Enough to see such a failure, which is never small; more would cost a part of an epoch.
_MOST_CHIPS = 24
# Pixels around a chip, and times its side: what fails with more fails with these.
_MOST_AROUND, _MOST_SIDES, _STEP = 128, 2, 32
# Class-mean IoU, or R2 of densities, that must be lost: ground held out nearby is hidden here, but
# not in a map.
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
        Score of chips by themselves, and with what lies around them.
    hurts : bool
        Whether surroundings cost it more than 5 points, and more than luck explains.
    measure : str
        What the score is: `class_mean_iou`, or of densities `r2`.
    """

    around: int
    alone: float
    within: float
    hurts: bool
    measure: str = "class_mean_iou"

    @property
    def told(self) -> str:
        """The two scores in words."""
        name = "class-mean IoU" if self.measure == "class_mean_iou" else "R2"
        return f"{name} {self.within:.3f} instead of {self.alone:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """As `training.json` holds it."""
        return {
            "around_px": self.around,
            f"{self.measure}_alone": round(self.alone, 6),
            f"{self.measure}_within": round(self.within, 6),
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
    found = _shown(chips, radius)
    if found is None:
        return None
    around, few, wide = found
    alone, within = (tally_of(answer, shown, classes) for shown in (few, wide))
    if not alone.groups:
        return None
    ious = [
        class_mean_iou(tally.pooled, true_classes(tally.pooled)) or 0.0 for tally in (alone, within)
    ]
    return Context(around, ious[0], ious[1], _hurts(lead(alone, within, seed)))


def context_of_numbers(answer: Answer, chips: Chips, radius: int, seed: int) -> Context | None:
    """The same of a network of densities, by R2.

    Parameters
    ----------
    answer : callable
        Value of each pixel of a sample, (H, W), in the units of its target.
    chips, radius, seed
        As for `context_of`.

    Returns
    -------
    Context or None
        None also where the truth does not vary.
    """
    found = _shown(chips, radius)
    if found is None:
        return None
    around, few, wide = found
    alone, within = (_numbers_of(answer, shown) for shown in (few, wide))
    ahead = explained_lead(alone, within, seed)
    if ahead is None:
        return None
    scores = [r_squared(sum(sums.values(), RegressionTally())) or 0.0 for sums in (alone, within)]
    return Context(around, scores[0], scores[1], _hurts(ahead), "r2")


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


def _numbers_of(answer: Answer, chips: Chips) -> dict[int, RegressionTally]:
    """How a network of densities answers for the counted pixels of chips, by group."""
    sums: SumsByGroup[int, RegressionTally] = SumsByGroup()
    for place in range(len(chips)):
        sample, groups = chips[place], chips.share.read(place).groups
        said = answer(sample)
        for group in np.unique(groups[sample.counted]).tolist():
            here = sample.counted & (groups == group)
            sums.add(group, RegressionTally.of(sample.target, said, here))
    return sums.groups


def _shown(chips: Chips, radius: int) -> tuple[int, Chips, Chips] | None:
    """Pixels around chips, some of the chips alone, and in so much of their surroundings.

    None where nothing lies around any, or the network sees nothing of it.
    """
    places = _surrounded(chips.share)
    if not radius or not places:
        return None
    few = chips.some(places).alone
    side = few.share.windows[0][1].width
    around = min(_MOST_AROUND, _MOST_SIDES * side, -(-radius // _STEP) * _STEP)
    wide = few.within(around)
    return None if wide is few else (around, few, wide)


def _hurts(ahead: Lead) -> bool:
    """Whether chips alone are ahead by more than 5 points and more than luck."""
    return ahead.is_clear and ahead.difference > _LOST


def _surrounded(share: Share) -> Sequence[int]:
    """Places of some chips, evenly chosen, whose scene goes on beyond them."""
    beyond = [place for place in range(len(share.windows)) if share.goes_on(place)]
    chosen = np.linspace(0, len(beyond) - 1, min(_MOST_CHIPS, len(beyond))).round().astype(int)
    return [beyond[number] for number in np.unique(chosen)]
