"""What a project file may say of the loss: a weighted sum of terms, each with its own knobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.names import composed_keys
from covermap.core.settings import Settings

_Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
ClassWeightRule = Literal["inverse-frequency", "effective-number"]
_RULES = ("inverse-frequency", "effective-number")


class TermSettings(Settings):
    """One term of the sum."""

    weight: _Weight = 1.0


class CrossEntropySettings(TermSettings):
    """Cross-entropy.

    Attributes
    ----------
    class_weights : str, list of float or dict of str to float, optional
        `inverse-frequency` or `effective-number` of the training pixels; one number a class in the
        legend's order; or numbers by class name, 1 for those left out.
    beta : float
        Of `effective-number`: pixels beyond 1 / (1 - beta) hardly lower a class's weight any more.
    weighted_mean : str
        `weights` divides by the sum of the pixels' class weights, `pixels` by their number.
    label_smoothing : float
        Share of the truth that is spread over all classes.
    """

    class_weights: ClassWeightRule | list[_Weight] | dict[str, _Weight] | None = None
    beta: float = Field(default=0.9999, ge=0.0, lt=1.0)
    weighted_mean: Literal["weights", "pixels"] = "weights"
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)

    @field_validator("class_weights", mode="before")
    @classmethod
    def _rule_is_known(cls, value: Any) -> Any:
        # A union of four kinds would be told in four lines; a misspelt rule deserves one.
        if isinstance(value, str) and value not in _RULES:
            raise ValueError(f"expected {' or '.join(_RULES)}, a list, or weights by class name")
        if isinstance(value, list) and not any(value):
            raise ValueError("expected a number for each class, at least one of them above 0")
        return composed_keys(value)

    @model_validator(mode="after")
    def _beta_of_its_rule(self) -> CrossEntropySettings:
        if self.beta != type(self).model_fields["beta"].default and (
            self.class_weights != "effective-number"
        ):
            raise ValueError(
                "beta is of class_weights: effective-number; write that too, or leave beta out"
            )
        return self


class FocalSettings(TermSettings):
    """Focal loss; `alpha` scales it, in the one-vs-rest form it weighs positives against 1."""

    gamma: float = Field(default=2.0, ge=0.0, allow_inf_nan=False)
    alpha: float | None = Field(default=None, gt=0.0, le=1.0)


class OverlapSettings(TermSettings):
    """Dice and Jaccard: `smooth` is added above and below; `over` says what is averaged."""

    smooth: _Weight = 0.0
    over: Literal["classes", "pixels"] = "classes"


class TverskySettings(TermSettings):
    """Tversky: weights of false positives (`alpha`) and false negatives (`beta`)."""

    alpha: _Positive = 0.3
    beta: _Positive = 0.7


class FocalTverskySettings(TverskySettings):
    """Focal Tversky: each class's term to the power of `gamma`."""

    gamma: _Positive = 0.75


class BinarySettings(TermSettings):
    """Binary cross-entropy of tags: its `mean` or `sum` over the tags of a chip."""

    over_tags: Literal["mean", "sum"] = "mean"


class HuberSettings(TermSettings):
    """Huber: squared up to an error of `delta`, straight beyond."""

    delta: _Positive = 1.0


class LossSettings(Settings):
    """The key `loss` of a project file: a number (its weight) or a mapping for each term.

    Without any, cross-entropy and Dice count alike; as soon as one is named, the others are left
    out. Which terms a task takes is said in `tasks`.
    """

    cross_entropy: CrossEntropySettings | None = None
    focal: FocalSettings | None = None
    focal_ovr: FocalSettings | None = None
    dice: OverlapSettings | None = None
    jaccard: OverlapSettings | None = None
    tversky: TverskySettings | None = None
    focal_tversky: FocalTverskySettings | None = None
    lovasz: TermSettings | None = None
    binary_cross_entropy: BinarySettings | None = None
    binary_focal: FocalSettings | None = None
    mse: TermSettings | None = None
    mae: TermSettings | None = None
    huber: HuberSettings | None = None
    ruzicka: TermSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_weights(cls, values: Any) -> Any:
        if values == {}:
            values = {"cross_entropy": 1.0, "dice": 1.0}
        if not isinstance(values, dict):
            return values
        return {
            name: {"weight": value}
            if isinstance(value, int | float | str) and not isinstance(value, bool)
            else value
            for name, value in values.items()
        }

    @model_validator(mode="after")
    def _something_counts(self) -> LossSettings:
        if not self.terms:
            raise ValueError("at least one weight must be above 0, e.g. {cross_entropy: 1.0}")
        return self

    @property
    def terms(self) -> dict[str, TermSettings]:
        """The terms that count, by name."""
        named = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: term for name, term in named if term is not None and term.weight > 0}

    @property
    def weights(self) -> dict[str, float]:
        """The weights of the terms that count, by name."""
        return {name: term.weight for name, term in self.terms.items()}
