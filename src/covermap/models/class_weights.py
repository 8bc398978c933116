"""How much each class weighs in the cross-entropy: given, or by how rare it is in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from covermap.core.errors import ModelError, nearest
from covermap.models.loss_settings import CrossEntropySettings


def class_weights(
    settings: CrossEntropySettings, names: Sequence[str], pixels: Sequence[int]
) -> tuple[float, ...] | None:
    """A weight for each class; None where all weigh alike.

    Parameters
    ----------
    settings : CrossEntropySettings
        Says the rule, or the weights.
    names : sequence of str
        Classes in the legend's order.
    pixels : sequence of int
        Counted training pixels of each class.

    Raises
    ------
    ModelError
        Weights are given for another number of classes, or for a class that is not there.
    """
    given = settings.class_weights
    if given is None:
        return None
    if isinstance(given, dict):
        return _named(given, names)
    if isinstance(given, list):
        if len(given) != len(names):
            raise ModelError(
                f"loss: cross_entropy.class_weights holds {len(given)} numbers, expected "
                f"{len(names)} in this order: {', '.join(names)}; or write them by name: "
                f"{{{names[0]}: 2.0}}"
            )
        return tuple(given)
    if given == "inverse-frequency":
        return inverse_frequency(pixels)
    return effective_number(pixels, settings.beta)


def inverse_frequency(pixels: Sequence[int]) -> tuple[float, ...]:
    """1 / pixels of each class, scaled to a mean of 1 over the classes that occur.

    A class without pixels gets 1: no pixel will ask for it.

    Examples
    --------
    >>> inverse_frequency([100, 300, 0])
    (1.5, 0.5, 1.0)
    """
    return _scaled(1.0 / np.maximum(pixels, 1), pixels)


def effective_number(pixels: Sequence[int], beta: float) -> tuple[float, ...]:
    """(1 - beta) / (1 - beta^pixels), scaled like `inverse_frequency`.

    Cui et al. 2019, "Class-balanced loss based on effective number of samples", eq. 2.
    """
    held = np.maximum(np.asarray(pixels, float), 1.0)
    return _scaled((1.0 - beta) / (1.0 - beta**held), pixels)


def _scaled(weights: np.ndarray, pixels: Sequence[int]) -> tuple[float, ...]:
    present = np.asarray(pixels) > 0
    if not present.any():
        return tuple(1.0 for _ in pixels)
    scaled = np.where(present, weights / weights[present].mean(), 1.0)
    return tuple(float(weight) for weight in scaled)


def _named(given: dict[str, float], names: Sequence[str]) -> tuple[float, ...]:
    for name in given:
        if name not in names:
            raise ModelError(
                f"loss: cross_entropy.class_weights names the class '{name}', which is not in the "
                f"legend; {nearest(name, names)}"
            )
    return tuple(given.get(name, 1.0) for name in names)
