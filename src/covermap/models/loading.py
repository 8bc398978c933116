"""A network out of a bundle, and its weights as arrays."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import read_weights
from covermap.core.errors import BundleError, ProjectError
from covermap.core.settings import parse
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings


def load_network(bundle: Bundle) -> nn.Module:
    """The trained network of a bundle, on the CPU, in eval mode.

    Raises
    ------
    BundleError
        The network is not one that this version can build, or the weights do not fit it.
    """
    try:
        settings = parse(ModelSettings, bundle.model, f"{bundle.folder}: model")
    except ProjectError as error:
        raise BundleError(
            f"{error}; the bundle needs a version of covermap that knows it"
        ) from None
    network = build_network(
        settings.model_copy(update={"weights": "none"}),
        [channel.wavelength_nm for channel in bundle.channels],
        bundle.outputs,
        seed=0,
    )
    put_weights(network, read_weights(bundle), str(bundle.folder))
    return network.eval()


def network_weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Copies of a network's parameters and buffers by name, as a bundle holds them."""
    return {
        name: np.array(tensor.detach().cpu().numpy(), order="C")
        for name, tensor in network.state_dict().items()
    }


def put_weights(network: nn.Module, weights: dict[str, np.ndarray], where: str) -> None:
    """Load weights into a network of the same shape.

    Raises
    ------
    BundleError
        A tensor is missing, left over or of another shape; `where` begins the message.
    """
    wanted = network.state_dict()
    lacking = sorted(set(wanted) - set(weights))
    surplus = sorted(set(weights) - set(wanted))
    if lacking or surplus:
        named = f"lack {lacking[0]}" if lacking else f"hold {surplus[0]}"
        count = len(lacking) + len(surplus)
        raise BundleError(
            f"{where}: the weights do not fit the network ({count} tensors differ by name; they "
            f"{named}); copy the whole bundle again, or train anew"
        )
    for name, own in wanted.items():
        if weights[name].shape != tuple(own.shape):
            raise BundleError(
                f"{where}: the weights do not fit the network: {name} is {weights[name].shape}, "
                f"expected {tuple(own.shape)}; copy the whole bundle again, or train anew"
            )
    network.load_state_dict({name: torch.from_numpy(np.array(weights[name])) for name in wanted})
