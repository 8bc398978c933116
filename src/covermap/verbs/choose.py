"""`model: auto`: forests and a network are all taught, and validation decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from covermap.assessment.lead import Lead, lead
from covermap.assessment.scores import class_mean_iou, true_classes
from covermap.assessment.tally import GroupedTally
from covermap.core.progress import say
from covermap.verbs.teach import Taught


@dataclass(frozen=True)
class Rivals:
    """Models taught by the same ground, the simplest first, and their tallies on other ground.

    The ground is the validation part, or, in a k-fold, the fold that none of them saw; None for the
    last training of a k-fold, which uses all labels.
    """

    name: str
    taught: tuple[Taught, ...]
    tallies: tuple[GroupedTally, ...] | None


@dataclass(frozen=True)
class Choice:
    """Which of the rivals is kept, and why.

    Attributes
    ----------
    kept : Taught
    ious : dict
        Class-mean IoU of each rival by name, None where undefined.
    leads : dict
        Of each rival but the simplest: how far it is ahead of the one kept until then.
    ground : str
        Where they were compared, in words.
    """

    kept: Taught
    ious: dict[str, float | None]
    leads: dict[str, Lead]
    ground: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "kept": self.kept.settings.described,
            "class_mean_iou": self.ious,
            "leads": {name: asdict(found) for name, found in self.leads.items()},
            "ground": self.ground,
        }


def choose(rivals: Sequence[Rivals], seed: int) -> dict[str, Choice]:
    """The choice for each training, by its name.

    The simplest model stays unless another is ahead by more than the standard error of the
    difference (the one-standard-error rule: Breiman et al. 1984, Classification and Regression
    Trees, section 3.4.3): on a few polygons the highest score is mostly luck.

    With a validation part each training is decided there. In a k-fold the choice for a fold is made
    on the other folds, so that no fold chooses the model that it scores; the last model is decided
    on all folds.
    """
    alone = len(rivals) == 1
    choices = {}
    for rival in rivals:
        others = [item for item in rivals if item.tallies and (alone or item is not rival)]
        ground = "validation" if alone else "the other folds" if rival.tallies else "all folds"
        choices[rival.name] = _best(rival, others, ground, seed)
    _tell(choices[rivals[-1].name])
    return choices


def _tell(choice: Choice) -> None:
    scores = "; ".join(f"{name} {_number(iou)}" for name, iou in choice.ious.items())
    say(
        f"model: auto keeps {choice.kept.settings.described} "
        f"(class-mean IoU on {choice.ground}: {scores})"
    )
    for name, found in choice.leads.items():
        if found.difference > 0 and not found.is_clear:
            say(
                f"  {name} is ahead by {found.difference:.3f}, which is within the standard error "
                f"of that difference, {found.standard_error:.3f}: the simpler model stays"
            )


def _best(rival: Rivals, others: Sequence[Rivals], ground: str, seed: int) -> Choice:
    names = [taught.settings.described for taught in rival.taught]
    pooled = []
    for place in range(len(names)):
        tallies = [item.tallies[place] for item in others if item.tallies]
        pooled.append(sum(tallies, GroupedTally({})).counted)
    ious = [
        class_mean_iou(found.pooled, true_classes(found.pooled)) if found.groups else None
        for found in pooled
    ]
    best, leads = 0, {}
    for place in range(1, len(names)):
        if pooled[place].groups:
            leads[names[place]] = lead(pooled[place], pooled[best], seed)
            best = place if leads[names[place]].is_clear else best
    return Choice(rival.taught[best], dict(zip(names, ious, strict=True)), leads, ground)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
