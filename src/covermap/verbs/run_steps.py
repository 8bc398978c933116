"""The steps of a run in their order, for a single run and for each of several variants."""

from __future__ import annotations

from covermap.verbs import evaluate, map_run, prepare, report, train
from covermap.verbs.workspace import Workspace

STEPS = (
    prepare.prepare_step,
    train.train_step,
    evaluate.evaluate_step,
    map_run.map_step,
    report.report_step,
)


def require_free_outputs(workspace: Workspace) -> None:
    """Tell a stranger's file in the way of the map now, not after the training.

    Raises
    ------
    OutputError
        Naming the file.
    """
    for outputs in (prepare.OUTPUTS, train.OUTPUTS, evaluate.OUTPUTS, report.OUTPUTS):
        workspace.folder.check(outputs)
    workspace.folder.check(map_run.outputs_of(workspace))
