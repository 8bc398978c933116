"""An exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Weights that follow those of a network slowly (Polyak and Juditsky 1992).

    Young averages forget faster, as (1 + n) / (10 + n) after n steps, so that they are not ruled by
    the initial weights. Running statistics of norms are averaged too; counters are copied.

    Parameters
    ----------
    network : Module
        The average begins with its weights.
    decay : float
        Share of the old average that a step keeps, 0..1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's weights after its step number `step`, from 1."""
        kept = min(self.decay, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            # The average begins on the CPU, and training then moves the network to a GPU.
            own = self.weights[name] = self.weights[name].to(tensor.device)
            if tensor.is_floating_point():
                own.lerp_(tensor, 1 - kept)
            else:
                own.copy_(tensor)

    @torch.no_grad()
    def swap(self, network: nn.Module) -> None:
        """Exchange the network's weights for the average; a second time undoes it."""
        for name, tensor in network.state_dict().items():
            own = tensor.clone()
            tensor.copy_(self.weights[name])
            self.weights[name].copy_(own)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from weights that another average of such a network held."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
