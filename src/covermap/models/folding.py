"""The same network in fewer operations, for mapping.

A decoder of a U-Net doubles its feature maps by repeating each pixel, puts those of the encoder
beside them, and convolves both with 3 x 3 kernels. Of the nine products at a repeated pixel five
are of numbers that were met before: the sums of kernels that meet the same pixel make a transposed
convolution of 4 x 4 and stride 2 out of it, with four products for each pixel, and nothing needs to
be repeated or put together. That is algebra, border included: answers differ by rounding alone.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_SIDE = 64
# Of the largest answer; rounding in float32 makes about a millionth.
_ROUNDING = 1e-4


def folded(network: nn.Module, channels: int) -> nn.Module:
    """A copy of a network that upsamples and convolves in one step, where it can.

    Parameters
    ----------
    network : Module
        In eval mode and float32, on the CPU; takes (N, channels, H, W). It is left as it was.
    channels : int

    Returns
    -------
    Module
        The network itself where nothing can be folded, or where the copy would answer otherwise
        (a decoder that is built like the known ones and computes something else).
    """
    result = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn((1, channels, _SIDE, _SIDE), generator=generator)
    with torch.inference_mode():
        expected = result(picture)
        widths = _widths(result, picture)
    if not widths:
        return network
    for name, width in widths.items():
        parent, _, own = name.rpartition(".")
        block = result.get_submodule(name)
        setattr(result.get_submodule(parent), own, FoldedBlock(block, width))
    with torch.inference_mode():
        found = result(picture)
    largest = float(expected.abs().max())
    alike = bool(((found - expected).abs() <= _ROUNDING * largest).all())
    return result.eval() if alike else network


def doubling(kernel: Tensor) -> Tensor:
    """The 4 x 4 kernel of stride 2 that does what repeating pixels and a 3 x 3 kernel do.

    Along one direction a pixel i of the small picture stands at 2 i and 2 i + 1 of the large one.
    The answer at 2 i - 1 meets it once, with the last of the three weights; that at 2 i twice, with
    the last two; that at 2 i + 1 with the first two; that at 2 i + 2 with the first.

    Parameters
    ----------
    kernel : Tensor
        Of a convolution, (outputs, inputs, 3, 3).

    Returns
    -------
    Tensor
        Of a transposed convolution with padding 1, (inputs, outputs, 4, 4).
    """
    for direction in (2, 3):
        first, middle, last = kernel.unbind(direction)
        kernel = torch.stack([last, middle + last, first + middle, first], direction)
    return kernel.transpose(0, 1).contiguous()


class FoldedBlock(nn.Module):
    """A block of the decoder of a U-Net or U-Net++ after `folded`.

    Parameters
    ----------
    block : Module
        In eval mode; as segmentation-models-pytorch has it.
    width : int
        Feature maps that it doubles; those of the encoder stand behind them.
    """

    def __init__(self, block: nn.Module, width: int) -> None:
        super().__init__()
        parts: Any = block
        convolution, norm, *after = parts.conv1
        if isinstance(norm, nn.BatchNorm2d):
            convolution = fuse_conv_bn_eval(convolution, norm)
        else:
            after = [norm, *after]
        kernel, bias = convolution.weight.detach(), convolution.bias
        outputs, inputs = kernel.shape[:2]
        self.up = nn.ConvTranspose2d(width, outputs, 4, 2, 1, bias=bias is not None)
        self.up.weight.data = doubling(kernel[:, :width])
        if bias is not None:
            self.up.bias = nn.Parameter(bias.detach())
        self.beside: nn.Module | None = None
        if inputs > width:
            self.beside = nn.Conv2d(inputs - width, outputs, 3, padding=1, bias=False)
            self.beside.weight.data = kernel[:, width:].contiguous()
        self.after = nn.Sequential(*after, parts.conv2, parts.attention2)

    def forward(self, small: Tensor, *rest: Any, **named: Any) -> Tensor:
        """Feature maps of twice the size; of the other arguments only the encoder's maps matter."""
        features = self.up(small)
        if self.beside is not None:
            features = features + self.beside(_encoders(rest, named))
        result: Tensor = self.after(features)
        return result


def _widths(network: nn.Module, picture: Tensor) -> dict[str, int]:
    """Of each block that can be folded, by its name, how many feature maps it doubles."""
    widths: dict[str, int] = {}
    hooks = []
    for name, module in network.named_modules():
        if _foldable(module):

            def note(
                block: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Tensor,
                name: str = name,
            ) -> None:  # fmt: skip
                small = inputs[0] if inputs else next(iter(named.values()))
                if output.shape[-2:] == (2 * small.shape[-2], 2 * small.shape[-1]):
                    widths[name] = int(small.shape[1])

            hooks.append(module.register_forward_hook(note, with_kwargs=True))
    network(picture)
    for hook in hooks:
        hook.remove()
    return widths


def _foldable(module: nn.Module) -> bool:
    """Whether a module repeats pixels and convolves with plain 3 x 3 kernels."""
    parts: Any = module
    if getattr(module, "interpolation_mode", None) != "nearest":
        return False
    if not isinstance(getattr(module, "conv1", None), nn.Sequential):
        return False
    # Attention to the joined maps would need them joined.
    attention = getattr(getattr(module, "attention1", None), "attention", None)
    if not isinstance(attention, nn.Identity):
        return False
    first = parts.conv1[0]
    return isinstance(first, nn.Conv2d) and (
        (first.kernel_size, first.padding, first.stride, first.dilation, first.groups)
        == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
    )


def _encoders(rest: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """The encoder's feature maps among the arguments; the others are sizes.

    While a network is traced sizes are tensors too, without axes.
    """
    given = (*rest, *named.values())
    (maps,) = (item for item in given if isinstance(item, Tensor) and item.ndim == 4)
    return maps
