"""A network out of a bundle, its weights as arrays, and how far it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from covermap.bundle import Bundle, read_weights
from covermap.core.errors import BundleError, ProjectError
from covermap.core.settings import parse
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings

if TYPE_CHECKING:
    from torch import Tensor

_RADIUS_SHARE = 0.99
_RADIUS_DRAWS = 2
_LARGEST_INPUT = 256


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


def receptive_radius(network: nn.Module) -> int:
    """How far a network sees in effect: the radius (px) that holds 99 % of an output's gradient.

    The gradient of one pixel's logits with respect to a random input, summed over the bands, is
    added up in squares around the pixel (Luo et al. 2016, "Understanding the effective receptive
    field"). At most 127.
    """
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()
    middle = _LARGEST_INPUT // 2
    rows = torch.arange(_LARGEST_INPUT) - middle
    distance = torch.maximum(rows.abs()[:, None], rows.abs()[None, :]).reshape(-1)
    rings = torch.zeros(middle + 1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    for _ in range(_RADIUS_DRAWS):
        shape = (1, _input_channels(network), _LARGEST_INPUT, _LARGEST_INPUT)
        image = torch.randn(shape, generator=generator).to(parameter.device).requires_grad_()
        logits: Tensor = network(image)[0, :, middle, middle]
        (gradient,) = torch.autograd.grad(logits.square().sum(), image)
        strength = gradient.abs().sum((0, 1)).double().cpu().reshape(-1)
        rings.index_add_(0, distance, strength)
    network.train(was_training)
    held = rings.cumsum(0)
    radius = int(torch.searchsorted(held, _RADIUS_SHARE * held[-1]))
    return min(radius, middle - 1)


def _input_channels(network: nn.Module) -> int:
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    return first.in_channels
