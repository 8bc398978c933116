"""How what stands in a mask (a code or a colour) relates to the classes of a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.errors import LabelError, nearest
from covermap.core.legend import Legend, LegendClass
from covermap.core.settings import parse
from covermap.core.yaml_text import loaded, text_of
from covermap.labels.settings import ClassSettings, LegendSettings

IGNORED, UNKNOWN = -1, -2
_WIDEST_TOLERANCE = 48.0


@dataclass(frozen=True)
class Coding:
    """The classes of masks and what means them.

    Attributes
    ----------
    legend : Legend
        The classes.
    codes : dict
        Code of a class-id mask to the position of its class, -1 where it is ignored.
    colors : dict
        Packed colour (`red << 16 | green << 8 | blue`) of a palette mask to the position of its
        class, -1 where it is ignored.
    other : int, optional
        Position of the class that takes all other codes.
    source : str
        Where codes and colours come from.
    """

    legend: Legend
    codes: dict[int, int]
    colors: dict[int, int]
    other: int | None = None
    source: str = ""

    @property
    def has_palette(self) -> bool:
        """Whether every class has a colour in masks."""
        return len(set(self.colors.values()) - {IGNORED}) == len(self.legend)

    def of_codes(self, codes: np.ndarray) -> np.ndarray:
        """Position of the class of each code, int16; -1 for ignored, -2 for unknown ones."""
        known, place = np.unique(codes, return_inverse=True)
        fallback = UNKNOWN if self.other is None else self.other
        table = np.asarray([self.codes.get(int(code), fallback) for code in known], dtype=np.int16)
        return table[place.reshape(codes.shape)] if len(known) else np.zeros(codes.shape, np.int16)

    def of_colors(self, packed: np.ndarray, tolerance: float | None) -> np.ndarray:
        """Position of the class of each packed colour, int16; -1 for ignored, -2 for unknown ones.

        A colour that is not in the legend belongs to the nearest one within `tolerance` (Euclidean
        distance in RGB), as in masks that went through JPEG.
        """
        seen, place = np.unique(packed, return_inverse=True)
        table = np.asarray([self.colors.get(int(color), UNKNOWN) for color in seen], dtype=np.int16)
        strange = np.nonzero(table == UNKNOWN)[0]
        if len(strange) and self.colors:
            reach = self.tolerance if tolerance is None else tolerance
            distance, nearest_place = self._nearest(seen[strange])
            positions = np.asarray(list(self.colors.values()), dtype=np.int16)
            near = distance <= reach
            table[strange[near]] = positions[nearest_place[near]]
        return table[place.reshape(packed.shape)] if len(seen) else np.zeros(packed.shape, np.int16)

    def merged(self, legend: Legend, places: Sequence[int]) -> Coding:
        """The coding in which class k is class `places[k]` of another legend."""

        def moved(known: dict[int, int]) -> dict[int, int]:
            return {key: place if place < 0 else places[place] for key, place in known.items()}

        other = None if self.other is None else places[self.other]
        return Coding(legend, moved(self.codes), moved(self.colors), other, self.source)

    @cached_property
    def tolerance(self) -> float:
        """Half of the distance between the two nearest colours, at most 48."""
        palette = unpacked(np.asarray(list(self.colors)))
        if len(palette) < 2:
            return _WIDEST_TOLERANCE
        distance = np.linalg.norm(palette[:, None] - palette[None], axis=-1)
        np.fill_diagonal(distance, np.inf)
        # Just under the half, so that no colour is as near to two classes.
        return float(min(_WIDEST_TOLERANCE, distance.min() / 2 - 1e-6))

    def _nearest(self, packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        palette = unpacked(np.asarray(list(self.colors)))
        colors = unpacked(packed)
        best = np.full(len(colors), np.inf)
        place = np.zeros(len(colors), dtype=np.intp)
        for number, color in enumerate(palette):
            distance = np.linalg.norm(colors - color, axis=-1)
            place[distance < best] = number
            best = np.minimum(best, distance)
        return best, place


def packed_color(color: str) -> int:
    """`#rrggbb` as one number.

    Examples
    --------
    >>> packed_color("#ff0001")
    16711681
    """
    return int(color[1:], 16)


def color_text(packed: int) -> str:
    """A packed colour as `#rrggbb`."""
    return f"#{int(packed):06x}"


def packed_colors(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    """Three arrays of 0..255 as one array of packed colours, int32."""
    return (red.astype(np.int32) << 16) | (green.astype(np.int32) << 8) | blue.astype(np.int32)


def unpacked(packed: np.ndarray) -> np.ndarray:
    """Packed colours (N,) as red, green and blue, float64 (N, 3)."""
    numbers = np.asarray(packed, dtype=np.int64)
    return np.stack([numbers >> 16 & 255, numbers >> 8 & 255, numbers & 255], axis=-1).astype(
        np.float64
    )


def coding_of(settings: LegendSettings) -> Coding:
    """The coding that a legend describes; classes stand in order of id."""
    ids = sorted(settings.classes)
    chosen = Legend.of({number: settings.classes[number].name for number in ids})
    classes = tuple(
        LegendClass(item.id, item.name, _map_color(settings.classes[item.id]) or item.color)
        for item in chosen.classes
    )
    codes: dict[int, int] = {}
    colors: dict[int, int] = {}
    for place, number in enumerate(ids):
        item = settings.classes[number]
        codes |= dict.fromkeys(item.mask_codes(number), place)
        colors |= {packed_color(color): place for color in item.mask_colors}
    for key in settings.ignore:
        if isinstance(key, int):
            codes[key] = IGNORED
        else:
            colors[packed_color(key)] = IGNORED
    other = None if settings.other is None else ids.index(settings.other)
    return Coding(Legend(classes), codes, colors, other, settings.source)


def coding_of_codes(codes: list[int]) -> Coding:
    """The coding of masks without a legend: each code is a class and its name."""
    legend = Legend.of({code: str(code) for code in sorted(codes)})
    return Coding(legend, {code: place for place, code in enumerate(legend.ids)}, {})


def legend_settings(legend: str | LegendSettings, base: Path) -> LegendSettings:
    """The legend that a project names: shipped, in a file, or within the project.

    Raises
    ------
    LabelError
        No legend of that name is shipped and no such file exists.
    ProjectError
        The file holds something else than a legend.
    """
    if isinstance(legend, LegendSettings):
        return _with_colors_of_source(legend)
    path = legend_path(legend, base)
    if path is not None:
        return _with_colors_of_source(_parsed(loaded(text_of(path), str(path)), str(path)))
    if legend in shipped_legends():
        return _shipped(legend)
    raise LabelError(
        f"labels: legend: '{legend}' is neither a shipped legend nor a file ({base / legend}); "
        f"{nearest(legend, shipped_legends())}"
    )


def legend_path(legend: object, base: Path) -> Path | None:
    """The file that `legend` names, or None."""
    if not isinstance(legend, str):
        return None
    path = base / legend
    return path if path.is_file() else None


def shipped_legends() -> list[str]:
    """Names of the legends that come with covermap."""
    return sorted(
        item.name.removesuffix(".yaml")
        for item in _shipped_folder().iterdir()
        if item.name.endswith(".yaml")
    )


def _map_color(item: ClassSettings) -> str | None:
    return item.color or next(iter(item.mask_colors), None)


def _shipped(name: str) -> LegendSettings:
    text = (_shipped_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    return _parsed(loaded(text, name), f"legend {name}")


def _with_colors_of_source(settings: LegendSettings) -> LegendSettings:
    """A legend whose codes mean their colours in the shipped legend that is its source as well."""
    if settings.source not in shipped_legends():
        return settings
    shipped = _shipped(settings.source)
    colors_of = {
        code: item.mask_colors
        for number, item in shipped.classes.items()
        for code in item.mask_codes(number)
    }
    classes = {}
    for number, item in settings.classes.items():
        codes = item.mask_codes(number)
        own = list(dict.fromkeys(color for code in codes for color in colors_of.get(code, [])))
        has_colors = any(isinstance(code, str) for code in item.codes or [])
        # Classes that were numbered otherwise are known by the colour of another one.
        others = {color for colors in colors_of.values() for color in colors} - set(own)
        is_same = bool(own) and not has_colors and item.color not in others
        classes[number] = item.model_copy(update={"codes": [*codes, *own]}) if is_same else item
    held = {color for item in classes.values() for color in item.mask_colors}
    ignored = [key for key in shipped.ignore if isinstance(key, str) and key not in held]
    values = settings.model_copy(
        update={"classes": classes, "ignore": list(dict.fromkeys([*settings.ignore, *ignored]))}
    )
    # Two classes may mean one colour only now.
    return _parsed(values.model_dump(), f"legend with the colours of {settings.source}")


def _shipped_folder() -> Any:
    return files("covermap.labels") / "legends"


def _parsed(values: Any, where: str) -> LegendSettings:
    return parse(LegendSettings, values, where)
