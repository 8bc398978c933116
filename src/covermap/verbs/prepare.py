"""prepare: open, plan chips, split, audit."""

from __future__ import annotations

from pathlib import Path

from covermap.chips.audit import audit, require_passed
from covermap.chips.scan import Scan, scan
from covermap.chips.split import auto_chip_size, decide_split, split_files
from covermap.chips.split_file import write_split
from covermap.chips.table import plan_chips, write_chips
from covermap.core.errors import LabelError, SplitError
from covermap.core.files import file_digest, write_json
from covermap.core.progress import say
from covermap.project.steps import RunFolder
from covermap.verbs.workspace import Workspace

OUTPUTS = ("chips.parquet", "split.json", "audit.json")


def prepare(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Plan the chips of a project, split their ground and prove that nothing leaks.

    Parameters
    ----------
    project : path
        Project file.
    out : path
        Folder of the run.
    force : bool
        Repeat the step although nothing changed.

    Returns
    -------
    RunFolder
        Now with `chips.parquet`, `split.json` and `audit.json`.

    Raises
    ------
    CovermapError
        Imagery or labels cannot be used, or no honest split of them exists.
    """
    workspace = Workspace.open(project, out, "prepare")
    prepare_step(workspace, force)
    return workspace.folder


def prepare_step(workspace: Workspace, force: bool) -> None:
    """The step in an opened workspace."""
    project = workspace.project
    labels = project.labels.model_dump(exclude={"path"})
    inputs = workspace.inputs(
        "prepare",
        {
            # Names pair masks with images, so a renamed file is another input; folders are not.
            "files": sorted(
                f"{Path(path).name} {digest}" for path, digest in workspace.source_digests.items()
            ),
            "imagery": [item.model_dump(mode="json", exclude={"path"}) for item in project.imagery],
            "bands": project.bands,
            "labels": labels,
            "chips": project.chips.model_dump(),
            "split": project.split.model_dump(exclude={"regions", "keep"}),
            "split_files": [
                file_digest(path) for path in split_files(project.split, workspace.base)
            ],
        },
    )
    workspace.folder.check(OUTPUTS)
    _require_other_run(workspace)
    workspace.step("prepare", inputs, lambda: _prepare(workspace), force)


def _prepare(workspace: Workspace) -> tuple[str, ...]:
    project, folder = workspace.project, workspace.folder.path
    for scene in workspace.scenes:
        for note in scene.notes:
            say(f"{scene.name}: {note}")
    for note in workspace.labels.notes:
        say(f"{workspace.labels.path.name}: {note}")
    for note in workspace.labels.checked_on(workspace.scenes):
        say(f"{workspace.labels.path.name}: {note}")
    channels = workspace.channels
    scans = [scan(scene, workspace.labels, channels) for scene in workspace.scenes]
    _require_usable(workspace, scans)
    size = (
        auto_chip_size(workspace.scenes, scans)
        if project.chips.size == "auto"
        else int(project.chips.size)
    )
    split = decide_split(
        workspace.scenes,
        scans,
        workspace.labels,
        project.split,
        size,
        project.seed,
        workspace.base,
    )
    workspace.__dict__["split"] = split
    viewer = workspace.viewer
    chips = plan_chips(workspace.scenes, scans, split, viewer, size)
    found = audit(viewer, chips, split)
    for reason in split.reasons:
        say(f"split: {reason}")
    for line in found.lines():
        say(f"audit: {line}")
    for line in found.class_table():
        say(f"  {line}")
    workspace.folder.claim(OUTPUTS)
    write_json(folder / "audit.json", found.to_dict())
    require_passed(found, project.split.allow_leak)
    write_chips(folder / "chips.parquet", chips)
    write_split(folder / "split.json", split)
    return OUTPUTS


def _require_other_run(workspace: Workspace) -> None:
    """A run that kept its own split would be another one each time."""
    keep = workspace.project.split.keep
    if keep is None:
        return
    path = workspace.base / keep
    if path.resolve().parent == workspace.folder.path.resolve():
        raise SplitError(
            f"{path}: split: keep names a file of this very run; choose another --out, or a copy "
            "of chips.parquet and split.json in a folder of their own"
        )


def _require_usable(workspace: Workspace, scans: list[Scan]) -> None:
    if any(len(item.counts) for item in scans):
        return
    labelled = sum(item.labelled for item in scans)
    if labelled:
        raise LabelError(
            f"{workspace.labels.path}: {labelled:,} pixels are labelled but none of them is valid "
            "in the imagery (nodata, cloud or missing bands); `covermap doctor` shows how much is"
        )
    raise LabelError(
        f"{workspace.labels.path}: "
        + (
            "the polygons meet the imagery but hold no pixel centre; they are smaller than a pixel"
            if workspace.labels.sources
            else "every pixel of the masks is unlabelled (nodata, ignored, or no colour of a class)"
        )
    )
