"""How all figures of a report look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, FAINT, ACCENT = "#1f2a2e", "#66757a", "#e3e8e6", "#17695a"
_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#b6c0be",
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    # Text stays text: sharp, small, and in the reader's own scripts.
    "svg.fonttype": "none",
    # A class name may hold a dollar sign: it is no formula.
    "text.parse_math": False,
    # Names inside the file then do not change from run to run.
    "svg.hashsalt": "covermap",
}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib with covermap's own settings, whatever the reader's are."""
    import matplotlib as mpl

    with mpl.rc_context():
        # A reader's own matplotlibrc would change the bytes of the page.
        mpl.rcdefaults()
        mpl.rcParams.update(_RC)
        yield


def blank_figure(width: float, height: float) -> Figure:
    """An empty figure; `width` and `height` in inches."""
    # Without pyplot nothing is kept between figures, and no display is looked for.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), facecolor="none")
