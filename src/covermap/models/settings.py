"""What a project file may say of the network."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.errors import nearest
from covermap.core.settings import Settings
from covermap.models.encoders import ENCODERS, TIMM_PREFIX, encoder_of
from covermap.models.registry import (
    DEFAULT_ENCODER,
    Decoder,
    default_encoder,
    has_encoder,
    narrows,
    network_names,
)

HUB_PREFIX = "hub:"
Stem = Literal["wavelength", "rgb-first", "random"]
FOREST, AUTO = "random-forest", "auto"
Activation = Literal["identity", "sigmoid"]
_DEFAULT_NETWORK = "unet"
# Side in pixels of what the second forest of `auto` sees; docs/results.md has others beside it.
_AUTO_WINDOW = 9
_WEIGHTS = ("imagenet", "none")
WEIGHT_FILES = (".safetensors", ".pth", ".pt")


class ModelSettings(Settings):
    """The key `model` of a project file.

    Attributes
    ----------
    name : str
        One of `network_names()`, `random-forest`, or `auto`: a U-Net and two forests, by pixel and
        by window, are all trained, and the one that validation prefers is kept.
    encoder : str or None
        A known encoder or `timm:NAME`; None for a network that has none.
    weights : str or None
        Where the encoder's weights begin: `imagenet` (out of a pip package), `none` (random), a
        local file (.safetensors, .pth), `hub:NAME` (a published set, fetched when training
        begins), or nothing, which means `imagenet` where they come with pip.
    stem : str
        How the first convolution takes over kernels for red, green and blue: `wavelength` places
        them by each band's wavelength; `rgb-first` gives them to the first three bands and leaves
        the rest random; `random` leaves all of it random.
    dropout : float or None
        Share of feature maps dropped before the last layers; None: as the network was published.
    decoder : str
        Of a U-Net: `full` as published, or `narrow`, with half as many feature maps.
    activation : str
        Of a regression: `sigmoid` keeps its answers within 0..1, `identity` leaves them free.
    window : int
        Of a forest: odd side in pixels of the surroundings that it is told of; 1: by pixel. Of
        `auto`: that of its second forest, 9 px where it is 1.
    """

    name: str = _DEFAULT_NETWORK
    encoder: str | None = None
    weights: str | None = None
    stem: Stem = "wavelength"
    dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    decoder: Decoder = "full"
    activation: Activation = "identity"
    window: int = Field(default=1, ge=1, le=63)

    @model_validator(mode="before")
    @classmethod
    def _encoder_is_chosen(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("encoder") is not None:
            return values
        name = values.get("name", _DEFAULT_NETWORK)
        if _takes_encoder(name):
            usual = DEFAULT_ENCODER if name == AUTO else default_encoder(name)
            return {**values, "encoder": usual}
        return values

    @field_validator("name")
    @classmethod
    def _network_is_known(cls, name: str) -> str:
        if name in ENCODERS or name.startswith(TIMM_PREFIX):
            raise ValueError(
                f"is an encoder, not a network; write {{name: classifier, encoder: {name}}} for "
                f"one answer a chip, or {{name: unet, encoder: {name}}} for a map"
            )
        return _known(name, (*network_names(), FOREST, AUTO), "no such model")

    @field_validator("window")
    @classmethod
    def _window_has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"must be odd, so that a pixel is its middle; try {window + 1}")
        return window

    @field_validator("encoder")
    @classmethod
    def _encoder_is_known(cls, encoder: str | None) -> str | None:
        if encoder is None or (encoder.startswith(TIMM_PREFIX) and encoder != TIMM_PREFIX):
            return encoder
        return _known(encoder, ENCODERS, "no such encoder (timm's are written timm:NAME)")

    @field_validator("weights")
    @classmethod
    def _weights_are_known(cls, weights: str | None) -> str | None:
        if weights is None or weights.endswith(WEIGHT_FILES):
            return weights
        if weights.startswith(HUB_PREFIX) and weights != HUB_PREFIX:
            return weights
        kinds = f"no such weights (also a .safetensors or .pth file, or {HUB_PREFIX}NAME)"
        return _known(weights, _WEIGHTS, kinds)

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelSettings:
        if not _takes_encoder(self.name):
            if self.encoder is not None or self.initial_weights != "none":
                raise ValueError(
                    f"{self.name} has no encoder and begins at random: leave out encoder and "
                    "weights, or write name: unet"
                )
        elif self.weights == "imagenet" and not self._carried:
            carried = ", ".join(name for name, item in ENCODERS.items() if item.has_imagenet)
            raise ValueError(
                f"no imagenet weights come with pip for the encoder {self.encoder} (only for "
                f"{carried}); write weights: none, weights: {HUB_PREFIX}imagenet to fetch a "
                f"published set, or encoder: {carried}"
            )
        return self

    @model_validator(mode="after")
    def _decoder_is_there(self) -> ModelSettings:
        if self.decoder != "full" and self.name != AUTO:
            able = [name for name in network_names() if narrows(name)]
            if self.name not in able:
                raise ValueError(
                    f"{self.name} has no decoder that can be made {self.decoder}; leave out "
                    f"decoder, or write name: {' or '.join(able)}"
                )
        return self

    @property
    def initial_weights(self) -> str:
        """What `weights` means for this encoder: never empty."""
        if self.weights is not None:
            return self.weights
        return "imagenet" if self._carried else "none"

    @property
    def described(self) -> str:
        """Network, encoder and initial weights in words.

        Examples
        --------
        >>> ModelSettings(weights="none").described
        'unet, efficientnet-lite0, weights: none'
        """
        if self.name == FOREST:
            seen = "by pixel" if self.window == 1 else f"windows of {self.window} px"
            return f"random forest, {seen}"
        parts = [self.name, *([self.encoder] if self.encoder else [])]
        if self.decoder != "full":
            parts.append(f"{self.decoder} decoder")
        return ", ".join([*parts, f"weights: {self.initial_weights}"])

    def described_for(self, task: str) -> str:
        """The same for a task: a forest that classifies chips is told of chips, not of pixels."""
        if self.name == FOREST and task == "classification":
            return "random forest, chip statistics"
        return self.described

    @property
    def as_network(self) -> ModelSettings:
        """The network of `auto`; any other settings as they are."""
        return self.model_copy(update={"name": _DEFAULT_NETWORK}) if self.name == AUTO else self

    @property
    def as_forests(self) -> tuple[ModelSettings, ...]:
        """The forests of `auto`, the simplest first: by pixel, and told of the surroundings."""
        window = self.window if self.window > 1 else _AUTO_WINDOW
        return tuple(ModelSettings(name=FOREST, window=side) for side in (1, window))

    @property
    def weights_file(self) -> str | None:
        """The local file of initial weights, as the project says it."""
        return self.weights if self.weights and self.weights.endswith(WEIGHT_FILES) else None

    @property
    def _carried(self) -> bool:
        return self.encoder is not None and encoder_of(self.encoder).has_imagenet


def _takes_encoder(name: str) -> bool:
    return name == AUTO or (name in network_names() and has_encoder(name))


def _known(name: str, names: Any, problem: str) -> str:
    if name not in names:
        raise ValueError(f"{problem}; {nearest(name, names)}")
    return name
