"""What a project file may say of the network and its loss."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from covermap.core.errors import nearest
from covermap.core.settings import Settings
from covermap.models.encoders import ENCODERS
from covermap.models.registry import network_names

_WEIGHTS = ("imagenet", "none")


class ModelSettings(Settings):
    """The key `model` of a project file.

    `weights` is where the encoder's weights begin: `imagenet`, `none` (random), or nothing, which
    means `imagenet` where they come with pip.
    """

    name: str = "unet"
    encoder: str = "efficientnet-lite0"
    weights: str | None = None

    @field_validator("name")
    @classmethod
    def _network_is_known(cls, name: str) -> str:
        return _known(name, network_names(), "no such network")

    @field_validator("encoder")
    @classmethod
    def _encoder_is_known(cls, encoder: str) -> str:
        return _known(encoder, ENCODERS, "no such encoder")

    @field_validator("weights")
    @classmethod
    def _weights_are_known(cls, weights: str | None) -> str | None:
        return weights if weights is None else _known(weights, _WEIGHTS, "no such weights")

    @model_validator(mode="after")
    def _weights_exist(self) -> ModelSettings:
        if self.weights == "imagenet" and not ENCODERS[self.encoder].has_imagenet:
            carried = ", ".join(name for name, item in ENCODERS.items() if item.has_imagenet)
            raise ValueError(
                f"no imagenet weights come with pip for the encoder {self.encoder} (only for "
                f"{carried}); write weights: none, or encoder: {carried}"
            )
        return self

    @property
    def initial_weights(self) -> str:
        """`imagenet` or `none`: what `weights` means for this encoder."""
        if self.weights is not None:
            return self.weights
        return "imagenet" if ENCODERS[self.encoder].has_imagenet else "none"


class LossSettings(Settings):
    """The key `loss` of a project file: a weight for each loss in the sum.

    Without any, cross-entropy and Dice count alike; as soon as one is named, the others are 0.
    """

    cross_entropy: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    dice: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    focal: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    jaccard: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    tversky: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _default_sum(cls, values: Any) -> Any:
        return {"cross_entropy": 1.0, "dice": 1.0} if values == {} else values

    @model_validator(mode="after")
    def _something_counts(self) -> LossSettings:
        if not self.weights:
            raise ValueError("at least one weight must be above 0, e.g. {cross_entropy: 1.0}")
        return self

    @property
    def weights(self) -> dict[str, float]:
        """The losses that count, by name."""
        return {name: weight for name, weight in self.model_dump().items() if weight > 0}


def _known(name: str, names: Any, problem: str) -> str:
    if name not in names:
        raise ValueError(f"{problem}; {nearest(name, names)}")
    return name
