"""What a network's outputs mean: probabilities of classes, of tags, or a quantity."""

from __future__ import annotations

from torch import Tensor

from covermap.models.settings import Activation


def activated(outputs: Tensor, activation: Activation) -> Tensor:
    """Values of a regression out of a network's outputs, in the units that it learnt, float32.

    `sigmoid` gives 0..1; `identity` leaves the outputs as they are.
    """
    return outputs.float().sigmoid() if activation == "sigmoid" else outputs.float()


def class_probabilities(logits: Tensor) -> Tensor:
    """Probabilities (N, K, ...) of classes that exclude each other; they add up to 1; float32."""
    return logits.float().softmax(1)


def tag_probabilities(logits: Tensor) -> Tensor:
    """Probabilities (N, K) of tags, each for itself, float32."""
    return logits.float().sigmoid()
