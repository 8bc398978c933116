"""The first convolution of a network trained on RGB, carried over to any bands by wavelength."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

# Centre wavelengths (nm) for which the three kernels of an RGB network are taken to stand:
# Sentinel-2 MSI bands B04, B03, B02 as rounded in ESA's Sentinel-2 user handbook.
_RGB_NM = (665.0, 560.0, 490.0)
# The visible range with the red edge's foot; beyond it no colour kernel is nearer than another.
_VISIBLE_NM = (400.0, 720.0)


def place_kernels(rgb: Tensor, wavelengths: Sequence[float | None]) -> Tensor:
    """Kernels for any bands out of those for red, green and blue.

    Between two of 665, 560 and 490 nm kernels are interpolated linearly, elsewhere in 400 to
    720 nm the nearest is taken, and beyond (infrared, thermal, index, unknown) the mean of the
    three. All are then scaled alike so that independent inputs of variance 1 give activations of
    the same total variance as with RGB.

    Parameters
    ----------
    rgb : Tensor
        Shape (O, 3, h, w).
    wavelengths : sequence of float or None
        In nm, one for each band.

    Returns
    -------
    Tensor
        Shape (O, C, h, w).
    """
    mix = torch.stack([_shares(wavelength) for wavelength in wavelengths])
    placed = torch.einsum("oihw,ci->ochw", rgb.double(), mix)
    # Independent inputs of variance 1: an activation's variance is the sum of squared weights.
    scale = (rgb.double().square().sum() / placed.square().sum()).sqrt()
    return (placed * scale).to(rgb.dtype)


def load_rgb_weights(encoder: nn.Module, path: Path, wavelengths: Sequence[float | None]) -> None:
    """Load weights trained on RGB into an encoder that reads other bands.

    Tensors are matched by order: the file's names are those of another library, its order and
    shapes the same. Layers behind the encoder's last one (pooling, classifier) are left out.

    Raises
    ------
    ValueError
        The file does not fit the encoder.
    """
    stored = list(torch.load(path, map_location="cpu", weights_only=True).values())
    wanted = encoder.state_dict()
    stored[0] = place_kernels(stored[0], wavelengths)
    if len(stored) < len(wanted):
        raise ValueError(f"{path}: {len(stored)} tensors, the encoder has {len(wanted)}")
    state = {}
    for (name, own), tensor in zip(wanted.items(), stored, strict=False):
        if own.shape != tensor.shape:
            raise ValueError(f"{path}: {name} is {tuple(tensor.shape)}, not {tuple(own.shape)}")
        state[name] = tensor
    encoder.load_state_dict(state)


def _shares(wavelength: float | None) -> Tensor:
    """How much of the red, green and blue kernel a band takes, shape (3,), float64."""
    red, green, blue = _RGB_NM
    if wavelength is None or not _VISIBLE_NM[0] <= wavelength <= _VISIBLE_NM[1]:
        return torch.full((3,), 1 / 3, dtype=torch.float64)
    if wavelength >= green:
        part = min((wavelength - green) / (red - green), 1.0)
        return torch.tensor([part, 1 - part, 0.0], dtype=torch.float64)
    part = min((green - wavelength) / (green - blue), 1.0)
    return torch.tensor([0.0, 1 - part, part], dtype=torch.float64)
