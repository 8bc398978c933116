"""prepare: open, plan chips, split, audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from covermap.chips.answers import ChipClass, ChipTags
from covermap.chips.audit import Audit, audit, require_passed
from covermap.chips.filters import reason_counts, select
from covermap.chips.parts import Split, SplitCase
from covermap.chips.placing import Placement, placements
from covermap.chips.planned import (
    assessed_as_taught,
    assessed_by_chips,
    coarsest,
    label_shares,
    require_answers,
    too_near,
)
from covermap.chips.scan import CELL, Scan, scan
from covermap.chips.split import (
    auto_chip_size,
    decide_split,
    picture_chip_size,
    split_files,
)
from covermap.chips.split_file import read_split, write_split
from covermap.chips.split_scenes import told_of_pieces
from covermap.chips.split_top import split_with_top_classes
from covermap.chips.table import Plan, plan_chips, reasons_of, write_chips
from covermap.core.errors import LabelError, SplitError
from covermap.core.files import file_digest, write_json
from covermap.core.grid import pixel_size_m
from covermap.core.progress import say
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels
from covermap.labels.settings import LabelSettings
from covermap.labels.tags import Tags
from covermap.labels.top_classes import without_classes
from covermap.labels.unburnt import told_of_unburnt
from covermap.project.steps import RunFolder
from covermap.verbs.channels import left_out
from covermap.verbs.workspace import Workspace

# Pixels that differ by less are of one size, as when a bundle meets a scene.
_ALIKE = 0.1
OUTPUTS = ("chips.parquet", "chips_rejected.parquet", "split.json", "audit.json")


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
        Now with `chips.parquet`, `chips_rejected.parquet`, `split.json` and `audit.json`.

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
    workspace.folder.require_writable()
    workspace.require_files()
    inputs = prepare_inputs(workspace)
    workspace.folder.check(OUTPUTS)
    _require_other_run(workspace)
    workspace.step("prepare", inputs, lambda: _prepare(workspace), force)


def prepare_inputs(workspace: Workspace) -> dict[str, Any]:
    """What the step stands on; variants of a project that agree in it share one preparation."""
    project = workspace.project
    labels = project.labels.model_dump(exclude={"path", "points", "areas"})
    return workspace.inputs(
        "prepare",
        {
            "sources": workspace.sources.digests,
            "bands": project.bands,
            "labels": labels,
            "class_folders": workspace.class_folders,
            "task": project.task,
            "chips": project.chips.model_dump(),
            "split": project.split.model_dump(exclude={"regions", "keep"}),
            "split_files": [
                file_digest(path) for path in split_files(project.split, workspace.base)
            ],
        },
    )


def _prepare(workspace: Workspace) -> tuple[str, ...]:
    project, folder = workspace.project, workspace.folder.path
    for line in told_once(workspace.scenes):
        say(line)
    _say_sizes(workspace.scenes)
    missed = "" if project.bands else left_out(workspace.scenes)
    if missed:
        say(f"warning: bands that some scenes lack are no input: {missed}")
    labels = workspace.own_labels
    for note in (*labels.notes, *labels.checked_on(workspace.scenes)):
        say(f"{labels.path.name}: {note}")
    top = workspace.asks_for_top_classes
    scanned = without_classes(workspace.mergeable_labels) if top else workspace.strata
    scans = [scan(scene, scanned, workspace.channels) for scene in workspace.scenes]
    _require_usable(labels, scans)
    _say_unburnt(workspace, scans)
    size = _chip_size(workspace, scans)
    dealt = labels if top else workspace.strata
    places = _places(workspace, scans, dealt, size)
    selection = select(places, workspace.scenes, dealt, workspace.channels, project.chips)
    if selection.rejected:
        say(f"chips: the filters leave {len(selection.kept)} of {len(places)} windows")
    scans = selection.within(scans, workspace.scenes)
    split = _split(workspace, scans, size)
    workspace.__dict__["split"] = split
    if split.top_classes is not None:
        chosen = split.top_classes
        selection = selection.merged(
            chosen.places(workspace.mergeable_labels.legend), len(chosen.legend)
        )
    viewer = workspace.viewer
    plan = plan_chips(selection, split, viewer)
    split = workspace.__dict__["split"] = _assessed_as_scored(workspace, plan, split)
    found = _with_labels(workspace, plan, audit(viewer, plan.chips, split, workspace.around))
    _say_rejected(plan)
    for reason in split.reasons:
        say(f"split: {reason}")
    _say_pieces(workspace, split)
    _say_reach(workspace, split)
    _say_not_assessed(workspace, split)
    for line in found.lines():
        say(f"audit: {line}")
    if _counts_chips(workspace):
        what = "have each label" if _has_labels(workspace) else "are of each class"
        say(f"  share of the chips that {what}")
    for line in found.class_table():
        say(f"  {line}")
    if (change := _dealt_anew(workspace, split)) is not None:
        say(f"split: {change}")
    workspace.folder.claim(OUTPUTS)
    write_json(folder / "audit.json", found.to_dict())
    require_passed(found, project.split.allow_leak)
    write_chips(folder / "chips.parquet", plan.chips)
    write_chips(folder / "chips_rejected.parquet", plan.rejected)
    write_split(folder / "split.json", split)
    return OUTPUTS


def _places(workspace: Workspace, scans: list[Scan], labels: Labels, size: int) -> list[Placement]:
    """Where chips may lie: at the boxes of regions, or as `chips: place` says."""
    if workspace.regions:
        return [
            Placement(scene, window, region=region)
            for (scene, window), region in workspace.regions.items()
        ]
    project = workspace.project
    return placements(workspace.scenes, scans, labels, project.chips, size, project.seed)


def _chip_size(workspace: Workspace, scans: list[Scan]) -> int:
    """What the project asks for; by itself whole pictures where these are what is labelled."""
    if workspace.regions:
        # Of blocks of a split: chips themselves are as large as the boxes.
        return -(-max(window.height for _, window in workspace.regions) // CELL) * CELL
    wanted = workspace.project.chips.size
    if wanted != "auto":
        return int(wanted)
    if workspace.of_pictures:
        return picture_chip_size(workspace.scenes)
    return auto_chip_size(workspace.scenes, scans)


def _say_sizes(scenes: Sequence[Scene]) -> None:
    """Warn of scenes whose pixels differ so much that a network would not know them again."""
    by_size = sorted(
        (pixel_size_m(scene.geobox), scene.name) for scene in scenes if scene.geobox.crs is not None
    )
    if by_size and by_size[-1][0] > (1 + _ALIKE) * by_size[0][0]:
        (finest, one), (coarsest, other) = by_size[0], by_size[-1]
        say(
            f"warning: pixels are {finest:.4g} m in {one} and {coarsest:.4g} m in {other}; one "
            "model learns both, and textures and distances mean other things in each: resample "
            "them to one size, or make a project of each"
        )


def told_once(scenes: Sequence[Scene]) -> list[str]:
    """The notes of scenes, each once with the scenes that it is true of."""
    named: dict[str, list[str]] = {}
    for scene in scenes:
        for note in scene.notes:
            named.setdefault(note, []).append(scene.name)
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}"
        for note, names in named.items()
    ]


def _split(workspace: Workspace, scans: list[Scan], size: int) -> Split:
    project, settings = workspace.project, workspace.project.labels
    top = workspace.asks_for_top_classes
    case = SplitCase(
        scenes=workspace.scenes,
        scans=scans,
        labels=workspace.mergeable_labels if top else workspace.strata,
        settings=project.split,
        size=size,
        seed=project.seed,
        base=workspace.base,
        regions=workspace.regions,
    )
    if top and isinstance(settings, LabelSettings):
        return split_with_top_classes(case, workspace.channels, settings)
    return decide_split(case)


def _assessed_as_scored(workspace: Workspace, plan: Plan, split: Split) -> Split:
    """The split with the classes that can be assessed of what is left to teach.

    Of whole chips, where these are scored.
    """
    labels = workspace.labels
    left = assessed_as_taught(workspace.viewer, plan.chips, split)
    if workspace.project.task == "regression":
        return split
    if not workspace.of_chips:
        if len(left) < 2:
            what = f"of {', '.join(split.assessed)} only {' and '.join(left) or 'none'} can teach"
            raise SplitError(too_near(workspace.viewer, what))
        return replace(split, assessed=left)
    answers = workspace.answers()
    assessed = assessed_by_chips(plan.chips, answers, labels.legend.names, split.trainings)
    require_answers(assessed, answers, labels)
    return replace(split, assessed=assessed)


def _has_labels(workspace: Workspace) -> bool:
    """Whether whole pictures may have several labels each."""
    return isinstance(workspace.labels, Tags) and workspace.labels.multilabel


def _counts_chips(workspace: Workspace) -> bool:
    """Whether each chip counts once, however large it is."""
    return _has_labels(workspace) or workspace.project.task == "classification"


def _with_labels(workspace: Workspace, plan: Plan, found: Audit) -> Audit:
    """The audit with the share of chips of each class, or with each label, where chips count."""
    answers = workspace.answers() if _counts_chips(workspace) else None
    if not isinstance(answers, ChipClass | ChipTags):
        return found
    names, parts = workspace.labels.legend.names, list(found.class_shares)
    return replace(found, class_shares=label_shares(plan.chips, answers, names, parts))


def _say_rejected(plan: Plan) -> None:
    if not len(plan.rejected):
        return
    counts = reason_counts(reasons_of(plan.rejected))
    told = ", ".join(f"{reason} {number}" for reason, number in counts.items())
    say(f"chips: {len(plan.chips)} kept, {len(plan.rejected)} left out: {told}")


def _say_pieces(workspace: Workspace, split: Split) -> None:
    """Ask whether pictures that are held out one by one were cut from larger ones."""
    settings = workspace.project.split
    apart = split.ground.kind == "scenes" and settings.by in ("auto", "images", "scene", "overlap")
    if apart and settings.together is None and not workspace.of_pictures:
        pieces = told_of_pieces(workspace.scenes)
        if pieces is not None:
            say(f"split: {pieces}")


def _say_reach(workspace: Workspace, split: Split) -> None:
    """Tell how far held-out ground is hidden beyond its own pixels."""
    reach, channel = coarsest(workspace.viewer)
    if reach and any(training.score for training in split.trainings):
        say(
            f"split: {reach} px around held-out ground are hidden with it: pixels of {channel} are "
            "coarser than the grid, and values between them are made of those around"
        )


def _say_not_assessed(workspace: Workspace, split: Split) -> None:
    missed = [name for name in workspace.labels.legend.names if name not in split.assessed]
    if missed and split.assessed:
        why = "too little separate ground to teach and to test"
        if workspace.of_chips and workspace.project.task != "regression":
            one = workspace.project.task == "classification"
            of_them = "of it" if one else "with and without it"
            why = f"no chips {of_them} both to teach and to test"
        say(f"split: not assessed: {', '.join(missed)} ({why}; trained all the same)")


def _dealt_anew(workspace: Workspace, split: Split) -> str | None:
    """What is to be known where a run's ground is dealt out otherwise than before."""
    folder = workspace.folder.path
    earlier = folder / "split.json"
    if workspace.project.split.keep is not None or not earlier.exists():
        return None
    try:
        if split.ground.deals_as(read_split(earlier).ground):
            return None
    except (KeyError, TypeError, ValueError):
        # Of a version that wrote it otherwise.
        return None
    return (
        "dealt out anew, since the project, its images or its labels changed: other ground is "
        "tested than before, so scores do not compare with the earlier ones. To go on testing the "
        "same ground, give a changed project another --out and `split: {keep: "
        f"{folder.name}/chips.parquet}}`"
    )


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


def _say_unburnt(workspace: Workspace, scans: Sequence[Scan]) -> None:
    labels = workspace.own_labels
    if not isinstance(labels, Polygons):
        return
    burnt = np.unique(np.concatenate([item.counts[:, 3] for item in scans])).tolist()
    note = told_of_unburnt(labels, burnt, workspace.scenes)
    if note is not None:
        say(f"{labels.path.name}: {note}")


def _require_usable(labels: Labels, scans: list[Scan]) -> None:
    if any(len(item.counts) for item in scans):
        return
    labelled = sum(item.labelled for item in scans)
    if labelled:
        raise LabelError(
            f"{labels.path}: {labelled:,} pixels are labelled but none of them is valid "
            "in the imagery (nodata, cloud or missing bands); `covermap doctor` shows how much is"
        )
    raise LabelError(
        f"{labels.path}: "
        + (
            "the polygons meet the imagery but hold no pixel centre; they are smaller than a pixel"
            if labels.sources
            else "every pixel of the masks is unlabelled (nodata, ignored, or no colour of a class)"
        )
    )
