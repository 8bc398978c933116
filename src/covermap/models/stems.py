"""The first convolution of a network trained on RGB, carried over to any bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from covermap.models.settings import Stem

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


def carried_kernels(
    rgb: Tensor, own: Tensor, wavelengths: Sequence[float | None], stem: Stem
) -> Tensor:
    """The first convolution's kernels, out of those trained on RGB and those it has.

    Parameters
    ----------
    rgb : Tensor
        Shape (O, 3, h, w), for red, green, blue.
    own : Tensor
        Shape (O, C, h, w), random.
    wavelengths : sequence of float or None
        In nm, C of them.
    stem : str
        `wavelength`: see `place_kernels`; `rgb-first`: the first three bands take the kernels as
        they are, whatever they show, and the rest keep theirs; `random`: all keep theirs.
    """
    if stem == "random":
        return own.clone()
    if stem == "wavelength":
        return place_kernels(rgb, wavelengths)
    kernels = own.clone()
    kernels[:, :3] = rgb[:, : own.shape[1]]
    return kernels


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
