"""What a project file says of tags and of points to be counted, and which kind its labels are."""

from __future__ import annotations

import datetime
import itertools
import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from covermap.core.names import composed, composed_keys
from covermap.core.settings import Settings
from covermap.labels.settings import LabelSettings

FOLDERS = "folders"
Over = Literal["all", "nonzero"]
Method = Literal["linear", "lower", "higher"]


class TagSettings(Settings):
    """Labels of whole pictures.

    Attributes
    ----------
    tags : str
        `folders`: a picture's class is the name of the folder that it lies in; else a CSV table
        with a row for each picture.
    name : str, optional
        Column with the pictures' file names; found and told when not given.
    column : str or list of str, optional
        Column of the class, or a list of columns of 0 and 1, one for each label; found and told
        when not given.
    separator : str
        What stands between several labels in one cell.
    multilabel : bool, optional
        Whether a picture may have several labels; by default when a table says so of any picture.
    classes : dict, optional
        Id of each class; equal ids merge classes under the first name.
    ignore : list of str
        Classes whose pictures are left unlabelled.
    """

    tags: str = Field(min_length=1)
    name: str | None = None
    column: str | list[str] | None = None
    separator: str = Field(default=";", min_length=1)
    multilabel: bool | None = None
    classes: dict[str, int] | None = None
    ignore: list[str] = Field(default_factory=list)

    @field_validator("classes", mode="before")
    @classmethod
    def _keys_as_text(cls, value: object) -> object:
        return composed_keys(value)

    @field_validator("ignore", mode="before")
    @classmethod
    def _items_as_text(cls, value: object) -> object:
        return [composed(str(item)) for item in value] if isinstance(value, list) else value

    @field_validator("name", "column")
    @classmethod
    def _as_tables_write_them(cls, value: str | list[str] | None) -> str | list[str] | None:
        if isinstance(value, list):
            return [composed(item) for item in value]
        return None if value is None else composed(value)

    @model_validator(mode="after")
    def _table_keys(self) -> TagSettings:
        given = self.model_fields_set & {"name", "column", "separator"}
        if self.tags == FOLDERS and given:
            raise ValueError(
                f"'{sorted(given)[0]}' is for a table of tags, but tags: folders takes the names "
                "of folders; leave it out, or name the table: tags: table.csv"
            )
        if self.tags == FOLDERS and self.multilabel:
            raise ValueError("a picture lies in one folder: tags: folders cannot be multilabel")
        if self.column is not None and not self.column:
            raise ValueError("column: expected the name of a column or a list of names")
        if isinstance(self.column, list) and self.multilabel is False:
            raise ValueError(
                "a list of columns of 0 and 1 is multilabel; leave multilabel out, or name one "
                "column of classes without brackets"
            )
        return self


class CapSettings(Settings):
    """The count that stands for 1 in a normalised density.

    Attributes
    ----------
    percentile : float
        0..100, of the counts of the training cells.
    over : {"all", "nonzero"}
        Whether empty cells take part in the percentile; it changes the cap several fold.
    method : {"linear", "lower", "higher"}
        What is taken between two counts, as in `numpy.percentile`.
    """

    percentile: float = Field(default=97.0, ge=0, le=100)
    over: Over = "all"
    method: Method = "linear"


class DensitySettings(Settings):
    """Points that are counted in the cells of each scene's grid.

    Attributes
    ----------
    points : str
        Vector file of points, in any CRS.
    layer : str, optional
        Needed where the file has several layers.
    areas : str, optional
        Polygons inside which no point means a count of 0, and outside which nothing is known.
        Without them that holds for every scene as a whole.
    areas_layer : str, optional
    cap : number or CapSettings
        The count that stands for 1: a number, or how it is taken from the training ground.
    levels : list of int
        Least counts of the classes of the discrete variant; below the first is the class `none`.
    time : str, optional
        Column with the date of each point; with it only points of `since` up to, but not
        including, `until` are counted.
    since, until : date, optional
    """

    points: str = Field(min_length=1)
    layer: str | None = None
    areas: str | None = None
    areas_layer: str | None = None
    cap: Annotated[float, Field(allow_inf_nan=False)] | CapSettings = CapSettings()
    levels: list[int] = Field(default_factory=lambda: [1], min_length=1)
    time: str | None = None
    since: datetime.date | None = None
    until: datetime.date | None = None

    @field_validator("cap", mode="before")
    @classmethod
    def _some_count(cls, value: Any) -> Any:
        if isinstance(value, bool) or (
            isinstance(value, int | float) and not (value > 0 and math.isfinite(value))
        ):
            raise ValueError(
                "a fixed cap is a number of points above 0, such as 45; a mapping says how it is "
                "taken from training ground: {percentile: 97}"
            )
        return value

    @field_validator("levels")
    @classmethod
    def _rising(cls, value: list[int]) -> list[int]:
        if value[0] < 1 or any(b <= a for a, b in itertools.pairwise(value)):
            raise ValueError("levels are least counts from 1 on, each above the one before")
        return value

    @model_validator(mode="after")
    def _time_with_bounds(self) -> DensitySettings:
        bounded = self.since is not None or self.until is not None
        if bounded != (self.time is not None):
            raise ValueError(
                "time: COLUMN and since: or until: go together, such as "
                "{time: recorded, until: 2019-09-01}"
            )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"since ({self.since}) should be before until ({self.until})")
        if self.areas_layer is not None and self.areas is None:
            raise ValueError("areas_layer names a layer of areas:, which is missing")
        return self


# The key that says which kind labels are, and the settings of that kind.
_KEYS: dict[str, type[Settings]] = {
    "path": LabelSettings,
    "tags": TagSettings,
    "points": DensitySettings,
}


def kind_of_labels(value: Any) -> str:
    """Name of the settings class that the keys of `labels:` ask for."""
    if isinstance(value, Settings):
        return type(value).__name__
    keys = value if isinstance(value, dict) else {}
    return next((kind.__name__ for key, kind in _KEYS.items() if key in keys), "LabelSettings")


def require_one_kind(value: object) -> object:
    """The value of `labels:` itself.

    Raises
    ------
    ValueError
        It holds the leading keys of two kinds, or keys of another kind than its leading key's.
    """
    if not isinstance(value, dict):
        return value
    leading = [key for key in _KEYS if key in value]
    if len(leading) > 1:
        raise ValueError(
            f"labels are of one kind, but `{leading[0]}` and `{leading[1]}` are given: `path` is "
            "for polygons and masks, `tags` for labels of whole pictures, `points` for points to "
            "be counted; leave one out"
        )
    own = _KEYS[leading[0]] if leading else LabelSettings
    for key in value:
        others = [name for name, kind in _KEYS.items() if key in kind.model_fields]
        if key not in own.model_fields and others and leading:
            raise ValueError(
                f"`{key}` goes with `{others[0]}`, not with `{leading[0]}`; leave it out"
            )
    return value


AnyLabelSettings = Annotated[
    Annotated[LabelSettings, Tag("LabelSettings")]
    | Annotated[TagSettings, Tag("TagSettings")]
    | Annotated[DensitySettings, Tag("DensitySettings")],
    Discriminator(kind_of_labels),
]
