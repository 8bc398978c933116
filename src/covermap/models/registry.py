"""Networks by name, and how one is built for given bands and classes.

Torch is imported when a network is built, not before: names can be checked without it. A network
is one function here with `@network("name")` above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from covermap.models.encoders import ENCODERS, Encoder, imagenet_file
from covermap.models.libraries import smp

if TYPE_CHECKING:
    from torch import nn

    from covermap.models.settings import ModelSettings

_Builder = Callable[[Encoder, int, int], Any]
_NETWORKS: dict[str, _Builder] = {}


def network(name: str) -> Callable[[_Builder], _Builder]:
    """Enter a function (encoder, channels, classes) -> Module under a name."""

    def enter(builder: _Builder) -> _Builder:
        _NETWORKS[name] = builder
        return builder

    return enter


def network_names() -> tuple[str, ...]:
    """What a project file may write as `model: {name: ...}`."""
    return tuple(_NETWORKS)


def build_network(
    model: ModelSettings, wavelengths: Sequence[float | None], classes: int, seed: int
) -> nn.Module:
    """A network with its initial weights; the same seed gives the same weights.

    Parameters
    ----------
    model : ModelSettings
        Which network, encoder and initial weights.
    wavelengths : sequence of float or None
        Centre wavelength (nm) of each input band, None where it has none: indices, radar.
    classes : int
        Number of outputs, at least 1.
    seed : int
        0 or more.

    Returns
    -------
    Module
        Takes (N, C, H, W) with H and W multiples of 32, gives logits (N, classes, H, W).
    """
    import torch

    from covermap.models.stems import load_rgb_weights

    encoder = ENCODERS[model.encoder]
    # Only the CPU's generator is used here; asking for no devices leaves a GPU untouched.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: nn.Module = _NETWORKS[model.name](encoder, len(wavelengths), classes)
    if model.initial_weights == "imagenet":
        load_rgb_weights(built.get_submodule("encoder"), imagenet_file(encoder), wavelengths)
    return built


@network("unet")
def _unet(encoder: Encoder, channels: int, classes: int) -> Any:
    """U-Net (Ronneberger et al. 2015) with skip connections at strides 2, 4, 8 and 16."""
    return smp().Unet(
        encoder_name=encoder.smp_name, encoder_weights=None, in_channels=channels, classes=classes
    )
