"""prepare: open, plan chips, split, audit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from covermap.chips.audit import audit, require_passed
from covermap.chips.scan import Scan, scan
from covermap.chips.split import auto_chip_size, decide_split, picture_chip_size
from covermap.chips.split_file import write_split
from covermap.chips.table import plan_chips, write_chips
from covermap.core.errors import LabelError
from covermap.core.files import write_json
from covermap.core.progress import say
from covermap.imagery.raster import Scene
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
    labels = project.labels.model_dump(exclude={"path", "points", "areas"})
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
            "class_folders": workspace.class_folders,
            "task": project.task,
            "chips": project.chips.model_dump(),
            "split": project.split.model_dump(),
        },
    )
    workspace.folder.check(OUTPUTS)
    workspace.step("prepare", inputs, lambda: _prepare(workspace), force)


def _prepare(workspace: Workspace) -> tuple[str, ...]:
    project, folder = workspace.project, workspace.folder.path
    _tell_notes(workspace.scenes)
    for note in workspace.labels.notes:
        say(f"{workspace.labels.path.name}: {note}")
    for note in workspace.labels.checked_on(workspace.scenes):
        say(f"{workspace.labels.path.name}: {note}")
    channels = workspace.channels
    scans = [scan(scene, workspace.labels, channels) for scene in workspace.scenes]
    _require_usable(workspace, scans)
    size = _chip_size(workspace, scans)
    split = decide_split(
        workspace.scenes, scans, workspace.labels, project.split, size, project.seed
    )
    workspace.__dict__["split"] = split
    viewer = workspace.viewer
    chips = plan_chips(workspace.scenes, scans, split, viewer, size)
    found = audit(viewer, chips, split)
    for reason in split.reasons:
        say(f"split: {reason}")
    for line in found.lines():
        say(f"audit: {line}")
    workspace.folder.claim(OUTPUTS)
    write_json(folder / "audit.json", found.to_dict())
    require_passed(found, project.split.allow_leak)
    write_chips(folder / "chips.parquet", chips)
    write_split(folder / "split.json", split)
    return OUTPUTS


def _chip_size(workspace: Workspace, scans: list[Scan]) -> int:
    """What the project asks for; by itself whole pictures where these are what is labelled."""
    wanted = workspace.project.chips.size
    if wanted != "auto":
        return int(wanted)
    if workspace.of_pictures:
        return picture_chip_size(workspace.scenes)
    return auto_chip_size(workspace.scenes, scans)


def _tell_notes(scenes: Sequence[Scene]) -> None:
    """Each note once, however many scenes it is true of."""
    named: dict[str, list[str]] = {}
    for scene in scenes:
        for note in scene.notes:
            named.setdefault(note, []).append(scene.name)
    for note, names in named.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"{names[0]}{more}: {note}")


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
