"""What a network's outputs mean: probabilities of classes, of tags, or a quantity."""

from __future__ import annotations

from torch import Tensor

from covermap.models.settings import Activation


def activated(outputs: Tensor, activation: Activation) -> Tensor:
    """Values of a regression out of a network's outputs, in the units that it learnt, float32.

    `sigmoid` gives 0..1; `identity` leaves the outputs as they are.
    """
    return outputs.float().sigmoid() if activation == "sigmoid" else outputs.float()


def class_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Probabilities (N, K, ...) of classes that exclude each other; they add up to 1; float32.

    The one place where mapping and evaluation make probabilities of a network's logits, whatever
    computes them: softmax(logits / temperature), Guo et al. 2017, eq. 9. A temperature above 1
    makes them less sure; the order of the classes stays.
    """
    exact = logits.float()
    # Without a temperature not a bit changes, and nothing is computed.
    return (exact if temperature == 1 else exact / temperature).softmax(1)


def tag_probabilities(logits: Tensor) -> Tensor:
    """Probabilities (N, K) of tags, each for itself, float32."""
    return logits.float().sigmoid()
