"""`model: auto`: a network and a forest are both taught, and validation decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from covermap.assessment.scores import class_mean_iou
from covermap.assessment.tally import Tally
from covermap.core.progress import say
from covermap.verbs.teach import Taught


@dataclass(frozen=True)
class Rivals:
    """A network and a forest taught by the same ground, and their tallies on other ground.

    The ground is the validation part, or, in a k-fold, the fold that both never saw; None for the
    last training of a k-fold, which uses all labels.
    """

    name: str
    network: Taught
    forest: Taught
    tallies: tuple[Tally, Tally] | None


@dataclass(frozen=True)
class Choice:
    """Which of two rivals is kept, and why."""

    kept: Taught
    network_iou: float | None
    forest_iou: float | None
    ground: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "kept": self.kept.settings.name,
            "network_class_mean_iou": self.network_iou,
            "forest_class_mean_iou": self.forest_iou,
            "ground": self.ground,
        }


def choose(rivals: Sequence[Rivals]) -> dict[str, Choice]:
    """The choice for each training, by its name.

    With a validation part each training is decided there. In a k-fold the choice for a fold is made
    on the other folds, so that no fold chooses the model that it scores; the last model is decided
    on all folds.
    """
    alone = len(rivals) == 1
    choices = {}
    for rival in rivals:
        others = [item for item in rivals if item.tallies and (alone or item is not rival)]
        ground = "validation" if alone else "the other folds" if rival.tallies else "all folds"
        choices[rival.name] = _better(rival, others, ground)
    told = choices[rivals[-1].name]
    say(
        f"model: auto keeps the {_word(told.kept)} (class-mean IoU on {told.ground}: network "
        f"{_number(told.network_iou)}, random forest {_number(told.forest_iou)})"
    )
    return choices


def _better(rival: Rivals, others: Sequence[Rivals], ground: str) -> Choice:
    totals: list[Tally] = []
    for place in (0, 1):
        tallies = [item.tallies[place] for item in others if item.tallies]
        totals.append(sum(tallies[1:], tallies[0]))
    network, forest = (class_mean_iou(total) for total in totals)
    # Equal scores go to the forest: it is the simpler model.
    wins = (network or 0.0) > (forest or 0.0)
    return Choice(rival.network if wins else rival.forest, network, forest, ground)


def _word(taught: Taught) -> str:
    return "random forest" if isinstance(taught.weights, bytes) else "network"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
