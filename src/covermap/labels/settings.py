"""What a project file says about its labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from covermap.core.names import composed, composed_keys
from covermap.core.settings import Settings

LARGEST_ID = 65534
_COLOR = re.compile(r"#[0-9a-f]{6}")
_TOP = re.compile(r"top +(\d+)(?: +of +(\S+))? *(?:\+ *(\S.*))?", re.IGNORECASE)


class ClassSettings(Settings):
    """One class of a legend.

    Attributes
    ----------
    name : str
    color : str, optional
        `#rrggbb`, on maps and, unless `codes` hold colours, in palette masks; when not given the
        first colour of `codes`, or chosen.
    codes : list of int or str, optional
        What means this class in masks: numbers in place of its id, colours (`#rrggbb`) in place of
        its colour.
    """

    name: str = Field(min_length=1)
    color: str | None = None
    codes: list[int | str] | None = None

    @property
    def mask_colors(self) -> list[str]:
        """Colours that mean this class in palette masks."""
        named = [code for code in self.codes or [] if isinstance(code, str)]
        return named or ([] if self.color is None else [self.color])

    def mask_codes(self, number: int) -> list[int]:
        """Codes that mean this class, the one with the id `number`, in class-id masks."""
        named = [code for code in self.codes or [] if isinstance(code, int)]
        return named if named or self.codes == [] else [number]

    @field_validator("name")
    @classmethod
    def _as_tables_write_it(cls, value: str) -> str:
        return composed(value)

    @field_validator("color", mode="before")
    @classmethod
    def _one_color(cls, value: object) -> object:
        if isinstance(value, list):
            shown = quoted_codes([str(item) for item in value])
            raise ValueError(
                "a class has one colour on maps; colours that mean it in masks stand in codes: "
                f"{shown}"
            )
        return None if value is None else checked_color(value)

    @field_validator("codes", mode="before")
    @classmethod
    def _numbers_or_colors(cls, value: object) -> object:
        return [_code(item) for item in value] if isinstance(value, list) else value


class LegendSettings(Settings):
    """Classes of mask labels, in a file of its own, shipped, or within the project.

    Attributes
    ----------
    source : str
        Where codes, names and colours come from. Where it is the name of a shipped legend, numbers
        in `codes` stand for the colours of its classes too.
    classes : dict
        Id in the map to a name, or to a name with colour and codes.
    ignore : list of int or str
        Codes and colours (`#rrggbb`) that mean unlabelled ground.
    other : int, optional
        Id of the class that takes every code which nothing else names.
    files : list of str
        For a shipped legend: globs of the published masks' names, by which it is known where codes
        are too few to tell.
    """

    source: str = ""
    classes: dict[int, ClassSettings] = Field(min_length=1)
    ignore: list[int | str] = Field(default_factory=list)
    other: int | None = None
    files: list[str] = Field(default_factory=list)

    @field_validator("classes", mode="before")
    @classmethod
    def _name_or_more(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: _as_class(key, item) for key, item in value.items()}

    @field_validator("ignore", mode="before")
    @classmethod
    def _codes_or_colors(cls, value: object) -> object:
        if not isinstance(value, list):
            return value
        return [item if isinstance(item, int) else checked_color(item) for item in value]

    @model_validator(mode="after")
    def _once_each(self) -> LegendSettings:
        for number in self.classes:
            if not 0 <= number <= LARGEST_ID:
                raise ValueError(f"class ids must lie in 0..{LARGEST_ID}, not {number}")
        names = [item.name for item in self.classes.values()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"the name '{twice}' stands for two classes; write one with the codes of both: "
                f"{self._merged(twice)}"
            )
        if self.other is not None and self.other not in self.classes:
            raise ValueError(f"`other` is {self.other}, which is no id of `classes`")
        self._require_one_meaning()
        return self

    def _merged(self, name: str) -> str:
        """All classes of a name as one, as a project would say it."""
        same = {number: item for number, item in self.classes.items() if item.name == name}
        codes: list[int | str] = []
        for number, item in same.items():
            # What has a colour is told by it; its id is then only that of the map.
            is_colored = item.codes is None and item.color is not None
            codes += [] if is_colored else item.mask_codes(number)
            codes += item.mask_colors
        return f"{min(same)}: {{name: {name}, codes: {quoted_codes(codes)}}}"

    def _require_one_meaning(self) -> None:
        taken: dict[int | str, str] = dict.fromkeys(self.ignore, "ignore")
        for number, item in self.classes.items():
            keys: list[int | str] = [*item.mask_codes(number), *item.mask_colors]
            for key in keys:
                # An ignored code beats a class that has it only because it is its id.
                if key in taken and not (item.codes is None and taken[key] == "ignore"):
                    raise ValueError(f"{key} means both '{taken[key]}' and '{item.name}'")
                taken[key] = item.name


class PresenceSettings(Settings):
    """How labels of single pixels become labels of a whole chip.

    Attributes
    ----------
    threshold : float
        A class is present where its share, 0..1, is above this; equal is not enough.
    of : {"valid", "all"}
        What the share is of: the valid labelled pixels, or all pixels of the chip.
    """

    threshold: float = Field(default=0.05, ge=0, lt=1)
    of: Literal["valid", "all"] = "valid"


class RegionSettings(Settings):
    """How the bounding boxes of polygons become chips of one size.

    Attributes
    ----------
    size : str or int
        Side or sides of a chip: `largest`, the height and width of the largest boxes; `multiple`,
        the same rounded up to multiples of 32; or a number of pixels, to which larger boxes are
        cropped.
    anchor : {"upper-left", "centre"}
        Where a box lies in its chip.
    """

    size: Literal["largest", "multiple"] | int = "largest"
    anchor: Literal["upper-left", "centre"] = "upper-left"

    @field_validator("size")
    @classmethod
    def _some_pixels(cls, value: str | int) -> str | int:
        if isinstance(value, int) and value < 1:
            raise ValueError("a chip has at least 1 pixel")
        return value


class TopLegendSettings(Settings):
    """The most frequent classes of training ground, and all others as one.

    Also written `top 4 + other` or `top 4 of cdl + other`.

    Attributes
    ----------
    top : int
        How many classes stay.
    other : str
        Name of the class of all others.
    of : str or LegendSettings, optional
        The legend in which classes are counted, with its names and what it ignores; when not
        given, the codes found in masks are the classes, and polygons take those of their column.
    """

    top: int = Field(ge=1)
    other: str = Field(default="other", min_length=1)
    of: str | LegendSettings | None = None


def _legend_kind(value: object) -> str:
    if isinstance(value, str):
        return "str"
    is_top = isinstance(value, TopLegendSettings) or (isinstance(value, dict) and "top" in value)
    return "TopLegendSettings" if is_top else "LegendSettings"


AnyLegend = Annotated[
    Annotated[str, Tag("str")]
    | Annotated[LegendSettings, Tag("LegendSettings")]
    | Annotated[TopLegendSettings, Tag("TopLegendSettings")],
    Discriminator(_legend_kind),
]


class LabelSettings(Settings):
    """Polygons or points and the column that holds their class, or masks and their legend.

    Attributes
    ----------
    path : str or list of str
        Vector file in any format that OGR reads; or, for masks, a file, folder, glob or list.
    layer : str, optional
        Needed where a vector file has several layers with polygons.
    attribute : str, optional
        Column that holds the class; chosen and told when not given.
    classes : dict, optional
        Id of each class name or code; equal ids merge classes under the first name.
    ignore : list
        Classes whose ground is left unlabelled.
    complete : bool
        True: ground that nobody drew is the class `background`.
    priority : list of str, optional
        Classes from the strongest on: where polygons overlap, the first of them wins; classes that
        are not named come after them, later rows over earlier ones.
    all_touched : bool
        Polygons take every pixel that they touch instead of those whose centre they hold.
    inner_buffer_m : float
        Pixels nearer than this to a polygon's edge are left unlabelled.
    radius_m : float, optional
        Points stand for discs of this radius.
    legend : str, LegendSettings or TopLegendSettings, optional
        A shipped legend's name, a YAML file, the legend itself, or `top 4 + other`: the most
        frequent classes of training ground. When not given, the codes found in masks are the
        classes, and polygons take those of their column.
    values : str
        For masks: `ids` are class codes, `colors` a palette; `auto` looks at the files.
    band : int
        For masks of class codes: number of the band, from 1.
    tokens : list of str
        For masks: words in file names beside which image and mask are called the same.
    tolerance : float, optional
        For palettes: farthest distance (in RGB units, 0..441) of a pixel's colour from that of its
        class; by default half of the distance of the two nearest colours, at most 48.
    strict : bool
        For palettes: stop at any colour that is not in the legend.
    presence : PresenceSettings, optional
        For tasks about whole chips: which classes a chip has, by the pixels of each.
    regions : RegionSettings, optional
        For tasks about whole chips: each polygon's bounding box is a chip.
    """

    path: str | list[str]
    layer: str | None = None
    attribute: str | None = None
    classes: dict[str, int] | None = None
    ignore: list[str] = Field(default_factory=list)
    complete: bool = False
    priority: list[str] | None = None
    all_touched: bool = False
    inner_buffer_m: float = Field(default=0, ge=0)
    radius_m: float | None = Field(default=None, gt=0)
    legend: AnyLegend | None = None
    values: Literal["auto", "ids", "colors"] = "auto"
    band: int = Field(default=1, ge=1)
    tokens: list[str] = Field(default_factory=list)
    tolerance: float | None = Field(default=None, ge=0, le=442)
    strict: bool = False
    presence: PresenceSettings | None = None
    regions: RegionSettings | None = None

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)

    @property
    def base_legend(self) -> str | LegendSettings | None:
        """The legend in which the labels are written, before the most frequent are chosen."""
        return self.legend.of if isinstance(self.legend, TopLegendSettings) else self.legend

    @field_validator("legend", mode="before")
    @classmethod
    def _top_in_words(cls, value: object) -> object:
        match = _TOP.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return value
        number, of, other = match.groups()
        return {"top": int(number), "of": of, "other": (other or "other").strip()}

    @model_validator(mode="after")
    def _top_of_what_was_drawn(self) -> LabelSettings:
        if self.complete and isinstance(self.legend, TopLegendSettings):
            raise ValueError("give either `legend: top ...` or `complete`, not both")
        return self

    @model_validator(mode="after")
    def _keys_of_the_values(self) -> LabelSettings:
        of_colors = {"tolerance": self.tolerance is not None, "strict: true": self.strict}
        given = [key for key, is_given in of_colors.items() if is_given]
        if self.values == "ids" and given:
            raise ValueError(
                f"{given[0].split(':')[0]} is for colours, and values: ids takes codes, of which "
                "any that the legend does not name is an error; leave it out"
            )
        if self.values == "colors" and self.band != 1:
            raise ValueError(
                f"band: {self.band} is for class codes, and values: colors takes red, green and "
                "blue; leave it out"
            )
        return self

    @field_validator("path")
    @classmethod
    def _some_path(cls, value: str | list[str]) -> str | list[str]:
        if not value:
            raise ValueError("expected a file, folder, glob or list of these")
        return value

    @field_validator("classes", mode="before")
    @classmethod
    def _keys_as_text(cls, value: object) -> object:
        return composed_keys(value)

    @field_validator("ignore", "priority", "tokens", mode="before")
    @classmethod
    def _items_as_text(cls, value: object) -> object:
        if isinstance(value, list):
            return [composed(str(item)) for item in value]
        return value

    @field_validator("attribute")
    @classmethod
    def _as_tables_write_it(cls, value: str | None) -> str | None:
        return None if value is None else composed(value)

    @field_validator("classes")
    @classmethod
    def _ids_in_range(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name, number in (value or {}).items():
            if not 0 <= number <= LARGEST_ID:
                raise ValueError(f"the id of '{name}' must lie in 0..{LARGEST_ID}, not {number}")
        return value


def quoted_codes(codes: Sequence[int | str]) -> str:
    """Codes and colours as a list of YAML.

    Examples
    --------
    >>> quoted_codes([5, "#0000ff"])
    '[5, "#0000ff"]'
    """
    return "[" + ", ".join(f'"{c}"' if isinstance(c, str) else str(c) for c in codes) + "]"


def _code(value: object) -> object:
    """A code, or a colour in the way it is compared."""
    if not isinstance(value, str):
        return value
    text = value.strip().casefold()
    if _COLOR.fullmatch(text):
        return text
    if not text.removeprefix("-").isdecimal():
        raise ValueError(
            f"codes are whole numbers and colours such as \"#3c1098\" (in quotes), not '{value}'"
        )
    return int(text)


def _as_class(key: object, item: object) -> object:
    """A class that is written as its name alone."""
    if isinstance(item, dict | ClassSettings):
        return item
    if item is None or isinstance(item, bool | list):
        found = "nothing" if item is None else repr(item)
        raise ValueError(
            f"class {key} should have a name, and YAML reads {found} there; write names such as "
            'no, yes, on, off and null in quotes: "no"'
        )
    return {"name": str(item)}


def checked_color(value: object) -> str:
    """A colour as `#rrggbb` in lower case.

    Raises
    ------
    ValueError
        It is anything else.
    """
    text = str(value).strip().casefold()
    if not _COLOR.fullmatch(text):
        raise ValueError(f"a colour is written \"#rrggbb\" (in quotes), not '{value}'")
    return text
