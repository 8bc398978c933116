"""Classes of a map: ids, names, colours, and how network outputs relate to them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Words that users write for a cover and the colour a map reader expects for it.
_KNOWN_COLORS = (
    ("wetland|marsh|swamp|mangrove", "#5aa88f"),
    ("water|river|lake|sea|subtidal|ocean|pool", "#2f6fb5"),
    ("conifer|needle", "#14532d"),
    ("forest|tree|wood", "#237a3c"),
    ("grass|pasture|meadow|herb", "#a4c95b"),
    ("shrub|schrub|bush|scrub", "#8a8f3c"),
    ("crop|cultivat|field|farm|arable|agri|corn|maize|wheat", "#e8c64a"),
    ("urban|built|building|artificial|resident|industr|settle", "#c8403a"),
    ("road|rail|highway", "#6d6d6d"),
    ("bare|barren|soil|sand|rock", "#c9a57a"),
    ("snow|ice", "#dff1f7"),
    ("background|other|unknown", "#d9d9d9"),
)
# Paul Tol's "muted" scheme (personal.sron.nl/~pault, 2021): told apart with colour blindness.
_FALLBACK_COLORS = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77",
    "#cc6677", "#882255", "#aa4499", "#e07b39", "#5b5bd6", "#7f4f24",
)  # fmt: skip


@dataclass(frozen=True)
class LegendClass:
    """One class of a map; `color` is `#rrggbb`."""

    id: int
    name: str
    color: str


@dataclass(frozen=True)
class Legend:
    """The classes of a map in the order of a network's outputs.

    Output k of a network means `classes[k]`; in files a pixel holds `classes[k].id`.
    """

    classes: tuple[LegendClass, ...]

    def __post_init__(self) -> None:
        if len({item.id for item in self.classes}) != len(self.classes):
            raise ValueError(f"a class id occurs twice: {self.ids}")
        if len({item.name for item in self.classes}) != len(self.classes):
            raise ValueError(f"a class name occurs twice: {self.names}")

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(item.id for item in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.classes)

    @property
    def colors(self) -> tuple[str, ...]:
        return tuple(item.color for item in self.classes)

    @property
    def dtype(self) -> str:
        """`uint8`, or `uint16` where ids need it."""
        return "uint8" if max(self.ids) < 255 else "uint16"

    @property
    def nodata(self) -> int:
        """The id that no class has: 255, or 65535 in `uint16` maps. Never 0."""
        return 255 if self.dtype == "uint8" else 65535

    def index(self, name: str) -> int:
        """Which network output stands for the class `name`."""
        return self.names.index(name)

    def to_ids(self, index: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Class ids of network outputs; `nodata` where not valid.

        Parameters
        ----------
        index : ndarray of int
            Values 0..K-1, any shape.
        valid : ndarray of bool
            Same shape.
        """
        table = np.asarray(self.ids, dtype=self.dtype)
        return np.where(valid, table[np.where(valid, index, 0)], self.nodata).astype(self.dtype)

    def to_index(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Network outputs (int16) of class ids, and where the id is one of this legend (bool)."""
        order = np.argsort(self.ids)
        sorted_ids = np.asarray(self.ids)[order]
        place = np.clip(np.searchsorted(sorted_ids, ids), 0, len(sorted_ids) - 1)
        known = sorted_ids[place] == ids
        return np.where(known, order[place], 0).astype(np.int16), known

    def to_dict(self) -> list[dict[str, Any]]:
        return [{"id": c.id, "name": c.name, "color": c.color} for c in self.classes]

    @classmethod
    def from_dict(cls, items: list[dict[str, Any]]) -> Legend:
        return cls(tuple(LegendClass(int(i["id"]), str(i["name"]), str(i["color"])) for i in items))

    @classmethod
    def of(cls, names_by_id: dict[int, str], colors: dict[str, str] | None = None) -> Legend:
        """A legend in order of id, with colours chosen where none is given."""
        ids = sorted(names_by_id)
        chosen = choose_colors([names_by_id[i] for i in ids])
        return cls(
            tuple(
                LegendClass(i, names_by_id[i], (colors or {}).get(names_by_id[i], color))
                for i, color in zip(ids, chosen, strict=True)
            )
        )


def choose_colors(names: Iterable[str]) -> list[str]:
    """A colour for each class name: the expected one where the word is known, all different."""
    names = list(names)
    taken: set[str] = set()
    chosen: dict[str, str] = {}
    for name in names:
        for pattern, color in _KNOWN_COLORS:
            if color not in taken and re.search(pattern, name.casefold()):
                chosen[name] = color
                taken.add(color)
                break
    spare = [color for color in _FALLBACK_COLORS if color not in taken]
    for number, name in enumerate(name for name in names if name not in chosen):
        chosen[name] = spare[number] if number < len(spare) else _generated(number)
    return [chosen[name] for name in names]


def _generated(number: int) -> str:
    import colorsys

    # The golden ratio spreads hues evenly however many there are.
    hue = (number * 0.61803398875) % 1.0
    r, g, b = colorsys.hsv_to_rgb(hue, 0.55 + 0.35 * (number % 2), 0.85 - 0.25 * (number % 3))
    return f"#{round(r * 255):02x}{round(g * 255):02x}{round(b * 255):02x}"
