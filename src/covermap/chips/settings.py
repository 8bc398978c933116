"""What a project file says about chips and the split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.settings import Settings


class ChipSettings(Settings):
    """Size of chips in pixels: a multiple of 32, or `auto`."""

    size: int | Literal["auto"] = "auto"

    @field_validator("size")
    @classmethod
    def _multiple_of_32(cls, value: int | str) -> int | str:
        if isinstance(value, int) and (value < 32 or value % 32):
            raise ValueError(
                f"must be a multiple of 32 and at least 32; try {max(32, round(value / 32) * 32)}"
            )
        return value


class Fractions(Settings):
    """Shares of the labelled ground; they add up to 1."""

    train: float = Field(default=0.7, gt=0, lt=1)
    val: float = Field(default=0.15, ge=0, lt=1)
    test: float = Field(default=0.15, gt=0, lt=1)

    @model_validator(mode="after")
    def _add_up(self) -> Fractions:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, val and test must add up to 1, not {total:g}")
        return self


class SplitSettings(Settings):
    """Which ground is held out.

    Attributes
    ----------
    by : str
        `blocks` of the size of a chip; `polygons`, a k-fold by groups of polygons; `images`, each
        scene by itself; `overlap`, scenes that share ground together. `auto` takes `overlap` for
        masks of three groups of scenes or more, else blocks, or polygons where labels are too few
        for blocks.
    fractions : Fractions
        For hold-outs.
    folds : int or "each", optional
        Number of folds, for polygons and scenes; `each` leaves one group of scenes out at a time.
        Chosen when not given; given, it asks for a k-fold of scenes however many there are.
    buffer_m : float, optional
        Training labels nearer than this to held-out ground are left out; chosen when not given.
    allow_leak : bool
        Go on although the audit failed; stamped on every table.
    """

    by: Literal["auto", "blocks", "polygons", "images", "overlap"] = "auto"
    fractions: Fractions = Fractions()
    folds: int | Literal["each"] | None = None
    buffer_m: float | None = Field(default=None, ge=0)
    allow_leak: bool = False

    @field_validator("folds", mode="before")
    @classmethod
    def _few_folds(cls, value: object) -> object:
        if value is None or value == "each":
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= 5:
            raise ValueError("must be `each` or a whole number from 2 to 5")
        return value
