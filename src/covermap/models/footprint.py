"""How much memory a network's answer takes while it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn

_SIDE = 64
# What a compiled graph computes with the layer before it.
_FUSED = (
    torch.nn.modules.batchnorm._BatchNorm,
    torch.nn.ReLU,
    torch.nn.ReLU6,
    torch.nn.SiLU,
    torch.nn.GELU,
    torch.nn.Hardswish,
    torch.nn.Hardsigmoid,
    torch.nn.Sigmoid,
    torch.nn.Identity,
    torch.nn.Dropout,
)
# Skip connections, and what a library keeps beside the largest layer's input and output. Measured
# on U-Nets: 1.3 to 1.7 times that layer.
_BESIDE_THE_LARGEST = 1.75


def activation_bytes(network: nn.Module, channels: int, fused: bool = False) -> int:
    """Bytes of activations in float32 at the worst moment, for each pixel of the input.

    The largest sum of input and output of one layer, found by sending a small picture through,
    with an allowance for what else is alive at that moment.

    Parameters
    ----------
    network : Module
    channels : int
    fused : bool
        Whether norms and activation functions need no memory of their own, as where a graph is
        compiled. Measured on folded U-Nets with OpenVINO in float32: 216 bytes a pixel where this
        says 224; torch needs 400 where it says 336 and 448 without.
    """
    sizes: list[int] = []

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [item for item in (*inputs, output) if isinstance(item, torch.Tensor)]
        sizes.append(sum(item.numel() * 4 for item in tensors))

    leaves = [module for module in network.modules() if not any(module.children())]
    if fused:
        leaves = [leaf for leaf in leaves if not isinstance(leaf, _FUSED)]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            picture = torch.zeros(1, channels, _SIDE, _SIDE)
            network(picture.to(parameter.device, parameter.dtype))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return int(_BESIDE_THE_LARGEST * max(sizes) / _SIDE**2)
