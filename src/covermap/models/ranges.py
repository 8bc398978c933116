"""The range of what enters each convolution, for computing a network in 8-bit integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

Ranges = dict[str, tuple[float, float]]


def activation_ranges(network: nn.Module, pictures: Iterable[np.ndarray]) -> Ranges:
    """Lowest and highest input of each convolution, as means over pictures.

    Means of extremes, not extremes of all: one strange chip must not coarsen the grid of 256
    numbers for every other (moving-average min-max of Jacob et al. 2018, section 3.1, without
    the decay).

    Parameters
    ----------
    network : torch.nn.Module
        As it will be mapped with, see `models.folding`.
    pictures : iterable of ndarray
        Normalised training chips (C, H, W), float32: only training ground teaches.

    Returns
    -------
    dict
        Name of the convolution in the network to its range, in the order of the network.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    layers = {name: item for name, item in network.named_modules() if isinstance(item, kinds)}

    def noting(name: str) -> Any:
        def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            low, high = torch.aminmax(inputs[0])
            found.setdefault(name, []).append((float(low), float(high)))

        return note

    hooks = [item.register_forward_pre_hook(noting(name)) for name, item in layers.items()]
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            for picture in pictures:
                network(torch.from_numpy(np.ascontiguousarray(picture))[None].to(device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    means = {name: np.mean(found[name], axis=0) for name in layers if name in found}
    return {name: (float(low), float(high)) for name, (low, high) in means.items()}
