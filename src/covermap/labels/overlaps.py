"""Polygons of different classes on the same ground, where only one of them can win."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from covermap.core.errors import counted, listed
from covermap.core.legend import Legend

if TYPE_CHECKING:
    import geopandas as gpd

# Of the smaller polygon: less is how borders are drawn by hand.
_LEAST_SHARE = 0.1
_NAMED = 3
# More pairs than a person draws; looking at all of a country's parcels would take minutes.
_MOST_PAIRS = 200_000


def told_of_overlaps(
    table: gpd.GeoDataFrame, legend: Legend, strength: np.ndarray | None, unit: str = "polygon"
) -> str | None:
    """How many polygons lie on those of another class, and who wins; None where nothing does.

    Pairs of which the project says who wins, or one of which is ignored, do not count, nor do
    borders that overlap by less than a tenth of the smaller polygon.

    Parameters
    ----------
    table : GeoDataFrame
        With the position of each polygon's class in `index`, -1 for none.
    legend : Legend
    strength : ndarray of int, shape (N,), optional
        Rank of each polygon's class by `priority`.
    unit : str
        What to call them: `polygon`, or `point` of discs.
    """
    import shapely

    below, above = _pairs(table, strength)
    if not len(below):
        return None
    is_cut = len(below) > _MOST_PAIRS
    below, above = below[:_MOST_PAIRS], above[:_MOST_PAIRS]
    shapes = table.geometry.to_numpy()
    shared = shapely.area(shapely.intersection(shapes[below], shapes[above]))
    smaller = np.minimum(shapely.area(shapes[below]), shapely.area(shapes[above]))
    large = shared > _LEAST_SHARE * smaller
    below, above = below[large], above[large]
    if not len(below):
        return None
    index = table["index"].to_numpy()
    names = legend.names
    kinds = Counter(
        f"{names[index[one]]} under {names[index[other]]}"
        for one, other in zip(below, above, strict=True)
    )
    told = [f"{kind} ({number})" for kind, number in kinds.most_common()]
    least = "at least " if is_cut else ""
    number = len(np.unique(below))
    # Of one under several each is a pair of its own.
    pairs = "" if number == len(below) else f"in {len(below):,} pairs: "
    mend = "or mend the drawing" if unit == "polygon" else "or take a smaller radius_m"
    return (
        f"{least}{counted(number, unit)} {'lies' if number == 1 else 'lie'} under later ones of "
        f"another class, {pairs}{listed(told, _NAMED)}: where {unit}s overlap the later row of the "
        f"file wins; say otherwise with labels: {{priority: [...]}}, {mend}"
    )


def _pairs(table: gpd.GeoDataFrame, strength: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two classes, equally strong, that touch or overlap: the earlier and the later."""
    below, above = table.sindex.query(table.geometry, predicate="intersects")
    index = table["index"].to_numpy()
    apart = (below < above) & (index[below] != index[above])
    apart &= (index[below] >= 0) & (index[above] >= 0)
    if strength is not None:
        apart &= strength[below] == strength[above]
    return below[apart], above[apart]
