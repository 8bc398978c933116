"""run: prepare, train, evaluate, map, report; what did not change is skipped."""

from __future__ import annotations

from pathlib import Path

from covermap.project.steps import RunFolder
from covermap.verbs import evaluate, map_run, prepare, report, train
from covermap.verbs.workspace import Workspace

STEPS = (
    prepare.prepare_step,
    train.train_step,
    evaluate.evaluate_step,
    map_run.map_step,
    report.report_step,
)


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
    # A stranger's file in the way of the map is told now, not after the training.
    for outputs in (prepare.OUTPUTS, train.OUTPUTS, evaluate.OUTPUTS, report.OUTPUTS):
        workspace.folder.check(outputs)
    workspace.folder.check(map_run.outputs_of(workspace))
    for step in STEPS:
        step(workspace, force)
    return workspace.folder
