"""run: prepare, train, evaluate, map, report; what did not change is skipped."""

from __future__ import annotations

from pathlib import Path

from covermap.project.steps import RunFolder
from covermap.verbs.evaluate import evaluate_step
from covermap.verbs.map_run import map_step
from covermap.verbs.prepare import prepare_step
from covermap.verbs.report import report_step
from covermap.verbs.train import train_step
from covermap.verbs.workspace import Workspace

STEPS = (prepare_step, train_step, evaluate_step, map_step, report_step)


def run(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Everything from a project file to a map and its report.

    Parameters
    ----------
    project : path
        Project file.
    out : path
        Folder of the run; made if needed.
    force : bool
        Repeat steps although nothing changed.

    Returns
    -------
    RunFolder
        With all files of the contract.

    Raises
    ------
    CovermapError
        A mistake that the user can mend.
    """
    workspace = Workspace.open(project, out, "run")
    for step in STEPS:
        step(workspace, force)
    return workspace.folder
