"""Numbers that others had in an experiment, and which of ours they may stand beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from covermap.core.settings import Settings


def score_at(test: Mapping[str, Any], key: str) -> float | None:
    """A score of `test` by its dotted key; None where there is none.

    Examples
    --------
    >>> score_at({"combiners": {"argmax": {"micro_iou": 0.4}}}, "combiners.argmax.micro_iou")
    0.4
    """
    found: Any = test
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return None if found is None else float(found)


class PublishedNumber(Settings):
    """One number of a publication.

    Attributes
    ----------
    variant : str
        Which of our variants it is to be compared with.
    metric : str
        What the publication calls it.
    value : float
        A share is written 0..1.
    measured_on : str
        What it was measured on: the part, the split.
    ours : str, optional
        Key of `test` in `metrics.json` that measures the same, dotted where it lies deeper; left
        out where none does.
    why : str
        Why that one, or why none of ours can be compared with it.
    """

    variant: str
    metric: str
    value: float
    measured_on: str
    ours: str | None = None
    why: str = ""

    @model_validator(mode="after")
    def _reason_where_nothing_compares(self) -> PublishedNumber:
        if self.ours is None and not self.why:
            raise ValueError("why: must say why none of our scores can be compared, or give `ours`")
        return self


class Published(Settings):
    """What a publication reports of an experiment.

    Attributes
    ----------
    source : str
        Authors, title, table.
    numbers : tuple of PublishedNumber
        None where the publication gives none.
    honest : dict of str to str
        The variant with an honest split that stands beside one with the publication's leaky split.
    remarks : tuple of str
        What its numbers are worth, and what it does not say.
    warnings : tuple of str
        What keeps our run from being that experiment: told before anything else.
    """

    source: str
    numbers: tuple[PublishedNumber, ...] = ()
    honest: dict[str, str] = Field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
