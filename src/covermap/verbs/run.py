"""run: prepare, train, evaluate, map, report; what did not change is skipped."""

from __future__ import annotations

from pathlib import Path

from covermap.project.schema import read_project
from covermap.project.steps import RunFolder
from covermap.verbs.run_steps import STEPS, require_free_outputs
from covermap.verbs.variants import run_variants
from covermap.verbs.workspace import Workspace


def run(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Everything from a project file to a map and its report.

    A project with `vary` is run once for each variant, in a folder of its own, and the runs are
    compared on one page.

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
    if read_project(Path(project)).vary is not None:
        return run_variants(project, out, force)
    workspace = Workspace.open(project, out, "run")
    require_free_outputs(workspace)
    for step in STEPS:
        step(workspace, force)
    return workspace.folder
