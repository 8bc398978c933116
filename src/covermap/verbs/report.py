"""report: one page that a stranger can read and believe as far as it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.areas import ClassArea, class_areas, class_pixels
from covermap.chips.table import read_chips
from covermap.core.common_ground import Outlines, common_share
from covermap.core.errors import listed
from covermap.core.files import complete_file, read_json
from covermap.labels.polygons import Polygons
from covermap.mapping.preview import map_picture
from covermap.project.steps import RunFolder
from covermap.report.beside_forest import forest_headlines
from covermap.report.content import Curve, Doubt, ReportContent
from covermap.report.doubted import is_sure, why_no_doubts
from covermap.report.model_words import model_word
from covermap.report.page import headlines_of, render
from covermap.report.weak_section import weak_headlines
from covermap.training.history import EpochRow
from covermap.verbs.chip_choice import chip_choice
from covermap.verbs.doubts import read_doubts
from covermap.verbs.evaluate import evaluate_inputs
from covermap.verbs.map_run import AREAS, BESIDE, PREVIEW, map_inputs, map_step, mapped_paths
from covermap.verbs.pictures import outlined, share_on
from covermap.verbs.split_map import split_map
from covermap.verbs.tested_panels import tested_panels
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

    from covermap.imagery.raster import Scene

OUTPUTS = ("report.html",)
_DOUBTS = 12
_MOST_MAPS = 8
_MOST_NAMES = 20
# Of the smaller scene's ground.
_SLIVER = 0.001


def report(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Write `report.html` of an evaluated run, mapping its scenes first where that is due.

    The page needs no other file.
    """
    workspace = Workspace.open(project, out, "report")
    workspace.standing_on("evaluate", evaluate_inputs(workspace))
    map_step(workspace, force=False)
    report_step(workspace, force)
    return workspace.folder


def report_step(workspace: Workspace, force: bool) -> None:
    """The step in an opened workspace."""
    inputs = workspace.inputs(
        "report",
        {
            "name": workspace.project.name,
            "evaluate": workspace.standing_on("evaluate", evaluate_inputs(workspace)),
            "map": workspace.standing_on("map", map_inputs(workspace)),
        },
    )
    workspace.folder.claim(OUTPUTS)
    workspace.step("report", inputs, lambda: _report(workspace), force)


def _report(workspace: Workspace) -> tuple[str, ...]:
    if workspace.of_chips or workspace.project.task == "regression":
        from covermap.verbs.report_task import task_page

        page = task_page(workspace)
    else:
        page = render(_content(workspace))
    with complete_file(workspace.folder.path / "report.html") as scratch:
        scratch.write_text(page, encoding="utf-8")
    return OUTPUTS


def _content(workspace: Workspace) -> ReportContent:
    folder, project, split = workspace.folder.path, workspace.project, workspace.split
    metrics = read_json(folder / "metrics.json")
    chips = read_chips(folder / "chips.parquet")
    folds = len(split.trainings) - 1 if split.scheme == "kfold" else None
    legend, maps = workspace.labels.legend, list(mapped_paths(workspace).items())
    small = [(name, map_picture(path, legend, 320)) for name, path in maps[1 : 1 + _MOST_MAPS]]
    amounts = read_json(folder / AREAS)
    # Of scenes that show the same ground, such as two dates of one place, the first alone counts.
    one_alone = same_ground(mapped_in(workspace))
    if one_alone:
        amounts = dict([next(iter(amounts.items()))])
    doubts, no_doubts = _doubts(workspace, metrics)
    return ReportContent(
        name=project.name,
        legend=legend,
        headlines=tuple(_headlines(workspace, metrics, folds)),
        model=model_word(metrics),
        metrics=metrics,
        how_tested=how_tested(workspace, chips),
        leak_allowed=project.split.allow_leak,
        curves=curves_of(folder),
        panels=tested_panels(workspace, chips),
        split=split_map(workspace, chips),
        chips=chip_choice(workspace),
        doubts=doubts,
        no_doubts=no_doubts,
        map_picture=map_picture(maps[0][1], legend, 1200),
        map_name=maps[0][0] if len(workspace.scenes) > 1 else None,
        further_maps=tuple(small),
        maps_not_shown=len(maps) - 1 - len(small),
        areas=_areas(workspace, amounts),
        areas_of=next(iter(amounts)) if one_alone else None,
        provenance=provenance_of(workspace),
        map_file="map.tif" if len(workspace.scenes) == 1 else "maps/",
        bundle_file="bundle/",
        preview_file=PREVIEW,
    )


def _headlines(workspace: Workspace, metrics: dict[str, Any], folds: int | None) -> list[str]:
    lines = headlines_of(metrics, model_word(metrics), workspace.project.split.allow_leak, folds)
    lines += weak_headlines(metrics["test"])
    lines += unmapped_headlines(workspace)
    beside = workspace.folder.path / BESIDE
    lines += forest_headlines(read_json(beside) if beside.exists() else None, metrics)
    choice = metrics["model"].get("choice")
    if choice is not None:
        scores = ", ".join(
            f"{name} {'undefined' if value is None else f'{value:.1%}'}"
            for name, value in choice["class_mean_iou"].items()
        )
        doubtful = [
            f" {name} is ahead by {found['difference']:.1%}, which is within the standard error of "
            f"that difference ({found['standard_error']:.1%}): the simpler model stays."
            for name, found in choice.get("leads", {}).items()
            if 0 < found["difference"] <= (found["standard_error"] or 0.0)
        ]
        lines.append(
            f"Forests and a network were trained; {choice['kept']} was kept by its class-mean IoU "
            f"on {choice['ground']} ({scores}).{''.join(doubtful)}"
        )
    return lines


def unmapped_headlines(workspace: Workspace) -> list[str]:
    """A sentence on the scenes that have no map, where there are any."""
    mapped = mapped_paths(workspace)
    names = [scene.name for scene in workspace.scenes if scene.name not in mapped]
    if not names:
        return []
    return [f"Without a map, since no pixel of them is usable: {listed(names, 5)}."]


def how_tested(workspace: Workspace, chips: gpd.GeoDataFrame) -> str:
    split = workspace.split
    unseen, saw = "never seen in training", "never saw it"
    if workspace.project.split.allow_leak:
        unseen, saw = "not always kept apart from training", "may have seen it"
    if split.scheme == "kfold":
        unit = "whole images" if split.ground.kind == "scenes" else split.ground.kind
        folds = len(split.trainings) - 1
        return f"{folds} folds of {unit}: each was scored by a model that {saw}"
    if split.ground.kind == "scenes":
        own = chips.loc[chips["split"] == "test", "scene"].nunique()
        return f"{own} whole images of {chips['scene'].nunique()} {unseen}"
    if split.ground.kind == "blocks":
        codes = [code for code, _ in split.ground.blocks.values()]
        held_out = codes.count(split.ground.parts.index("test"))
        what = "chips drawn at random" if split.at_random else "blocks"
        return f"{what} of {split.ground.block_px} px, {held_out} of {len(codes)} {unseen}"
    tested = int((chips["split"] == "test").sum())
    what = "groups of polygons" if split.ground.kind == "polygons" else "whole regions"
    return f"{what}, {tested} of {len(chips)} chips {unseen}"


def curves_of(folder: Path) -> tuple[Curve, ...]:
    told = read_json(folder / "training.json")
    return tuple(
        Curve(name, tuple(EpochRow.from_dict(row) for row in item["history"]))
        for name, item in told.items()
        if "history" in item
    )


def _doubts(workspace: Workspace, metrics: dict[str, Any]) -> tuple[tuple[Doubt, ...], str]:
    """Polygons to look at again, and why there are none where the model is no judge."""
    scores = read_doubts(workspace.folder.path / "evaluation" / "polygons.csv")
    classes = len(workspace.labels.legend)
    doubted = [score for score in scores if score.drawn != score.predicted]
    sure = [score for score in doubted if is_sure(score.confidence, classes)][:_DOUBTS]
    why_not = why_no_doubts(metrics)
    if doubted and (why_not or not sure):
        return (), why_not or (
            f"None is shown: wherever the model contradicts a label it is hardly surer than "
            f"chance, one of {classes} classes"
        )
    return tuple(
        Doubt(
            source=f"row {score.row}",
            drawn=score.drawn,
            predicted=score.predicted,
            agreement=score.agreement,
            confidence=score.confidence,
            pixels=score.pixels,
            longitude=score.longitude,
            latitude=score.latitude,
            thumbnail=_thumbnail(workspace, score.row),
        )
        for score in sure
    ), ""


def _thumbnail(workspace: Workspace, row: int) -> np.ndarray | None:
    """The polygon of a row of the label file on its scene."""
    if not isinstance(workspace.labels, Polygons):
        return None
    labels = workspace.labels
    place = int(np.flatnonzero(labels.rows == row)[0])
    # Of scenes that adjoin the one that holds the polygon, not one that its surroundings reach.
    held = [share_on(scene, labels, place) for scene in workspace.scenes]
    best = int(np.argmax(held))
    return outlined(workspace.scenes[best], labels, place) if held[best] > 0 else None


def _areas(workspace: Workspace, amounts: Mapping[str, Any]) -> tuple[ClassArea, ...]:
    """Mapped areas over scenes; pixels where one of them has no known pixel size."""
    mapped = list(amounts.values())
    legend = workspace.labels.legend
    if any(item["class_area_m2"] is None for item in mapped):
        return class_pixels(_summed([item["class_pixels"] for item in mapped]), legend)
    return class_areas(_summed([item["class_area_m2"] for item in mapped]), legend)


def mapped_in(workspace: Workspace) -> list[Scene]:
    """The scenes of a run that have a map."""
    names = mapped_paths(workspace)
    return [scene for scene in workspace.scenes if scene.name in names]


def same_ground(scenes: Sequence[Scene]) -> bool:
    """Whether any two scenes show the same ground; pictures without a CRS never do."""
    boxes = [scene.geobox for scene in scenes if scene.geobox.crs is not None]
    outlines = Outlines(boxes)
    return any(
        common_share(box, boxes[other]) > _SLIVER
        for place, box in enumerate(boxes)
        for other in outlines.near(box)
        if other > place
    )


def _summed(amounts: Sequence[Mapping[str, Any]]) -> dict[int, Any]:
    totals: Counter[int] = Counter()
    for of_scene in amounts:
        for key, value in of_scene.items():
            totals[int(key)] += value
    return dict(totals)


def provenance_of(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    project, told = workspace.project, read_json(workspace.folder.path / "training.json")
    final = told["final"]
    rows = [
        # All of them are in the bundle: a page of a thousand names is read by nobody.
        ("scenes", listed([scene.name for scene in workspace.scenes], _MOST_NAMES)),
        ("labels", workspace.labels.path.name),
        ("channels", listed(workspace.channels, _MOST_NAMES)),
        ("model", final["model"]),
        ("training", final["summary"]),
        ("seed", str(project.seed)),
        ("split", "; ".join(workspace.split.reasons)),
    ]
    rows += list(workspace.folder.record["versions"].items())
    return tuple(rows)
