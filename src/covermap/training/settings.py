"""What a project file may say of training, and what `auto` comes to for a number of chips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from covermap.core.settings import Settings

Optimizer = Literal["adamw", "adam", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
_Count = Annotated[int, Field(ge=1)]

# Measured on two cores in float32, U-Net with EfficientNet-Lite0 and ten bands: chips a second are
# 42 at 64 px, 17 at 128 px, 5 at 256 px, and a batch of 4 costs no more a chip than one of 8. Few
# chips therefore gain from more and smaller steps; 300 of them at 128 px take a minute and a half.
_MOST_STEPS = 300
# A handful of chips is learnt by heart in a hundred steps; more only cost time, and a k-fold pays
# them for every fold.
_LEAST_STEPS, _STEPS_A_CHIP = 120, 10
_LEAST_EPOCHS, _MOST_EPOCHS = 10, 200
_FEW_CHIPS = 64


class TrainingSettings(Settings):
    """The key `training` of a project file.

    `learning_rate` is the highest one of the cycle; `weight_decay` spares norms and biases.
    """

    epochs: _Count | Literal["auto"] = "auto"
    batch_size: _Count | Literal["auto"] = "auto"
    optimizer: Optimizer = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0.0, allow_inf_nan=False)
    weight_decay: float = Field(default=1e-2, ge=0.0, allow_inf_nan=False)
    precision: Precision = "auto"


@dataclass(frozen=True)
class ResolvedTraining:
    """Settings of training without `auto`, but for the precision, which depends on the computer.

    `steps` is the number of optimiser steps of all epochs together.
    """

    epochs: int
    batch_size: int
    steps: int
    optimizer: Optimizer
    learning_rate: float
    weight_decay: float
    precision: Precision


def resolve(settings: TrainingSettings, chips: int, chip_size: int) -> ResolvedTraining:
    """What `auto` comes to.

    Parameters
    ----------
    settings : TrainingSettings
        As the project says.
    chips : int
        Number of training chips, at least 1.
    chip_size : int
        Their side, px.
    """
    if settings.batch_size == "auto":
        batch_size = _auto_batch_size(chips, chip_size)
    else:
        batch_size = max(2, min(settings.batch_size, chips))
    steps_per_epoch = len(batch_sizes(chips, batch_size))
    if settings.epochs == "auto":
        aimed = min(max(_STEPS_A_CHIP * chips, _LEAST_STEPS), _MOST_STEPS)
        wanted = round(aimed / steps_per_epoch)
        epochs = min(max(wanted, _LEAST_EPOCHS), _MOST_EPOCHS)
    else:
        epochs = settings.epochs
    return ResolvedTraining(
        epochs=epochs,
        batch_size=batch_size,
        steps=epochs * steps_per_epoch,
        optimizer=settings.optimizer,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        precision=settings.precision,
    )


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
