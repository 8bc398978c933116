"""The temperature of a trained network: how much less sure, or surer, its answers should be.

Temperature scaling of Guo et al. 2017, 'On Calibration of Modern Neural Networks', section 4.2:
logits are divided by one number before the softmax, fitted on validation ground. The likeliest
class stays the likeliest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from covermap.chips.sample import SampleSource
from covermap.training.batch import Batch, shown_at_once, stacked

_LOWEST, _HIGHEST = 0.05, 20.0
_ABOUT_HIGHEST = 0.99 * _HIGHEST
# Of the temperature, relative; far below what a fit on real ground can tell.
_TOLERANCE = 1e-5
_DECIMALS = 4
# Pixels that the fit knows at most: one number needs no more, and memory has a lid.
_MOST_FITTED = 2**18
# Pixels of chips that are shown to the network at most.
_MOST_SHOWN = 2**25


# Logits (N, K) of pixels or chips, and the positions of their true classes (N,).
Answers = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Calibration:
    """A fitted temperature.

    Attributes
    ----------
    temperature : float
        What logits are divided by, 0.05..20; above 1 where the network is too sure.
    pixels : int
        Counted pixels (or chips) that it was fitted on.
    log_loss, log_loss_scaled : float
        Mean of -log of the true class's probability on them, without and with the temperature.
    """

    temperature: float
    pixels: int
    log_loss: float
    log_loss_scaled: float

    def told(self, ground: str) -> str:
        """In words, with the ground that it was fitted on."""
        text = (
            f"temperature {self.temperature:.2f}, log loss of {ground} {self.log_loss:.3f} without "
            f"and {self.log_loss_scaled:.3f} with it"
        )
        if self.temperature < _ABOUT_HIGHEST:
            return text
        return (
            f"{text}; it is the highest that is tried: on ground that did not teach this network's "
            "answers are hardly better than none"
        )

    def to_dict(self) -> dict[str, Any]:
        """As `training.json` holds it."""
        return {
            "temperature": self.temperature,
            "pixels": self.pixels,
            "log_loss": round(self.log_loss, 6),
            "log_loss_scaled": round(self.log_loss_scaled, 6),
        }


def calibration_of(
    network: nn.Module, validation: SampleSource | None, seed: int
) -> Calibration | None:
    """The temperature of a network, fitted on validation ground.

    Parameters
    ----------
    network, validation, seed
        As for `answers_of`.

    Returns
    -------
    Calibration or None
        None without a counted pixel, and where `fitted` gives none.
    """
    answers = answers_of(network, validation, seed)
    return None if answers is None else fitted(*answers)


def answers_of(network: nn.Module, source: SampleSource | None, seed: int) -> Answers | None:
    """What a network answers on ground that taught it nothing, and what is true there.

    Each counted pixel counts alike. Of very many chips evenly chosen ones are shown to the network,
    and of very many pixels a drawn part is kept.

    Parameters
    ----------
    network : Module
        With the weights that are kept, in eval mode; answers with logits of classes.
    source : SampleSource or None
        Targets are positions in the legend, of pixels or of whole chips.
    seed : int
        Of the drawing.

    Returns
    -------
    (ndarray of float32 (N, K), ndarray of int (N,)) or None
        Logits and positions; None without a counted pixel.
    """
    if source is None or not len(source):
        return None
    drawn = _Drawn(_MOST_FITTED, seed)
    with torch.inference_mode():
        for batch in _batches(source):
            logits = network(batch.values).float().movedim(1, -1)
            counted = batch.counted
            drawn.add(logits[counted].numpy(), batch.target[counted].numpy())
    return drawn.kept


def fitted(logits: np.ndarray, target: np.ndarray) -> Calibration | None:
    """The temperature that makes the true classes likeliest.

    The mean of -log softmax(logits / T) at the true class is convex in 1 / T: it has one minimum.

    Parameters
    ----------
    logits : ndarray of float, shape (N, K)
    target : ndarray of int, shape (N,)
        Positions of the true classes.

    Returns
    -------
    Calibration or None
        None where there is nothing to fit to; where every answer is right, since each lower
        temperature would then fit still better and say that no answer is ever wrong; and where
        logits are not finite, which mapping refuses.
    """
    from scipy.optimize import minimize_scalar

    if not len(target) or not np.isfinite(logits).all():
        return None
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    true = shifted[np.arange(len(target)), target]
    if (true == 0).all():
        return None

    def log_loss(temperature: float) -> float:
        scale = 1 / temperature
        return float((np.log(np.exp(shifted * scale).sum(axis=1)) - true * scale).mean())

    # Over its logarithm: as exact for small temperatures as for large ones.
    best = minimize_scalar(
        lambda power: log_loss(math.exp(power)),
        bounds=(math.log(_LOWEST), math.log(_HIGHEST)),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    temperature = round(math.exp(float(best.x)), _DECIMALS)
    return Calibration(temperature, len(target), log_loss(1.0), log_loss(temperature))


def _batches(source: SampleSource) -> Iterator[Batch]:
    """Chips that together have at most so many pixels, evenly chosen, in their own order."""
    pixels = source[0].valid.size
    shown = min(len(source), max(1, _MOST_SHOWN // pixels))
    chosen = np.unique(np.linspace(0, len(source) - 1, shown).round().astype(int)).tolist()
    size = shown_at_once(source)
    for begin in range(0, len(chosen), size):
        yield stacked(source[number] for number in chosen[begin : begin + size])


class _Drawn:
    """At most so many pixels of all that are added, each equally likely to be among them.

    Each pixel draws a number, and the smallest numbers stay: what is kept does not depend on how
    pixels come together.
    """

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._generator = most, np.random.Generator(np.random.PCG64(seed))
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._count = 0

    def add(self, logits: np.ndarray, target: np.ndarray) -> None:
        """Add pixels (N, K) with their classes (N,)."""
        self._parts.append((self._generator.random(len(target)), logits, target))
        self._count += len(target)
        if self._count > 2 * self._most:
            self._thin()

    @property
    def kept(self) -> Answers | None:
        """Logits and classes of what is kept; None of nothing."""
        if not self._count:
            return None
        self._thin()
        _, logits, target = self._parts[0]
        return logits, target

    def _thin(self) -> None:
        numbers, logits, target = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        if len(numbers) > self._most:
            stay = np.sort(np.argpartition(numbers, self._most)[: self._most])
            numbers, logits, target = numbers[stay], logits[stay], target[stay]
        self._parts, self._count = [(numbers, logits, target)], len(numbers)
