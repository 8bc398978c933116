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
    """The mapped area of one class.

    Attributes
    ----------
    name : str
    hectares : float or None
        None where pixels have no known size.
    share : float or None
        0..1 of all that is mapped; None when nothing is.
    pixels : int or None
        Counted where pixels have no known size.
    """

    name: str
    hectares: float | None
    share: float | None
    pixels: int | None = None


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
    return tuple(
        ClassArea(name, area / SQUARE_METRES_PER_HECTARE, share)
        for name, area, share in _shared_out(class_area_m2, legend)
    )


def class_pixels(pixels: Mapping[int, int], legend: Legend) -> tuple[ClassArea, ...]:
    """The same for pictures without a CRS, whose pixels have no known size.

    Parameters
    ----------
    pixels : mapping of int to int
        Mapped pixels of each class id.
    legend : Legend
        The classes of the map.

    Raises
    ------
    ValueError
        An id is not in the legend.
    """
    return tuple(
        ClassArea(name, None, share, int(number))
        for name, number, share in _shared_out(pixels, legend)
    )


def _shared_out(
    amounts: Mapping[int, float], legend: Legend
) -> list[tuple[str, float, float | None]]:
    """Name, amount and share of each class."""
    strangers = sorted(set(amounts) - set(legend.ids))
    if strangers:
        raise ValueError(f"areas of ids {strangers} that the legend {legend.ids} does not hold")
    total = sum(amounts.values())
    return [
        (item.name, amounts.get(item.id, 0), amounts.get(item.id, 0) / total if total else None)
        for item in legend.classes
    ]
