"""The cap of a density: fitted to training ground, kept in the bundle."""

from __future__ import annotations

from covermap.bundle.facts import Bundle, Quantity
from covermap.chips.loading import Share
from covermap.core.errors import LabelError
from covermap.core.grid import window_geobox
from covermap.core.progress import say
from covermap.labels.density import Cap, CountHistogram, Density
from covermap.labels.kind_settings import CapSettings, DensitySettings
from covermap.verbs.workspace import Workspace

_NAME, _UNIT = "points in a cell", "points"


def fitted_cap(workspace: Workspace, teach: Share) -> Cap | None:
    """The number of points that a density of 1 stands for; None for tasks without densities.

    Raises
    ------
    LabelError
        Every counted cell of the training ground is empty.
    """
    labels, settings = workspace.labels, workspace.project.labels
    if workspace.project.task != "regression":
        return None
    assert isinstance(labels, Density)
    assert isinstance(settings, DensitySettings)
    cap = Cap.fitted(histogram_of(labels, teach), settings.cap)
    if cap.points == 0:
        raise LabelError(
            f"{labels.path}: the cap is 0 points, because so many cells of the training ground "
            "are empty; take it over the others: labels: {cap: {percentile: 97, over: nonzero}}"
        )
    how = "" if isinstance(settings.cap, int | float) else f", {_how(settings.cap)}"
    say(f"density: 1 stands for {cap.points:g} points in a cell, and for more (labels: cap{how})")
    return cap


def _how(settings: CapSettings) -> str:
    cells = "the cells" if settings.over == "all" else "the cells with points"
    return f"percentile {settings.percentile:g} of {cells} that teach"


def histogram_of(labels: Density, teach: Share) -> CountHistogram:
    """How many counted training cells hold each number of points; overlapping chips count twice."""
    total = CountHistogram()
    for number, (name, window) in enumerate(teach.windows):
        box = window_geobox(teach.viewer.scenes[name].geobox, window)
        total += CountHistogram.of(labels.counts(box), teach.counted(teach.read(number)))
    return total


def quantity_of(cap: Cap) -> Quantity:
    """What the regression of a density measures."""
    return Quantity(_NAME, _UNIT, cap.points)


def cap_of(bundle: Bundle) -> Cap:
    """The cap that a bundle was trained with."""
    assert bundle.quantity is not None
    assert bundle.quantity.cap is not None
    return Cap(bundle.quantity.cap)
