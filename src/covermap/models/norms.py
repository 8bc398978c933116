"""Batch normalisation where a batch has a single value a channel."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def spare_lone_values(network: nn.Module) -> None:
    """Let every batch norm use its running statistics where a channel has one value only.

    Pyramid pooling makes one value a channel of each image, and so does a chip of 32 px at stride
    32: with a batch of one there is no variance to normalise by, and torch raises. Names and values
    of the weights stay as they are.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(_before)
            module.register_forward_hook(_after, always_call=True)


def _before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    if module.training and inputs[0].numel() == inputs[0].shape[1]:
        module.training = False
        module.lone_value = True  # type: ignore[assignment]


def _after(module: nn.Module, inputs: Any, output: Any) -> None:
    if getattr(module, "lone_value", False):
        module.training = True
        module.lone_value = False  # type: ignore[assignment]
