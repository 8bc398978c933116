"""What a project file says about chips and the split."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.names import composed_keys
from covermap.core.settings import Settings

# A value of `together`: a name without the number of a piece, or its row and column.
PIECES = r"^(.*?)(?:[_-]\d+){1,2}$"


class ChipSettings(Settings):
    """Which windows of the scenes are chips.

    Attributes
    ----------
    size : int or "auto"
        Side in pixels: a multiple of 32.
    place : str
        `grid`: side by side, or overlapping with `stride`; `random`: anywhere over labelled ground,
        drawn by the seed; `around-labels`: one centred at each polygon, or at each connected piece
        of a mask; `whole`: each scene one chip, filled up on the right and below as invalid.
    stride : int, optional
        Pixels from one chip of the grid to the next; `size` when not given.
    count : int, optional
        Random chips of each scene; as many as a grid has when not given.
    min_valid : float
        Chips with a smaller share (0..1) of usable pixels are left out.
    max_cloud : float
        Chips with a larger share of cloud, counted in the quality layer's own pixels, are left out.
    min_labelled : float
        Chips with a smaller share of usable labelled pixels are left out.
    classes : dict of str to float, optional
        Chips are left out that hold none of these classes on more than this share of their usable
        labelled pixels; a list asks for a single pixel.
    """

    size: int | Literal["auto"] = "auto"
    place: Literal["grid", "random", "around-labels", "whole"] = "grid"
    stride: int | None = Field(default=None, ge=8)
    count: int | None = Field(default=None, ge=1)
    min_valid: float = Field(default=0.0, ge=0, le=1)
    max_cloud: float = Field(default=1.0, ge=0, le=1)
    min_labelled: float = Field(default=0.0, ge=0, le=1)
    classes: dict[str, float] | None = None

    @property
    def filters(self) -> bool:
        """Whether some chips are to be left out."""
        shares = (self.min_valid, 1 - self.max_cloud, self.min_labelled)
        return any(share > 0 for share in shares) or self.classes is not None

    @field_validator("size")
    @classmethod
    def _multiple_of_32(cls, value: int | str) -> int | str:
        if isinstance(value, int) and (value < 32 or value % 32):
            raise ValueError(
                f"must be a multiple of 32 and at least 32; try {max(32, round(value / 32) * 32)}"
            )
        return value

    @field_validator("classes", mode="before")
    @classmethod
    def _names_or_shares(cls, value: object) -> object:
        if isinstance(value, list):
            value = dict.fromkeys(value, 0.0)
        return composed_keys(value)

    @field_validator("classes")
    @classmethod
    def _shares(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value is not None and not value:
            raise ValueError("must name a class; leave the key out to take chips of all classes")
        if value is not None and not all(0 <= share < 1 for share in value.values()):
            raise ValueError("shares must be at least 0 and less than 1")
        return value

    @model_validator(mode="after")
    def _keys_of_the_place(self) -> ChipSettings:
        if self.stride is not None and self.place != "grid":
            raise ValueError(f"stride is of a grid; leave it out with place: {self.place}")
        if isinstance(self.size, int) and self.stride is not None and self.stride > self.size:
            raise ValueError(
                f"a stride of {self.stride} leaves ground out between chips of {self.size} px; "
                f"at most {self.size}"
            )
        if self.count is not None and self.place != "random":
            raise ValueError("count is of random chips; add place: random, or leave it out")
        if self.place == "whole" and self.size != "auto":
            raise ValueError("place: whole takes the size of the images; leave size out")
        return self


class Fractions(Settings):
    """Shares of the labelled ground; they add up to 1."""

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.15, ge=0, lt=1)
    test: float = Field(default=0.15, gt=0, lt=1)

    @model_validator(mode="after")
    def _add_up(self) -> Fractions:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            shares = f"train {self.train:g}, val {self.val:g}, test {self.test:g}"
            raise ValueError(
                f"train, val and test must add up to 1, not {total:g} ({shares}; val: 0 is none)"
            )
        return self


class SplitSettings(Settings):
    """Which ground is held out.

    Attributes
    ----------
    by : str
        `blocks` of the size of a chip; `polygons`, a k-fold by groups of polygons; `images` or
        `scene`, each scene by itself; `overlap`, scenes that share ground together; `list`, scenes
        named one by one; `attribute`, polygons that agree in a column together; `region`, polygons
        of another file held out whole; `date`, scenes or polygons of one time together; `random`,
        chips drawn at random, which tells little of other ground. `auto` takes `overlap` for masks
        of three groups of scenes or more, else blocks, or polygons where labels are too few for
        blocks.
    fractions : Fractions
        For hold-outs.
    folds : int or "each", optional
        Number of folds; `each` leaves one group (scenes, polygons, regions) out at a time. Chosen
        when not given; given, it asks for a k-fold however much ground there is.
    buffer_m : float, optional
        Training labels nearer than this to held-out ground are left out; chosen when not given.
    allow_leak : bool
        Go on although the audit failed; stamped on every table.
    train, val, test : list of str, optional
        By list: names or globs of scenes, or text files with one in a line. By date: the dates
        (`2023-06-01`) or beginnings of dates (`2023`, `2023-06`) of the part.
    attribute : str, optional
        By attribute: the column of the polygons. By date: a column of the polygons that holds
        dates, instead of the dates of scenes. By region: a column of the file of regions whose
        equal values are one region.
    regions : str, optional
        By region: a file of polygons.
    period : str
        By date: what is kept together.
    together : str, optional
        Of images: a regular expression; those whose names agree in what its groups catch are held
        out together.
    keep : str, optional
        `chips.parquet` of an earlier run, whose ground keeps its parts; only new ground is
        assigned.
    """

    by: Literal[
        "auto", "blocks", "polygons", "images", "scene", "overlap", "list", "attribute", "region",
        "date", "random",
    ] = "auto"  # fmt: skip
    fractions: Fractions = Fractions()
    folds: int | Literal["each"] | None = None
    buffer_m: float | None = Field(default=None, ge=0)
    allow_leak: bool = False
    train: list[str] | None = None
    val: list[str] | None = None
    test: list[str] | None = None
    attribute: str | None = None
    regions: str | None = None
    period: Literal["day", "month", "season", "year"] = "day"
    together: str | None = None
    keep: str | None = None

    @property
    def named(self) -> dict[str, list[str]]:
        """What the project names for each part, in order; empty where it names nothing."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {part: list(names) for part, names in parts.items() if names is not None}

    @field_validator("folds", mode="before")
    @classmethod
    def _few_folds(cls, value: object) -> object:
        if value is None or value == "each":
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= 5:
            raise ValueError("must be `each` or a whole number from 2 to 5")
        return value

    @field_validator("train", "val", "test", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        # YAML reads 2023 as a number and 2023-06-01 as a date.
        if isinstance(value, list):
            return [str(item) for item in value]
        return value if value is None or isinstance(value, dict) else [str(value)]

    @field_validator("together")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        if value is None:
            return value
        try:
            groups = re.compile(value).groups
        except re.error as error:
            raise ValueError(
                f"is no regular expression ({error}); an example: '{PIECES}'"
            ) from None
        if not groups:
            raise ValueError(
                "catches nothing: put what pictures of one place share into brackets, e.g. "
                f"'{PIECES}'"
            )
        return value

    @model_validator(mode="after")
    def _keys_of_the_kind(self) -> SplitSettings:
        for key, kinds in _KEYS_OF_KINDS.items():
            if key in self.model_fields_set and self.by not in kinds:
                raise ValueError(
                    f"`{key}` belongs to `by: {'` or `by: '.join(kinds)}`, not to `by: {self.by}`"
                )
        self._require_effect()
        for kind, keys in _NEEDED_KEYS.items():
            missing = [key for key in keys if not getattr(self, key)]
            if self.by == kind and missing:
                raise ValueError(f"`by: {kind}` needs `{missing[0]}`: {_EXAMPLES[kind]}")
        return self

    def _require_effect(self) -> None:
        """Refuse what another key makes meaningless."""
        if self.keep is not None:
            for key in ("folds", "buffer_m"):
                if getattr(self, key) is not None:
                    raise ValueError(
                        f"`keep` takes the parts of the earlier run with its {key}; leave {key} out"
                    )
        if self.folds is not None and self.named:
            raise ValueError(
                f"`folds` asks for a k-fold, and `{next(iter(self.named))}` names a part of a "
                "hold-out; leave one of them out"
            )
        if self.folds == "each" and self.by == "blocks":
            raise ValueError(
                "`folds: each` leaves out one image or group at a time, and blocks are too many; "
                "write folds: 5, or by: images"
            )
        if self.by == "polygons" and self.fractions != Fractions():
            raise ValueError(
                "`by: polygons` is a k-fold, and `fractions` are of a hold-out; leave fractions "
                "out (folds: 5 says how many), or write by: blocks"
            )


_KEYS_OF_KINDS = {
    "train": ("list", "date"),
    "val": ("list", "date"),
    "test": ("list", "date"),
    "attribute": ("attribute", "date", "region"),
    "regions": ("region",),
    "period": ("date",),
    "together": ("images", "scene", "overlap"),
    "keep": ("auto",),
    "folds": (
        "auto", "blocks", "polygons", "images", "scene", "overlap", "attribute", "region", "date",
    ),
}  # fmt: skip
_NEEDED_KEYS = {"list": ("train", "test"), "attribute": ("attribute",), "region": ("regions",)}
_EXAMPLES = {
    "list": "split: {by: list, train: train.txt, val: val.txt, test: test.txt}",
    "attribute": "split: {by: attribute, attribute: COLUMN}",
    "region": "split: {by: region, regions: regions.gpkg}",
}
