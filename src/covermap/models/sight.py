"""How far a network sees, measured on the network itself."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

# Rows and columns of the picture that is cut in two; a distance beyond half its width counts as it.
_CANVAS = (256, 1024)
# Mean change of the logits by what lies beyond a tile's end, over their spread, below which it is
# nothing. Measured on a U-Net with EfficientNet-Lite0 / ResNet-18: 183 / 128 px, where fewer than
# 7 / 2 pixels in 10,000 change their class, and that in the narrow strip alone. A limit of 0.001
# asks for 275 / 144 px: twice the scene to compute instead of one and a half times.
_NOTHING = 5e-3
# A long strip reaches farther than the convolutions of any encoder for the price of a small image.
_STRIP, _FAR, _NEAR = (32, 4096), 1024, 128
# Side of the pieces that the norms of an untrained network are shown; a multiple of any stride.
_PIECE = 128
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
        Pixels from the end of a tile at which what lies beyond it hardly matters: the logits
        change by less than 1/200 of their spread, on average over a line. At most 512.
    everything : bool
        Whether an output depends on all that the network is shown, however far: it pools,
        normalises or attends over the whole image. Its answers then change with the size of its
        input.
    """

    radius: int
    everything: bool


def sight_of(network: nn.Module, pictures: Iterable[np.ndarray] = ()) -> Sight:
    """How far a network sees, measured on pictures; the network is left as it was.

    Its norms must have seen data: those of a new network let hardly any signal through.

    Parameters
    ----------
    network : Module
        Takes (N, C, H, W), sides multiples of 32; gives (N, K, H, W).
    pictures : iterable of ndarray
        Normalised training chips (C, H, W), float32; without any, noise, on which trained
        networks look less far than on real ground.
    """
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        sight = Sight(_radius(network, _canvas(network, pictures)), sees_everything(network))
    network.train(was_training)
    return sight


def will_see_everything(network: nn.Module, pictures: Iterable[np.ndarray]) -> bool:
    """Whether a network that is yet to be trained sees everything; it is left as it was.

    Pooling and attention do so from the start, and plain convolutions never.

    Parameters
    ----------
    network : Module
        As for `sight_of`, but its norms need not have seen data.
    pictures : iterable of ndarray
        As for `sight_of`, of one size, at least one.
    """
    copied = copy.deepcopy(network).train()
    for module in copied.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            # The statistics of these pictures alone, not a tenth of them.
            module.reset_running_stats()
            module.momentum = None
    # Cut, as chips may be whole pictures of any size: memory holds so many feature maps of them.
    # Copied, as a view would keep the whole picture.
    cut = [np.array(picture[:, :_PIECE, :_PIECE], np.float32) for picture in pictures]
    shown = torch.from_numpy(np.stack(cut))
    # Layers that draw (dropout) must not move the numbers that training draws.
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        # Twice: norms take nothing from a single chip where their map has a single pixel.
        copied(torch.cat([shown, shown.flip(-1)]).to(_device(network)))
    return sees_everything(copied.eval())


def _radius(network: nn.Module, picture: Tensor) -> int:
    """How far from its end a tile's answers differ from those of a larger one.

    That is what counts where tiles meet. A radius that holds nearly all of the gradient of one
    output (Luo et al. 2016, "Understanding the effective receptive field") is far too small: the
    rest adds up over all the ground beyond it, and the padding of each layer is no likely ground.
    """
    middle = picture.shape[3] // 2
    whole: Tensor = network(picture)[0]
    spread = whole.std(dim=(1, 2)).mean()
    farthest = 0
    for part in (slice(None, middle), slice(middle, None)):
        alone: Tensor = network(picture[..., part].contiguous())[0]
        change = (alone - whole[..., part]).abs().mean(dim=(0, 1))
        from_the_cut = change if part.start else change.flip(0)
        seen = torch.nonzero(from_the_cut > _NOTHING * spread)
        farthest = max(farthest, int(seen.max()) + 1 if len(seen) else 0)
    return farthest


def _canvas(network: nn.Module, pictures: Iterable[np.ndarray]) -> Tensor:
    """A large picture (1, C, H, W) laid out with small ones, again and again."""
    height, width = _CANVAS
    # Only as many are asked for as fit on the canvas, and only what lies on it is kept.
    cut = (np.array(picture[:, :height, :width], np.float32) for picture in pictures)
    found = list(itertools.islice(cut, 1))
    if not found:
        return _random_image(network, *_CANVAS, torch.Generator().manual_seed(0))
    down, across = (
        -(-size // side) for size, side in zip(_CANVAS, found[0].shape[1:], strict=True)
    )
    found += itertools.islice(cut, down * across - 1)
    laid = [found[number % len(found)] for number in range(down * across)]
    rows = [np.concatenate(laid[row * across :][:across], axis=2) for row in range(down)]
    canvas = np.concatenate(rows, axis=1)[:, :height, :width]
    return torch.from_numpy(np.ascontiguousarray(canvas))[None].to(_device(network))


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
    return torch.randn(shape, generator=generator).to(_device(network))


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
