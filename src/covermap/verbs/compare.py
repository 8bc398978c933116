"""Finished variants of a project gathered into `comparison.json` and `comparison.html`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covermap.core.files import complete_file, file_digest, read_json, write_json
from covermap.core.progress import say
from covermap.project.steps import RunFolder
from covermap.project.variants import Variant
from covermap.report.comparison import (
    comparison_facts,
    comparison_headlines,
    render_comparison,
)
from covermap.report.comparison_content import ComparedGround, ComparedRun, Comparison
from covermap.report.comparison_figure import ComparedCurve, CurvePoint
from covermap.report.leaks import leak_stamp
from covermap.report.published import Published
from covermap.verbs.compared_panels import compared_panels
from covermap.verbs.workspace import Workspace

OUTPUTS = ("comparison.json", "comparison.html")
_SCORE = "validation_"
_LOSS = "validation_loss"
# What says which pixels are tested.
_GROUND = ("chips.parquet", "split.json")


@dataclass(frozen=True)
class Compared:
    """A finished variant.

    Attributes
    ----------
    variant : Variant
    folder : RunFolder
    """

    variant: Variant
    folder: RunFolder


def compare(
    path: Path, out: Path, compared: Sequence[Compared], published: Published | None
) -> None:
    """Write both files of a comparison.

    Parameters
    ----------
    path : Path
        The project file.
    out : Path
        Folder that holds the variants' folders.
    compared : sequence of Compared
        At least one.
    published : Published, optional
    """
    losses = [item.variant.project.loss for item in compared]
    content = Comparison(
        name=compared[0].variant.project.name,
        runs=tuple(_run(item) for item in compared),
        grounds=tuple(_grounds(path, compared)),
        losses_compare=all(loss == losses[0] for loss in losses),
        published=published,
    )
    for line in comparison_headlines(content):
        say(f"\n  {line}")
    write_json(out / "comparison.json", comparison_facts(content))
    with complete_file(out / "comparison.html") as scratch:
        scratch.write_text(render_comparison(content), encoding="utf-8")


def _run(item: Compared) -> ComparedRun:
    metrics = read_json(item.folder.path / "metrics.json")
    final = read_json(item.folder.path / "training.json")["final"]
    return ComparedRun(
        name=item.variant.name,
        folder=item.variant.folder,
        model=item.variant.project.model.described_for(item.variant.project.task),
        tested_on=_tested_on(metrics["split"]["scheme"], metrics["split"]["reasons"]),
        leaky=leak_stamp(metrics, item.variant.project.split.allow_leak),
        metrics=metrics,
        curve=_curve(final.get("history", [])),
    )


def _tested_on(scheme: str, reasons: Sequence[str]) -> str:
    """How ground was held out; folds are told with why there are folds."""
    return "; ".join(reasons[:2]) if scheme == "kfold" else reasons[0]


def _curve(history: Sequence[dict[str, Any]]) -> ComparedCurve:
    """The noted epochs; each task has its own validation score, which its key names."""
    if not history:
        return ComparedCurve("", ())
    key = next(key for key in history[0] if key.startswith(_SCORE) and key != _LOSS)
    rows = tuple(
        CurvePoint(row["epoch"], row["loss"], row[_LOSS], row[key]) for row in history
    )  # fmt: skip
    return ComparedCurve(key.removeprefix(_SCORE), rows)


def _grounds(path: Path, compared: Sequence[Compared]) -> list[ComparedGround]:
    """Pieces of ground of each split, seen by all variants that share it."""
    grounds = []
    for own in by_ground(compared):
        if own[0].variant.project.task != "segmentation":
            continue
        opened = [
            (item.variant.name, Workspace(path, item.variant.project, item.folder)) for item in own
        ]
        workspace = opened[0][1]
        grounds.append(
            ComparedGround(
                title="Tested on: " + _tested_on(workspace.split.scheme, workspace.split.reasons),
                legend=workspace.labels.legend,
                panels=compared_panels(opened),
            )
        )
    return grounds


def by_ground(compared: Sequence[Compared]) -> list[list[Compared]]:
    """Variants that are tested on the same pixels, together, whatever else they differ in.

    Their chips and split are the same files: other bands alone make no other ground.
    """
    groups: dict[tuple[str, ...], list[Compared]] = {}
    for item in compared:
        key = tuple(file_digest(item.folder.path / name) for name in _GROUND)
        groups.setdefault(key, []).append(item)
    return list(groups.values())
