"""`legend: top 4 + other`: the classes that training ground holds most of, and all else as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from covermap.core.errors import LabelError
from covermap.core.legend import Legend, LegendClass
from covermap.labels.protocol import MergeableLabels
from covermap.labels.settings import LabelSettings, TopLegendSettings

_OTHER_COLOR = "#d9d9d9"


@dataclass(frozen=True)
class TopClasses:
    """The classes that were chosen.

    Attributes
    ----------
    kept : tuple of str
        Names, in the labels' own legend, of the classes that stay; the most frequent one first.
    pixels : tuple of int
        Pixels of each of them on the ground that chose, and those of all other classes at the end.
    legend : Legend
        The classes of the map.
    other : str
        Name of the class of all else.
    """

    kept: tuple[str, ...]
    pixels: tuple[int, ...]
    legend: Legend
    other: str

    def of(self, labels: MergeableLabels) -> MergeableLabels:
        """Labels of their own legend with the chosen classes."""
        return labels.merged(self.legend, self.places(labels.legend))

    def places(self, base: Legend) -> list[int]:
        """Position in the chosen legend of each class of the labels' own one."""
        return [self.legend.index(name if name in self.kept else self.other) for name in base.names]

    def told(self, ground: str) -> str:
        """Which classes, and chosen by which ground, in words."""
        total = max(1, sum(self.pixels))
        shares = ", ".join(
            f"{name} {pixels / total:.1%}"
            for name, pixels in zip((*self.kept, self.other), self.pixels, strict=True)
        )
        return f"the {len(self.kept)} most frequent classes of {ground}: {shares}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "kept": list(self.kept),
            "pixels": list(self.pixels),
            "classes": self.legend.to_dict(),
            "other": self.other,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> TopClasses:
        return cls(
            tuple(content["kept"]),
            tuple(int(n) for n in content["pixels"]),
            Legend.from_dict(content["classes"]),
            content["other"],
        )


def without_classes(labels: MergeableLabels) -> MergeableLabels:
    """The same labels with a single class: where something was labelled, not what."""
    return labels.merged(Legend.of({1: "labelled"}), [0] * len(labels.legend))


def top_classes(pixels: np.ndarray, base: Legend, settings: LabelSettings) -> TopClasses:
    """The most frequent classes of some ground.

    Nothing in the answer depends on other ground: ids are those of the labels' own legend where
    the project or a shipped legend gives them or classes are numbers, else 1, 2, ... in order of
    name; `other` has the smallest id that is left, from 0.

    Parameters
    ----------
    pixels : ndarray of int, shape (K,)
        Labelled pixels of each class of `base` on the ground that chooses.
    base : Legend
        The labels' own legend.
    settings : LabelSettings
        With a `legend: {top: ...}`.

    Raises
    ------
    LabelError
        That ground holds no more classes than are asked for, or one is called like `other`.
    """
    top = settings.legend
    if not isinstance(top, TopLegendSettings):
        raise TypeError("labels: legend asks for no most frequent classes")
    held = int((np.asarray(pixels) > 0).sum())
    if held <= top.top:
        raise LabelError(
            f"labels: legend: top {top.top} + {top.other}: the ground that chooses holds {held} "
            f"classes only, so none is left for '{top.other}'; ask for fewer, or leave legend out"
        )
    order = sorted(range(len(base)), key=lambda place: (-int(pixels[place]), base.ids[place]))
    kept = order[: top.top]
    if top.other in (base.names[place] for place in kept):
        raise LabelError(
            f"labels: legend: '{top.other}' is itself one of the {top.top} most frequent classes; "
            f"call the rest another name: legend: {{top: {top.top}, other: rest}}"
        )
    counts = [int(pixels[place]) for place in kept]
    return TopClasses(
        tuple(base.names[place] for place in kept),
        (*counts, int(np.sum(pixels)) - sum(counts)),
        _legend([base.classes[place] for place in kept], top, _ids_are_given(settings)),
        top.other,
    )


def _ids_are_given(settings: LabelSettings) -> bool:
    return settings.base_legend is not None or settings.classes is not None


def _legend(kept: Sequence[LegendClass], top: TopLegendSettings, given: bool) -> Legend:
    if given or all(item.name == str(item.id) for item in kept):
        names = {item.id: item.name for item in kept}
    else:
        names = dict(enumerate(sorted(item.name for item in kept), start=1))
    rest = next(number for number in range(len(names) + 1) if number not in names)
    names[rest] = top.other
    colors = {top.other: _OTHER_COLOR}
    if top.of is not None:
        colors |= {item.name: item.color for item in kept}
    return Legend.of(names, colors)
