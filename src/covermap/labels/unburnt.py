"""Polygons that meet the imagery and label none of its pixels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from covermap.core.errors import counted, listed
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons

_NAMED = 4


def told_of_unburnt(
    polygons: Polygons, burnt: Collection[int], scenes: Sequence[Scene]
) -> str | None:
    """How many polygons with a class label no usable pixel, and of which classes.

    Parameters
    ----------
    polygons : Polygons
    burnt : collection of int
        Rows of the table that label some pixel.
    scenes : sequence of Scene
        Polygons beyond all of them do not count.

    Returns
    -------
    str or None
        None where each of them labels some.
    """
    index = polygons.table["index"].to_numpy()
    met = np.asarray(sorted(polygons.meeting(scenes)), dtype=np.intp)
    met = met[index[met] >= 0]
    silent = met[~np.isin(met, np.fromiter(burnt, dtype=np.intp))]
    if not len(silent):
        return None
    counts = np.bincount(index[silent], minlength=len(polygons.legend))
    kinds = [
        f"{polygons.legend.names[place]} {counts[place]}"
        for place in np.argsort(-counts, kind="stable")
        if counts[place]
    ]
    are_points = polygons.unit == "point"
    wider = "a larger radius_m" if are_points else "labels: {all_touched: true}"
    return (
        f"{len(silent):,} of {counted(len(met), polygons.unit)} label no usable pixel "
        f"({listed(kinds, _NAMED)}): they hold no pixel's centre, lie under others, "
        "or where the imagery has no data; small ones "
        f"take pixels with {wider}"
    )
