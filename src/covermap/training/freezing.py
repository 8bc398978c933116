"""Holding an encoder as it began while the rest of the network learns."""

from __future__ import annotations

from torch import nn

from covermap.core.errors import ModelError
from covermap.training.settings import ResolvedTraining


def check_encoder(network: nn.Module, settings: ResolvedTraining) -> None:
    """Refuse settings for an encoder where the network has none.

    Raises
    ------
    ModelError
        `freeze_encoder` or `encoder_rate` are set for such a network.
    """
    if hasattr(network, "encoder"):
        return
    for key, is_set in (
        ("freeze_encoder", settings.frozen_epochs > 0),
        ("encoder_rate", settings.encoder_rate != 1.0),
    ):
        if is_set:
            raise ModelError(
                f"training: {key} is set, but the network has no encoder; leave it out, or choose "
                "another network, e.g. model: {name: unet}"
            )


def freeze_encoder(network: nn.Module, frozen: bool) -> None:
    """Freeze the encoder but for its first convolution, or let all of it learn.

    The first convolution was carried over from other bands and has to find its way. A frozen
    encoder also keeps the running statistics of its norms.
    """
    encoder = network.get_submodule("encoder")
    first = next((m for m in encoder.modules() if isinstance(m, nn.Conv2d)), None)
    free = set() if first is None else {id(parameter) for parameter in first.parameters()}
    for parameter in encoder.parameters():
        parameter.requires_grad_(not frozen or id(parameter) in free)
    encoder.train(not frozen)
