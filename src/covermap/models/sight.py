"""How far a network sees, measured on the network itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_RADIUS_SHARE = 0.99
_RADIUS_DRAWS = 2
_SQUARE = 256
# A long strip reaches farther than the convolutions of any encoder for the price of a small image.
_STRIP, _FAR, _NEAR = (32, 4096), 1024, 128
# Mean change of the logits when far ground changes by one standard deviation, over their spread,
# measured with calibrated norms and random weights. Plain convolutions: exactly 0. Squeeze and
# excitation in the encoder: 0.10 to 0.25; attention: 0.03 to 0.09; the group norms of FPN: 0.2 to
# 1.2; pyramid pooling: 0.2 to 4.6.
_SEEN = 0.01


@dataclass(frozen=True)
class Sight:
    """How far a network sees.

    Attributes
    ----------
    radius : int
        Pixels around an output that hold 99 % of its gradient, at most 127.
    everything : bool
        Whether an output depends on all that the network is shown, however far: it pools,
        normalises or attends over the whole image. Its answers then change with the size of its
        input.
    """

    radius: int
    everything: bool


def sight_of(network: nn.Module) -> Sight:
    """How far a network sees, measured on random images; the network is left as it was.

    Its norms must have seen data: those of a new network let hardly any signal through.
    """
    was_training = network.training
    network.eval()
    sight = Sight(_radius(network), sees_everything(network))
    network.train(was_training)
    return sight


def _radius(network: nn.Module) -> int:
    """The radius that holds 99 % of the gradient, which is added up in squares around the pixel.

    The gradient of one pixel's logits with respect to a random input, summed over the bands (Luo et
    al. 2016, "Understanding the effective receptive field").
    """
    middle = _SQUARE // 2
    rows = (torch.arange(_SQUARE) - middle).abs()
    distance = torch.maximum(rows[:, None], rows[None, :]).reshape(-1)
    rings = torch.zeros(middle + 1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    with _gradients_wanted(network):
        for _ in range(_RADIUS_DRAWS):
            image = _random_image(network, _SQUARE, _SQUARE, generator).requires_grad_()
            logits: Tensor = network(image)[0, :, middle, middle]
            (gradient,) = torch.autograd.grad(logits.square().sum(), image)
            strength = gradient.abs().sum((0, 1)).double().cpu().reshape(-1)
            rings.index_add_(0, distance, strength)
    held = rings.cumsum(0)
    radius = int(torch.searchsorted(held, _RADIUS_SHARE * held[-1]))
    return min(radius, middle - 1)


def sees_everything(network: nn.Module) -> bool:
    """Whether logits change with ground that is 1024 px away; the network is in eval mode."""
    image = _random_image(network, *_STRIP, torch.Generator().manual_seed(0))
    distance = (torch.arange(_STRIP[1]) - _STRIP[1] // 2).abs().to(image.device)
    near = distance < _NEAR
    with torch.inference_mode():
        before = network(image)[0][:, :, near]
        after = network(image + (distance >= _FAR))[0][:, :, near]
        spread = float(before.std(dim=(1, 2)).mean())
        change = float((after - before).abs().mean())
    return change > _SEEN * spread


def _random_image(
    network: nn.Module, height: int, width: int, generator: torch.Generator
) -> Tensor:
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    shape = (1, first.in_channels, height, width)
    return torch.randn(shape, generator=generator).to(next(network.parameters()).device)


@contextmanager
def _gradients_wanted(network: nn.Module) -> Iterator[None]:
    """All parameters as if they learnt.

    With frozen weights torch 2.13 gives wrong gradients of the input on a CPU: as strong at any
    distance, where an exact difference is 0.
    """
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
