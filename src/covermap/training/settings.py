"""What a project file may say of training, and what `auto` comes to for a number of chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from covermap.core.errors import ModelError
from covermap.core.names import composed_keys
from covermap.core.settings import Settings
from covermap.training.sampling import class_aims, resolved_sampling

if TYPE_CHECKING:
    import numpy as np

Optimizer = Literal["adamw", "adam", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
ScheduleName = Literal["one-cycle", "cosine", "poly", "step", "plateau", "constant"]
_Count = Annotated[int, Field(ge=1)]
_SamplingName = Literal["auto", "uniform", "balanced"]
_Decay = Annotated[float, Field(gt=0.0, lt=1.0)]
_Side = Annotated[int, Field(ge=32, multiple_of=32)]
_Share = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

# Measured on two cores in float32, U-Net with EfficientNet-Lite0 and ten bands: chips a second are
# 42 at 64 px, 17 at 128 px, 5 at 256 px, and a batch of 4 costs no more a chip than one of 8. Few
# chips therefore gain from more and smaller steps; 300 of them at 128 px take a minute and a half.
_MOST_STEPS = 300
# A handful of chips is learnt by heart in a hundred steps; more only cost time, and a k-fold pays
# them for every fold.
_LEAST_STEPS, _STEPS_A_CHIP = 120, 10
_LEAST_EPOCHS, _MOST_EPOCHS = 10, 200
_FEW_CHIPS = 64
# Pieces of so many pixels teach as much as whole pictures for a fraction of the time, and can be
# placed where rare classes are.
_CROP = 128
_EMA = 0.99
# The rate of a cycle falls late, and what is best on validation mostly comes then: only a
# standstill over half of all epochs says that nothing will.
_PATIENT_SHARE, _LEAST_PATIENCE = 0.5, 10
# Epochs beside those without a better score: a first one, the last one, whose score is not final
# yet, and one that has the lower rate.
_LEAST_OF_PLATEAU = 3


class AugmentationSettings(Settings):
    """The key `training.augmentation`: what is changed at random in training chips.

    Seen from above no direction is special, so flips and turns are on. The rest is off: a crop
    changes the size of a pixel on the ground, gains and noise blur what tells classes apart.

    Attributes
    ----------
    flips, turns : bool
        Mirrors left to right and top to bottom; quarter turns.
    smallest_crop : float
        Least share of a chip's area that is cut out and stretched to its size; 1: none.
    gain : float
        Each band of each chip is multiplied by 1 ± this, as by another light.
    noise : float
        Standard deviation of normal noise, in standard deviations of the band.
    holes : float
        Share of chips that get cloud-shaped holes: invalid, value 0, not counted.
    """

    flips: bool = True
    turns: bool = True
    smallest_crop: float = Field(default=1.0, gt=0.0, le=1.0)
    gain: float = Field(default=0.0, ge=0.0, lt=1.0)
    noise: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    holes: float = Field(default=0.0, ge=0.0, le=1.0)


_KEYS_OF_SCHEDULES: dict[str, tuple[ScheduleName, ...]] = {
    "every": ("step", "plateau"),
    "factor": ("step", "plateau"),
    "power": ("poly",),
}


class ScheduleSettings(Settings):
    """The key `training.schedule`: how the learning rate runs; a name, or a mapping with `name`.

    Attributes
    ----------
    name : str
        See `covermap.training.schedule.rate_factor`.
    every : int
        Of `step`: epochs between two drops. Of `plateau`: epochs without a better validation score
        before a drop.
    factor : float
        What a drop of `step` and `plateau` multiplies the rate by.
    power : float
        Of `poly`.
    """

    name: ScheduleName = "one-cycle"
    every: _Count = 15
    factor: float = Field(default=0.1, gt=0.0, lt=1.0)
    power: float = Field(default=0.9, gt=0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _keys_of_the_schedule(self) -> ScheduleSettings:
        for key, names in _KEYS_OF_SCHEDULES.items():
            usual = type(self).model_fields[key].default
            if self.name not in names and getattr(self, key) != usual:
                raise ValueError(
                    f"{key} is of {' and '.join(names)}; leave it out with {self.name}, or write "
                    f"{{name: {names[0]}, {key}: {getattr(self, key):g}}}"
                )
        return self


class TrainingSettings(Settings):
    """The key `training` of a project file.

    Attributes
    ----------
    epochs, batch_size : int or "auto"
    accumulate : int
        Batches whose gradients make one step.
    optimizer : str
    learning_rate : float
        The highest one of the schedule.
    encoder_rate : float
        What the encoder's learning rate is multiplied by.
    freeze_encoder : bool or int
        True: the encoder stays as it began; a number: during so many epochs. Its first convolution
        learns all the same: it was carried over from other bands.
    weight_decay : float
        Spares norms and biases.
    clip_norm : float or None
        Longest gradient; a longer one is shortened to it.
    schedule : ScheduleSettings
    ema : float, "auto" or None
        Decay of an exponential moving average of the weights, which is then validated and kept;
        `auto` is 0.99. null keeps the weights themselves.
    crop : int, "auto" or "none"
        Side of the piece that is cut out of a training chip each time that it is drawn; a chip is
        drawn as often as pieces fill it. `auto` takes 128 px of larger chips, where pixels are
        answered for.
    patience : int, "auto" or "none"
        Epochs without a better validation score before training stops; `auto` only stops where
        `epochs` is `auto` too.
    keep : str
        Which epoch's weights are kept: `best` on validation, or the `last`.
    sampling : str or dict of str to float
        See `covermap.training.sampling.resolved_sampling`.
    augmentation : AugmentationSettings
    precision : str
    """

    epochs: _Count | Literal["auto"] = "auto"
    batch_size: _Count | Literal["auto"] = "auto"
    accumulate: _Count = 1
    optimizer: Optimizer = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)
    encoder_rate: float = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    freeze_encoder: bool | _Count = False
    weight_decay: float = Field(default=1e-2, ge=0.0, allow_inf_nan=False)
    clip_norm: float | None = Field(default=1.0, gt=0.0, allow_inf_nan=False)
    schedule: ScheduleSettings = ScheduleSettings()
    ema: _Decay | Literal["auto"] | None = "auto"
    crop: _Side | Literal["auto", "none"] = "auto"
    patience: _Count | Literal["auto", "none"] = "auto"
    keep: Literal["best", "last"] = "best"
    sampling: _SamplingName | dict[str, _Share] = "auto"
    augmentation: AugmentationSettings = AugmentationSettings()
    precision: Precision = "auto"

    @field_validator("sampling", mode="before")
    @classmethod
    def _sampling_is_known(cls, value: Any) -> Any:
        # A union of a name and a mapping would be told in several lines; a misspelt name needs one.
        if isinstance(value, str) and value not in get_args(_SamplingName):
            names = ", ".join(get_args(_SamplingName))
            raise ValueError(f"expected {names}, or shares by class name")
        if value == {}:
            raise ValueError("expected at least one class, e.g. {water: 1.0}")
        return composed_keys(value)

    @field_validator("schedule", mode="before")
    @classmethod
    def _name_or_more(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


@dataclass(frozen=True)
class ResolvedTraining:
    """Settings of training without `auto`, but for the precision, which depends on the computer.

    Attributes are those of `TrainingSettings`, and

    Attributes
    ----------
    batches : int
        Of an epoch.
    crop : int or None
        None: chips are shown whole.
    draws : int
        How often an epoch draws as many chips as there are.
    aims : tuple of tuple of float, or None
        Of each chip, how likely a piece is placed for each class; None: any labelled pixel.
    frozen_epochs : int
        During which the encoder does not learn.
    patience : int or None
        None: training never stops early.
    chances : tuple of float or None
        How likely each training chip is drawn; None: each comes once an epoch.
    """

    epochs: int
    batch_size: int
    batches: int
    crop: int | None
    draws: int
    aims: tuple[tuple[float, ...], ...] | None
    accumulate: int
    optimizer: Optimizer
    learning_rate: float
    encoder_rate: float
    frozen_epochs: int
    weight_decay: float
    clip_norm: float | None
    schedule: ScheduleSettings
    ema: float | None
    patience: int | None
    keep: Literal["best", "last"]
    chances: tuple[float, ...] | None
    augmentation: AugmentationSettings
    precision: Precision

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch; the last may have fewer batches than the others."""
        return steps_of(self.batches, self.accumulate)

    @property
    def steps(self) -> int:
        """Steps of the optimiser in all epochs."""
        return self.epochs * self.steps_per_epoch

    @property
    def without_effect(self) -> str | None:
        """What the schedule asks for and never comes to do, with the reason."""
        name, every = self.schedule.name, self.schedule.every
        told = f"training: schedule: {name} (the rate drops after {every} epochs"
        if name == "plateau" and self.patience is not None and self.patience <= every:
            return f"{told} without a better score, and training stops after {self.patience})"
        if name == "plateau" and self.epochs < every + _LEAST_OF_PLATEAU:
            return f"{told} without a better score, and {self.epochs} are trained)"
        if name == "step" and self.epochs <= every:
            return f"{told}, and {self.epochs} are trained)"
        return None


def resolve(
    settings: TrainingSettings,
    chips: int,
    chip_size: int,
    class_pixels: np.ndarray | None = None,
    names: Sequence[str] = (),
    cuts: bool = False,
) -> ResolvedTraining:
    """What `auto` comes to.

    Parameters
    ----------
    settings : TrainingSettings
        As the project says.
    chips : int
        Number of training chips, at least 1.
    chip_size : int
        Their side, px.
    class_pixels : ndarray of int64, shape (chips, classes), optional
        Counted pixels; needed for any other sampling than a uniform one.
    names : sequence of str
        The classes.
    cuts : bool
        Whether pieces of a chip have answers of their own; else `crop: auto` is `none`.

    Raises
    ------
    ModelError
        The crop is larger than the chips, or chips cannot be cut.
    """
    crop = _crop(settings, chip_size, cuts)
    draws = 1 if crop is None else max(1, round((chip_size / crop) ** 2))
    pieces = chips * draws
    if settings.batch_size == "auto":
        batch_size = _auto_batch_size(pieces, crop or chip_size)
    else:
        batch_size = max(2, min(settings.batch_size, pieces))
    batches = len(batch_sizes(pieces, batch_size))
    chances = resolved_sampling(settings.sampling, class_pixels, names)
    aims = None
    if crop is not None and chances is not None and class_pixels is not None:
        aims = class_aims(settings.sampling, class_pixels, names)
    if settings.epochs == "auto":
        aimed = min(max(_STEPS_A_CHIP * pieces, _LEAST_STEPS), _MOST_STEPS)
        wanted = round(aimed / steps_of(batches, settings.accumulate))
        epochs = min(max(wanted, _LEAST_EPOCHS), _MOST_EPOCHS)
    else:
        epochs = settings.epochs
    freeze = settings.freeze_encoder
    return ResolvedTraining(
        epochs=epochs,
        batch_size=batch_size,
        batches=batches,
        crop=crop,
        draws=draws,
        aims=aims,
        accumulate=settings.accumulate,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        encoder_rate=settings.encoder_rate,
        frozen_epochs=epochs if freeze is True else int(freeze),
        weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm,
        schedule=settings.schedule,
        ema=_EMA if settings.ema == "auto" else settings.ema,
        patience=_patience(settings, epochs),
        keep=settings.keep,
        chances=chances,
        augmentation=settings.augmentation,
        precision=settings.precision,
    )


def steps_of(batches: int, accumulate: int) -> int:
    """Steps of the optimiser that so many batches of an epoch make."""
    return -(-batches // accumulate)


def batch_sizes(chips: int, batch_size: int) -> tuple[int, ...]:
    """Sizes of the batches of an epoch; no chip is left out and none is alone.

    A batch of one gives batch normalisation nothing to normalise by where the network's deepest
    map is one pixel (chips of 32 px): a last chip joins the batch before it, and a single chip in
    all stands twice in its batch. `batch_size` is at least 2.

    Examples
    --------
    >>> batch_sizes(9, 4)
    (4, 5)
    >>> batch_sizes(1, 4)
    (2,)
    """
    if chips == 1:
        return (2,)
    whole, rest = divmod(chips, batch_size)
    sizes = [batch_size] * whole
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return tuple(sizes)


def _auto_batch_size(chips: int, chip_size: int) -> int:
    at_128 = 4 if chips < _FEW_CHIPS else 8
    scale = 1 if chip_size >= 128 else 2 if chip_size >= 64 else 4
    return max(2, min(at_128 * scale, chips // 2))


def _crop(settings: TrainingSettings, chip_size: int, cuts: bool) -> int | None:
    if settings.crop == "auto":
        return _CROP if cuts and chip_size > _CROP else None
    if settings.crop == "none":
        return None
    if not cuts:
        raise ModelError(
            f"training: crop: {settings.crop} cuts chips to pieces, but this task answers for "
            "whole chips; leave crop out"
        )
    if settings.crop > chip_size:
        raise ModelError(
            f"training: crop: {settings.crop} is larger than the chips of {chip_size} px; expected "
            f"at most {chip_size}"
        )
    return settings.crop if settings.crop < chip_size else None


def _patience(settings: TrainingSettings, epochs: int) -> int | None:
    if settings.patience == "none" or (settings.patience == "auto" and settings.epochs != "auto"):
        return None
    if settings.patience == "auto":
        return max(_LEAST_PATIENCE, round(_PATIENT_SHARE * epochs))
    return settings.patience
