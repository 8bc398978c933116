"""Ground held out by a column of the polygons: those with one value stay together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.chips.ground import Ground
from covermap.chips.parts import Split, SplitCase, buffer_px
from covermap.chips.split_groups import split_of_groups
from covermap.chips.split_polygons import (
    counts_of_polygons,
    drawn_labels,
    ground_of_polygons,
    groups_on_ground,
)
from covermap.core.errors import SplitError, nearest
from covermap.labels.columns import as_text
from covermap.labels.polygons import Polygons

# Stands for polygons without a value, which stay together: nothing says that they are apart.
_NO_VALUE = ""


def split_by_attribute(case: SplitCase) -> Split:
    """Polygons that agree in a column together, and those on the same ground.

    Raises
    ------
    SplitError
        The labels are no polygons or have no such column, all polygons agree, or fewer than two
        classes can be assessed.
    """
    labels = drawn_labels(case)
    assert case.settings.attribute is not None
    values = column_of(labels, case.settings.attribute)
    return split_of_values(case, labels, values, f"values of '{case.settings.attribute}'")


def column_of(labels: Polygons, name: str) -> list[str]:
    """The values of a column as text, one a polygon; empty where there is none.

    Raises
    ------
    SplitError
        There is no such column.
    """
    columns = [str(column) for column in labels.attributes.columns]
    if name not in columns:
        raise SplitError(
            f"split: attribute: {labels.path} has no column '{name}'; {nearest(name, columns)}"
        )
    return [value or _NO_VALUE for value in as_text(labels.attributes[name])]


def split_of_values(case: SplitCase, labels: Polygons, values: Sequence[str], unit: str) -> Split:
    """A hold-out or k-fold of polygons, those with equal values together."""
    if labels.complete:
        raise SplitError(
            f"split: by {case.settings.by} cannot hold out the background of a complete drawing; "
            "use split: {by: region} or {by: blocks}"
        )
    group_of = _joined(groups_on_ground(labels), values)
    if int(group_of.max()) == 0:
        raise SplitError(
            f"split: by {case.settings.by}: all polygons of {labels.path} have one value or lie "
            "on common ground, so nothing can be held out; use split: {by: blocks}"
        )
    counts = counts_of_polygons(case, group_of)

    buffer = buffer_px(case, "polygons")
    buffer_m = case.settings.buffer_m

    def ground(codes: np.ndarray, parts: tuple[str, ...]) -> Ground:
        return ground_of_polygons(labels, group_of, codes, parts, buffer, buffer_m)

    split = split_of_groups(case, counts, unit, ground)
    missing = sum(value == _NO_VALUE for value in values)
    if not missing:
        return split
    from dataclasses import replace

    note = f"{missing} polygons without a value stay together"
    return replace(split, reasons=(*split.reasons, note))


def _joined(grounds: np.ndarray, values: Sequence[str]) -> np.ndarray:
    """Number of the group of each polygon: joined by a common value or by common ground."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    value_of = np.unique(np.asarray(values), return_inverse=True)[1]
    nodes = int(grounds.max()) + 1
    size = nodes + int(value_of.max()) + 1
    graph = coo_matrix((np.ones(len(grounds)), (grounds, nodes + value_of)), (size, size))
    found = connected_components(graph, directed=False)[1][grounds]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)
