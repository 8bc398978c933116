"""The page of a run whose answers are of whole chips, or numbers."""

from __future__ import annotations

from dataclasses import dataclass

from covermap.report import figures
from covermap.report.content import Curve
from covermap.report.template import page_template


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; `rows` are pairs of a title and its cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    caption: str = ""


@dataclass(frozen=True)
class FigureSection:
    """Figures under one title, as data URIs."""

    title: str
    uris: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class TaskContent:
    """Everything that the page shows.

    Attributes
    ----------
    name : str
        The project.
    kind : str
        What was made: `a classifier of pictures`.
    how_tested : str
        A half sentence, as in `ReportContent`.
    counted, meaning : str
        What was scored, and what the scores mean.
    headlines : tuple of str
        What must be read first.
    scores, classes : Table
        Model and baselines; then class by class, None where there is no class.
    classes_title : str
    figures : tuple of FigureSection
    curves, audit, provenance, map_file
        As in `ReportContent`.
    leak : str
        Stands beside every table, see `leak_stamp`; empty where the split is honest.
    map_png : bytes, optional
        The preview of the map, with its colours explained.
    """

    name: str
    kind: str
    how_tested: str
    counted: str
    meaning: str
    headlines: tuple[str, ...]
    scores: Table
    classes: Table | None
    classes_title: str
    figures: tuple[FigureSection, ...]
    curves: tuple[Curve, ...]
    audit: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]
    leak: str = ""
    map_file: str | None = None
    map_png: bytes | None = None


def render_task(content: TaskContent) -> str:
    """The page as one HTML text that needs no other file; the same content gives the same bytes."""
    return page_template("task.html.j2").render(
        content=content,
        map_uri=None if content.map_png is None else figures.png_uri(content.map_png),
        curves=[
            (curve.title, figures.figure_uri(figures.curve_figure(curve)))
            for curve in content.curves
            if curve.rows
        ],
    )
