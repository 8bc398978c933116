"""report: one page that a stranger can read and believe as far as it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.assessment.areas import ClassArea, class_areas
from covermap.chips.audit import shares_of
from covermap.chips.table import read_chips
from covermap.core.files import complete_file, read_json
from covermap.core.grid import window_geobox
from covermap.labels.polygons import Polygons
from covermap.mapping.preview import map_picture, quicklook
from covermap.mapping.reading import read_map_window
from covermap.project.steps import RunFolder
from covermap.report.content import Curve, Doubt, Panel, ReportContent, SplitMap
from covermap.report.page import headlines_of, render
from covermap.training.history import EpochRow
from covermap.verbs.doubts import read_doubts
from covermap.verbs.map_run import AREAS, PREVIEW, map_paths, map_step
from covermap.verbs.pictures import outlined, picture
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

OUTPUTS = ("report.html",)
_PANELS = 4
_DOUBTS = 12


def report(project: str | Path, out: str | Path, force: bool = False) -> RunFolder:
    """Write `report.html` of an evaluated run, mapping its scenes first where that is due.

    The page needs no other file.
    """
    workspace = Workspace.open(project, out, "report")
    workspace.standing_on("evaluate")
    map_step(workspace, force=False)
    report_step(workspace, force)
    return workspace.folder


def report_step(workspace: Workspace, force: bool) -> None:
    """The step in an opened workspace."""
    inputs = workspace.inputs(
        "report",
        {
            "name": workspace.project.name,
            "evaluate": workspace.standing_on("evaluate"),
            "map": workspace.standing_on("map"),
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
    first_map = next(iter(map_paths(workspace).values()))
    return ReportContent(
        name=project.name,
        legend=workspace.labels.legend,
        headlines=tuple(_headlines(workspace, metrics, folds)),
        model=model_word(metrics),
        metrics=metrics,
        how_tested=how_tested(workspace, chips),
        leak_allowed=project.split.allow_leak,
        curves=curves_of(folder),
        panels=_panels(workspace, chips),
        split=_split_map(workspace, chips),
        doubts=_doubts(workspace),
        map_picture=map_picture(first_map, workspace.labels.legend, 1200),
        areas=_areas(workspace),
        provenance=provenance_of(workspace),
        map_file="map.tif" if len(workspace.scenes) == 1 else "maps/",
        bundle_file="bundle/",
        preview_file=PREVIEW,
    )


def _headlines(workspace: Workspace, metrics: dict[str, Any], folds: int | None) -> list[str]:
    lines = headlines_of(metrics, model_word(metrics), workspace.project.split.allow_leak, folds)
    choice = metrics["model"].get("choice")
    if choice is not None:
        scores = ", ".join(
            f"{name} {'undefined' if value is None else f'{value:.1%}'}"
            for name, value in choice["class_mean_iou"].items()
        )
        lines.append(
            f"Forests and a network were trained; {choice['kept']} was kept by its class-mean IoU "
            f"on {choice['ground']} ({scores})."
        )
    return lines


def model_word(metrics: dict[str, Any]) -> str:
    return "random forest" if metrics["model"]["name"].startswith("random forest") else "network"


def how_tested(workspace: Workspace, chips: gpd.GeoDataFrame) -> str:
    split = workspace.split
    if split.scheme == "kfold":
        unit = "whole images" if split.ground.kind == "scenes" else split.ground.kind
        return (
            f"{len(split.trainings) - 1} folds of {unit}: each was scored by a network that never "
            "saw it"
        )
    tested = int((chips["split"] == "test").sum())
    if split.ground.kind == "scenes":
        own = chips.loc[chips["split"] == "test", "scene"].nunique()
        return f"{own} whole images of {chips['scene'].nunique()} never seen in training"
    return f"blocks of {split.ground.block_px} px, {tested} of {len(chips)} never seen in training"


def curves_of(folder: Path) -> tuple[Curve, ...]:
    told = read_json(folder / "training.json")
    return tuple(
        Curve(name, tuple(EpochRow.from_dict(row) for row in item["history"]))
        for name, item in told.items()
        if "history" in item
    )


def _panels(workspace: Workspace, chips: gpd.GeoDataFrame) -> tuple[Panel, ...]:
    """Tested windows with the most classes, then the most labels."""
    candidates = []
    for training in workspace.split.trainings:
        if not training.score:
            continue
        rows = chips[chips["split"].isin(training.score)]
        for row in rows.itertuples():
            present = sum(share > 0 for share in row.class_shares.values())
            candidates.append((-present, -row.share_labelled, row.chip, training, row))
    candidates.sort(key=lambda item: item[:3])
    panels = []
    for *_, training, row in candidates[:_PANELS]:
        _, _, score = shares_of(workspace.viewer, chips, training)
        assert score is not None
        place = next(
            n
            for n, (scene, window) in enumerate(score.windows)
            if scene == row.scene and (window.row_off, window.col_off) == (row.row_off, row.col_off)
        )
        panels.append(_panel(workspace, training.name, score, place))
    return tuple(panels)


def _panel(workspace: Workspace, training: str, score: Any, place: int) -> Panel:
    name, window = score.windows[place]
    scene, legend = workspace.viewer.scenes[name], workspace.labels.legend
    view = score.read(place)
    path = workspace.folder.path / "evaluation" / f"{training}_{name}.tif"
    index, known = legend.to_index(read_map_window(path, window, legend.nodata))
    return Panel(
        caption=f"{name}, row {window.row_off}, column {window.col_off}",
        image=picture(scene, window),
        truth=np.where(score.counted(view), view.target.index, -1).astype(np.int16),
        prediction=np.where(known, index, -1).astype(np.int16),
    )


def _split_map(workspace: Workspace, chips: gpd.GeoDataFrame) -> SplitMap:
    scene, split = workspace.scenes[0], workspace.split
    box = scene.geobox.boundingbox
    parts = []
    for code, part in enumerate(split.ground.parts):
        if split.ground.kind == "polygons" and isinstance(workspace.labels, Polygons):
            chosen = split.ground.part_of_source[:-1] == code
            shapes = list(workspace.labels.in_crs(scene.geobox.crs).geometry[chosen])
        else:
            own = chips[(chips["split"] == part) & (chips["scene"] == scene.name)]
            shapes = [window_geobox(scene.geobox, window).extent.geom for window in _windows(own)]
        if shapes:
            parts.append((part, _rings(shapes)))
    audit = read_json(workspace.folder.path / "audit.json")
    return SplitMap(
        background=quicklook(scene),
        extent=(box.left, box.right, box.bottom, box.top),
        parts=tuple(parts),
        audit=tuple(audit_lines(audit)),
    )


def _windows(rows: gpd.GeoDataFrame) -> list[Any]:
    from covermap.core.grid import Window

    columns = ("row_off", "col_off", "height", "width")
    return [
        Window(*(int(v) for v in values))
        for values in zip(*(rows[c] for c in columns), strict=True)
    ]


def _rings(shapes: list[Any]) -> list[np.ndarray]:
    rings = []
    for shape in shapes:
        for part in getattr(shape, "geoms", [shape]):
            if part.geom_type == "Polygon":
                rings.append(np.asarray(part.exterior.coords)[:, :2])
    return rings


def audit_lines(content: dict[str, Any]) -> list[str]:
    from covermap.chips.audit import Audit, TrainingAudit

    trainings = tuple(TrainingAudit(**item) for item in content["trainings"])
    return Audit(trainings, content["class_shares"]).lines()


def _doubts(workspace: Workspace) -> tuple[Doubt, ...]:
    scores = read_doubts(workspace.folder.path / "evaluation" / "polygons.csv")
    doubted = [score for score in scores if score.drawn != score.predicted][:_DOUBTS]
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
        for score in doubted
    )


def _thumbnail(workspace: Workspace, row: int) -> np.ndarray | None:
    if not isinstance(workspace.labels, Polygons):
        return None
    for scene in workspace.scenes:
        image = outlined(scene, workspace.labels, row)
        if image is not None:
            return image
    return None


def _areas(workspace: Workspace) -> tuple[ClassArea, ...]:
    """Mapped areas over all scenes."""
    totals: dict[int, float] = {}
    for item in read_json(workspace.folder.path / AREAS).values():
        for key, value in item["class_area_m2"].items():
            totals[int(key)] = totals.get(int(key), 0.0) + value
    return class_areas(totals, workspace.labels.legend)


def provenance_of(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    project, told = workspace.project, read_json(workspace.folder.path / "training.json")
    final = told["final"]
    rows = [
        ("scenes", ", ".join(scene.name for scene in workspace.scenes)),
        ("labels", workspace.labels.path.name),
        ("channels", ", ".join(workspace.channels)),
        ("model", final["model"]),
        ("training", final["summary"]),
        ("seed", str(project.seed)),
        ("split", "; ".join(workspace.split.reasons)),
    ]
    rows += list(workspace.folder.record["versions"].items())
    return tuple(rows)
