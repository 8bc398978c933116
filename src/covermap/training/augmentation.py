"""What is changed at random in a batch of training chips, so that few of them teach more.

Values, validity, what is true of each pixel and what counts move together; what is true of a whole
chip stays. All draws depend on (seed, epoch, number of the batch) and nothing else, so an epoch
after a restart sees what it would have seen without one. A change that is off draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from covermap.training.batch import Batch
from covermap.training.settings import AugmentationSettings

# Sides of a crop: at most 4:3, as in He et al. 2016 and later practice.
_MOST_ASPECT = 4 / 3
# Clouds: a blur's standard deviation as share of the chip's side, and the shares of it covered.
_CLOUD_SCALE = 0.08
_CLOUD_COVER = (0.05, 0.3)


def augmented(
    batch: Batch,
    settings: AugmentationSettings,
    seed: int,
    epoch: int,
    number: int,
    zeros: Sequence[float] = (),
) -> Batch:
    """A batch after the changes that the settings ask for.

    Parameters
    ----------
    batch : Batch
        On the CPU; it is not changed.
    settings : AugmentationSettings
    seed, epoch, number : int
        0 or more; decide all draws.
    zeros : sequence of float
        For each channel the normalised value of darkness, where no gain changes anything; none:
        0, the training mean.
    """
    rng = np.random.default_rng([seed, epoch, number])
    count = len(batch.values)
    if settings.flips or settings.turns:
        turns = rng.integers(4, size=count) if settings.turns else np.zeros(count, int)
        flips = rng.integers(2, size=count) if settings.flips else np.zeros(count, int)
        if not settings.turns:
            # Both mirrors: top to bottom is left to right after half a turn.
            turns = 2 * rng.integers(2, size=count)
        batch = turned(batch, turns.tolist(), flips.astype(bool).tolist())
    if settings.smallest_crop < 1:
        size = batch.values.shape[-1]
        batch = resized_crops(batch, _crop_boxes(rng, count, size, settings.smallest_crop))
    if settings.gain or settings.noise:
        batch = _shifted(batch, rng, settings.gain, settings.noise, zeros)
    if settings.holes:
        batch = without(batch, _clouds(rng, batch.valid.shape, settings.holes))
    return batch


def turned(batch: Batch, turns: Sequence[int], flips: Sequence[bool]) -> Batch:
    """Each chip after its quarter turns counter-clockwise, then mirrored left to right or not."""

    def move(layers: Tensor) -> Tensor:
        moved = [
            torch.rot90(layer, turn, (-2, -1)).flip(-1)
            if flip
            else torch.rot90(layer, turn, (-2, -1))
            for layer, turn, flip in zip(layers, turns, flips, strict=True)
        ]
        return torch.stack(moved)

    values, valid = move(batch.values), move(batch.valid)
    if not batch.dense:
        return Batch(values, valid, batch.target, batch.counted)
    return Batch(values, valid, move(batch.target), move(batch.counted))


def resized_crops(batch: Batch, boxes: Tensor) -> Batch:
    """A part of each chip, stretched to the chip's size.

    Values are interpolated linearly between valid pixels only; classes and masks take the nearest.

    Parameters
    ----------
    batch : Batch
    boxes : Tensor
        Left, top, right, bottom of each part, shape (N, 4), px between pixel centres: 0 is the
        middle of the first pixel, S - 1 that of the last.
    """
    from kornia.geometry.transform import crop_and_resize

    left, top, right, bottom = boxes.unbind(1)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    places = torch.stack([torch.stack(corner, 1) for corner in corners], 1)
    size = tuple(batch.values.shape[-2:])

    def crop(layers: Tensor, mode: str) -> Tensor:
        # Edges that rounding puts a hair outside take the border's value, not zero.
        return crop_and_resize(layers, places, size, mode, padding_mode="border")

    # One pass for all that take the nearest: the same pixel of each.
    answer = [batch.target.float(), batch.counted.float()] if batch.dense else []
    near = crop(torch.stack([batch.valid.float(), *answer], 1), "nearest")
    valid = near[:, 0] > 0.5
    weight = crop(batch.valid[:, None].float(), "bilinear")
    summed = crop(batch.values * batch.valid[:, None], "bilinear")
    values = summed / weight.clamp(min=torch.finfo(weight.dtype).eps)
    values = torch.where(valid[:, None], values, torch.zeros_like(values))
    if not batch.dense:
        return Batch(values, valid, batch.target, batch.counted)
    target = near[:, 1] if batch.target.is_floating_point() else near[:, 1].round().long()
    return Batch(values, valid, target, near[:, 2] > 0.5)


def without(batch: Batch, holes: Tensor) -> Batch:
    """The batch with holes, bool (N, S, S): nothing valid, value 0, no pixel that counts."""
    values = batch.values.masked_fill(holes[:, None], 0.0)
    counted = batch.counted & ~holes if batch.dense else batch.counted
    return Batch(values, batch.valid & ~holes, batch.target, counted)


def _shifted(
    batch: Batch, rng: np.random.Generator, gain: float, noise: float, zeros: Sequence[float]
) -> Batch:
    """Each band of each chip times 1 ± gain, plus normal noise; invalid pixels stay 0."""
    values = batch.values
    if gain:
        factors = rng.uniform(1 - gain, 1 + gain, (*values.shape[:2], 1, 1))
        dark = torch.tensor(list(zeros) or [0.0], dtype=torch.float32)[:, None, None]
        values = dark + (values - dark) * torch.from_numpy(factors.astype(np.float32))
    if noise:
        drawn = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(noise)
        values = values + torch.from_numpy(drawn)
    values = values.masked_fill(~batch.valid[:, None], 0.0)
    return Batch(values, batch.valid, batch.target, batch.counted)


def _crop_boxes(rng: np.random.Generator, count: int, size: int, smallest: float) -> Tensor:
    """Boxes of an area of `smallest`..1 of the chip and an aspect of at most 4:3 either way."""
    area = rng.uniform(smallest, 1.0, count)
    aspect = np.exp(rng.uniform(-math.log(_MOST_ASPECT), math.log(_MOST_ASPECT), count))
    sides = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], 1).clip(max=1.0)
    lengths = sides * (size - 1)
    begin = rng.uniform(0.0, 1.0, (count, 2)) * (size - 1 - lengths)
    return torch.from_numpy(np.concatenate([begin, begin + lengths], 1).astype(np.float32))


def _clouds(rng: np.random.Generator, shape: torch.Size, share: float) -> Tensor:
    """Holes like clouds in a share of the chips: where smooth noise is highest; bool (N, S, S)."""
    from kornia.filters import gaussian_blur2d

    count, height, width = shape
    drawn = torch.from_numpy(rng.standard_normal((count, 1, height, width), dtype=np.float32))
    cloudy = torch.from_numpy(rng.random(count) < share)
    cover = torch.from_numpy(rng.uniform(*_CLOUD_COVER, count).astype(np.float32))
    sigma = max(1.0, _CLOUD_SCALE * min(height, width))
    # Three standard deviations to each side, an odd number of pixels, less than the chip.
    kernel = min(2 * math.ceil(3 * sigma) + 1, 2 * (min(height, width) // 2) - 1)
    smooth = gaussian_blur2d(drawn, (kernel, kernel), (sigma, sigma))[:, 0]
    lowest = torch.stack(
        [layer.flatten().quantile(1 - part) for layer, part in zip(smooth, cover, strict=True)]
    )
    return (smooth > lowest[:, None, None]) & cloudy[:, None, None]
