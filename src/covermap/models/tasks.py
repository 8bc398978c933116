"""What each task asks of a network and of its loss.

Knows no torch until a loss is built, so that a project file can be checked without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from covermap.core.errors import ProjectError, nearest
from covermap.models.loss_settings import LossSettings
from covermap.models.registry import Output, network_names
from covermap.models.settings import AUTO, FOREST, ModelSettings

if TYPE_CHECKING:
    from torch import nn

_PIXEL_TERMS = (
    "cross_entropy",
    "focal",
    "focal_ovr",
    "dice",
    "jaccard",
    "tversky",
    "focal_tversky",
    "lovasz",
)


@dataclass(frozen=True)
class Task:
    """What is learnt of imagery.

    Attributes
    ----------
    name : str
        As a project file writes it.
    outputs : tuple of str
        Of the networks that serve it, the default one first.
    network : str
        The network when a project names none.
    terms : tuple of str
        Keys of `loss` that serve it.
    usual : dict of str to float
        The loss when a project names none.
    """

    name: str
    outputs: tuple[Output, ...]
    network: str
    terms: tuple[str, ...]
    usual: dict[str, float]

    @property
    def models(self) -> tuple[str, ...]:
        """What `model: {name: ...}` may be."""
        forests = {"segmentation": (FOREST, AUTO), "classification": (FOREST,)}
        networks = (name for output in self.outputs for name in network_names(output))
        return (*networks, *forests.get(self.name, ()))


TASKS = {
    task.name: task
    for task in (
        Task("segmentation", ("dense",), "unet", _PIXEL_TERMS, {"cross_entropy": 1.0, "dice": 1.0}),
        Task(
            "classification",
            ("chip",),
            "classifier",
            ("cross_entropy", "focal", "focal_ovr"),
            {"cross_entropy": 1.0},
        ),
        Task(
            "multilabel",
            ("chip",),
            "classifier",
            ("binary_cross_entropy", "binary_focal"),
            {"binary_cross_entropy": 1.0},
        ),
        Task(
            "weak-segmentation",
            ("chip",),
            "shallow-cnn",
            ("binary_cross_entropy", "binary_focal"),
            {"binary_cross_entropy": 1.0},
        ),
        Task(
            "regression",
            ("dense", "chip"),
            "unet",
            ("mse", "mae", "huber", "ruzicka"),
            {"mse": 1.0},
        ),
    )
}


def task_of(name: str) -> Task:
    """The task of a name in a project file.

    Raises
    ------
    ProjectError
        There is no such task; says the nearest.
    """
    if name not in TASKS:
        raise ProjectError(f"task: no such task '{name}'; {nearest(name, TASKS)}")
    return TASKS[name]


def check_task(task: Task, model: ModelSettings, loss: LossSettings) -> None:
    """Refuse a network or a loss that does not serve the task.

    Raises
    ------
    ProjectError
        Says what does.
    """
    if model.name not in task.models:
        raise ProjectError(
            f"model: {model.name} does not serve task {task.name}; write model: "
            f"{{name: {task.network}}} (known: {', '.join(task.models)})"
        )
    if model.activation != "identity" and task.name != "regression":
        raise ProjectError(
            f"model: activation: {model.activation} is for task regression; leave it out, "
            f"{task.name} turns a network's outputs into probabilities itself"
        )
    if model.window > 1 and (model.name not in (FOREST, AUTO) or task.name != "segmentation"):
        raise ProjectError(
            f"model: window: {model.window} is what a random forest is told around each pixel; "
            f"leave it out: {_no_window(task, model)}"
        )
    for term in loss.terms:
        if term not in task.terms:
            raise ProjectError(
                f"loss: {term} does not serve task {task.name}; {nearest(term, task.terms)}"
            )


def _no_window(task: Task, model: ModelSettings) -> str:
    if model.name == FOREST:
        return f"of task {task.name} the forest is told statistics of whole chips"
    return f"{model.name} sees its surroundings by itself"


def loss_of(
    task: Task,
    loss: LossSettings,
    model: ModelSettings,
    names: Sequence[str] = (),
    counts: Sequence[int] = (),
) -> nn.Module:
    """The loss of a task: called with the network's outputs, the target and what is counted.

    Parameters
    ----------
    task, loss, model
        That `check_task` agrees with.
    names : sequence of str, optional
        Classes in the legend's order; needed where class weights are asked for.
    counts : sequence of int, optional
        Counted training pixels, or chips, of each class; needed likewise.

    Returns
    -------
    Module
        Of (outputs, target, counted): segmentation (N, K, H, W), (N, H, W), (N, H, W);
        classification (N, K), (N,), (N,); multilabel and weak-segmentation three times (N, K);
        regression (N, 1, H, W), (N, H, W), (N, H, W) or (N, 1), (N,), (N,).
    """
    if task.name == "regression":
        from covermap.models.regression_losses import RegressionLoss

        return RegressionLoss(loss, model.activation)
    if task.name == "segmentation":
        from covermap.models.losses import CombinedLoss

        return CombinedLoss(loss, names, counts)
    from covermap.models.chip_losses import ChipLoss, TagLoss

    return ChipLoss(loss, names, counts) if task.name == "classification" else TagLoss(loss)
