"""What the page of several runs shows: the runs, their scores, and the ground they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.core.legend import Legend
from covermap.report.comparison_figure import ComparedCurve
from covermap.report.published import Published

# Scores of any task, in the order of the table, and whether they are shares.
SCORES = {
    "class_mean_iou": ("class-mean IoU", True),
    "overall_accuracy": ("overall accuracy", True),
    "micro_iou": ("micro IoU", True),
    "f1": ("F1", True),
    "mean_accuracy": ("mean accuracy of labels", True),
    "exact_match": ("all labels right", True),
    "mae": ("mean absolute error", False),
    "rmse": ("RMSE", False),
    "r2": ("R2", False),
    "spearman": ("Spearman", False),
    "iou_nonzero": ("IoU of non-zero", True),
    "ruzicka": ("Ruzicka", True),
}
# The lower the better.
ERRORS = ("mae", "rmse")


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One variant and what came of it.

    Attributes
    ----------
    name, folder : str
        `folder` holds its own report, relative to the page.
    model, tested_on : str
        In words.
    leaky : str
        What is wrong with its split; empty where nothing is.
    metrics : mapping
        The content of `metrics.json`.
    curve : ComparedCurve
        Of its final model; without rows where nothing was noted.
    """

    name: str
    folder: str
    model: str
    tested_on: str
    leaky: str
    metrics: Mapping[str, Any]
    curve: ComparedCurve


@dataclass(frozen=True, eq=False)
class ComparedPanel:
    """A piece of ground that several variants were tested on.

    Attributes
    ----------
    caption : str
    image : ndarray of uint8, shape (H, W, 3)
    truth : ndarray of int16, shape (H, W)
        Positions in the legend; -1 where unlabelled.
    predictions : tuple of (str, ndarray)
        Name of a variant, and positions as in `truth`; -1 where nothing is mapped.
    """

    caption: str
    image: np.ndarray
    truth: np.ndarray
    predictions: tuple[tuple[str, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class ComparedGround:
    """Variants with one split, and what they make of the ground that it tests."""

    title: str
    legend: Legend
    panels: tuple[ComparedPanel, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The page.

    Attributes
    ----------
    name : str
        The project.
    runs : tuple of ComparedRun
        At least one.
    grounds : tuple of ComparedGround
        One for each split with panels.
    losses_compare : bool
        All variants have the same loss, so that its curves can be laid over each other.
    published : Published or None
    """

    name: str
    runs: tuple[ComparedRun, ...]
    grounds: tuple[ComparedGround, ...] = ()
    losses_compare: bool = False
    published: Published | None = None

    def run(self, name: str) -> ComparedRun:
        return next(item for item in self.runs if item.name == name)
