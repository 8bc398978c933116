"""How much ground a map gives to each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from covermap.core.legend import Legend

# Counting pixels of a map is biased by the map's own errors: an estimate needs a probability sample
# of reference points (Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57).
AREA_WORDING = "mapped area, not an estimate"
SQUARE_METRES_PER_HECTARE = 10_000


@dataclass(frozen=True)
class ClassArea:
    """The mapped area of one class; `share` 0..1 of all that is mapped, None when nothing is."""

    name: str
    hectares: float
    share: float | None


def class_areas(class_area_m2: Mapping[int, float], legend: Legend) -> tuple[ClassArea, ...]:
    """Mapped areas in the legend's order; a class that was not mapped has 0 hectares.

    Parameters
    ----------
    class_area_m2 : mapping of int to float
        Square metres of each class id.
    legend : Legend
        The classes of the map.

    Raises
    ------
    ValueError
        An id is not in the legend.
    """
    strangers = sorted(set(class_area_m2) - set(legend.ids))
    if strangers:
        raise ValueError(f"areas of ids {strangers} that the legend {legend.ids} does not hold")
    total = sum(class_area_m2.values())
    return tuple(
        ClassArea(
            name=item.name,
            hectares=class_area_m2.get(item.id, 0.0) / SQUARE_METRES_PER_HECTARE,
            share=class_area_m2.get(item.id, 0.0) / total if total else None,
        )
        for item in legend.classes
    )
