"""What a project may say and no training can do, told before any is taught."""

from __future__ import annotations

from collections.abc import Mapping

from covermap.core.errors import ProjectError
from covermap.models.class_weights import class_weights
from covermap.models.settings import FOREST
from covermap.training.sampling import check_sampling
from covermap.verbs.workspace import Workspace


def require_trainable(workspace: Workspace) -> None:
    """Refuse what the task cannot do.

    Raises
    ------
    ProjectError
        Chips are to be drawn by class, and a regression has none.
    """
    project, where = workspace.project, workspace.project_path
    if project.task != "regression":
        return
    if project.training.sampling not in ("auto", "uniform"):
        raise ProjectError(
            f"{where}: training: sampling draws chips by class, and task: regression has none; "
            "write training: {sampling: uniform}"
        )


def require_classes(workspace: Workspace, taught: Mapping[str, int]) -> None:
    """Refuse classes that loss or sampling name and no training of the run can meet.

    Asked once for all: in a k-fold, and of rivals, hours may pass before the one that lacks a class
    comes to be taught.

    Parameters
    ----------
    workspace : Workspace
    taught : mapping of str to int
        How much of each class of the legend teaches in the last training, which has most ground.

    Raises
    ------
    ModelError
        A class is not in the legend, or nothing of it teaches; or weights are too few or too many.
    """
    project = workspace.project
    if project.task == "regression" or project.model.name == FOREST:
        return
    check_sampling(project.training.sampling, taught)
    term = project.loss.cross_entropy
    if term is not None:
        class_weights(term, tuple(taught), tuple(taught.values()))
