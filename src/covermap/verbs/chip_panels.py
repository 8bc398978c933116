"""Pieces of tested ground in reports of whole chips and of numbers: what is true, what was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.bundle.folder import read_bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.core.grid import Window, whole
from covermap.imagery.inspection import spread
from covermap.mapping.reading import read_map_window
from covermap.report.figures import figure_uri
from covermap.report.figures_scores import (
    ChipPanel,
    NumberPanel,
    chip_panels_figure,
    number_panels_figure,
)
from covermap.report.task_page import FigureSection
from covermap.verbs.caps import cap_of
from covermap.verbs.evaluate_chips import TABLE, read_scored
from covermap.verbs.evaluate_numbers import number_map
from covermap.verbs.pictures import picture
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

_PANELS = 20
_NUMBER_PANELS = 3


def chip_panels(workspace: Workspace) -> FigureSection:
    """Tested chips spread evenly over the table, so that all classes have a chance to be seen."""
    scored = read_scored(workspace.folder.path / "evaluation" / TABLE)
    scored.sort(key=lambda chip: (chip.truth, chip.scene, chip.row_off, chip.col_off))
    bundle = read_bundle(workspace.folder.path / "bundle")
    size = bundle.chip_size
    panels = []
    for chip in spread(scored, _PANELS):
        scene = workspace.viewer.scenes[chip.scene]
        window = Window(chip.row_off, chip.col_off, size, size)
        # Beyond a picture, and beyond the box of a polygon, there is padding alone.
        held = workspace.regions[chip.scene, window].box if workspace.regions else window
        image = picture(scene, held.intersection(whole(scene.geobox)) or held, bundle.channels)
        sure = chip.probability if chip.prediction else None
        panels.append(ChipPanel(image, chip.truth, chip.prediction, sure))
    return FigureSection(
        "Some tested chips",
        (figure_uri(chip_panels_figure(panels), "png"),),
        "Above each chip what it is, below what it was said to be; wrong answers in orange.",
    )


def number_panels(workspace: Workspace, chips: gpd.GeoDataFrame, unit: str) -> FigureSection:
    """Tested chips with the most points: picture, truth and what was mapped."""
    panels: list[NumberPanel] = []
    for training in workspace.split.trainings:
        if not training.score or len(panels) == _NUMBER_PANELS:
            continue
        _, _, score = shares_of(workspace.viewer, chips, training)
        assert score is not None
        folder = workspace.folder.path
        own = folder / "bundle" if training.name == "final" else folder / "folds" / training.name
        cap = cap_of(read_bundle(own))
        samples = Chips(score, score.statistics(), workspace.answers(cap))
        sums = [
            float(samples[n].target[samples[n].counted].sum()) for n in range(len(score.windows))
        ]
        for place in np.argsort(sums)[::-1][: _NUMBER_PANELS - len(panels)]:
            name, window = score.windows[place]
            sample = samples[int(place)]
            mapped = read_map_window(number_map(workspace, training.name, name), window, np.nan)
            panels.append(
                NumberPanel(
                    f"{name}, row {window.row_off}, column {window.col_off}",
                    picture(workspace.viewer.scenes[name], window),
                    np.where(sample.counted, sample.target, np.nan),
                    mapped / cap.points,
                )
            )
    return FigureSection(
        "Pieces of test ground", (figure_uri(number_panels_figure(panels, 1.0, unit), "png"),)
    )
