"""Losses of segmentation that see counted pixels only.

Every loss takes logits (N, K, H, W), class positions (N, H, W) int64 and `counted` (N, H, W) bool,
and gives what it would give had the other pixels never existed; with none counted it is 0, and so
is its gradient. Everything is computed in float32, also under autocast.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from covermap.models.settings import LossSettings

# Lin et al. 2017, "Focal loss for dense object detection": the exponent that they recommend.
_FOCAL_GAMMA = 2.0
# Salehi et al. 2017, "Tversky loss function": weights of false positives and false negatives.
_TVERSKY_ALPHA, _TVERSKY_BETA = 0.3, 0.7


class CombinedLoss(nn.Module):
    """The weighted sum of losses that a project asks for."""

    def __init__(self, settings: LossSettings) -> None:
        super().__init__()
        self._terms = [(weight, _ON_PIXELS[name]) for name, weight in settings.weights.items()]

    def forward(self, logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The loss, a scalar."""
        # No autocast: softmax sums and ratios of sums need more than bfloat16's 8 bits.
        with torch.autocast(logits.device.type, enabled=False):
            pixels, classes = _counted_pixels(logits, target, counted)
            return sum(
                (weight * term(pixels, classes) for weight, term in self._terms),
                start=pixels.new_zeros(()),
            )


def cross_entropy(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Mean over pixels of -log of the true class's softmax probability."""
    return _cross_entropy(*_counted_pixels(logits, target, counted))


def focal(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Mean over pixels of cross-entropy times (1 - p)^2 (Lin et al. 2017, eq. 4)."""
    return _focal(*_counted_pixels(logits, target, counted))


def dice(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """1 - 2 TP / (2 TP + FP + FN) with soft counts over the batch, mean over present classes.

    Classes without a counted pixel in the batch are left out of the mean, as Milletari et al. 2016
    (V-Net) have no term for them; there is no smoothing constant.
    """
    return _dice(*_counted_pixels(logits, target, counted))


def jaccard(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """1 - TP / (TP + FP + FN) with soft counts over the batch, mean over present classes."""
    return _jaccard(*_counted_pixels(logits, target, counted))


def tversky(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """1 - TP / (TP + 0.3 FP + 0.7 FN), soft counts, mean over present classes (Salehi 2017)."""
    return _tversky(*_counted_pixels(logits, target, counted))


def _counted_pixels(logits: Tensor, target: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (M, K) in float32 and classes (M,) of the counted pixels."""
    classes = logits.shape[1]
    pixels = logits.permute(0, 2, 3, 1).reshape(-1, classes)
    place = counted.reshape(-1).nonzero().squeeze(1)
    # Selected, not multiplied by zero: an infinite logit of an ignored pixel must not matter.
    return pixels.index_select(0, place).float(), target.reshape(-1).index_select(0, place)


def _cross_entropy(pixels: Tensor, classes: Tensor) -> Tensor:
    return functional.cross_entropy(pixels, classes, reduction="sum") / max(len(classes), 1)


def _focal(pixels: Tensor, classes: Tensor) -> Tensor:
    negative_log = functional.cross_entropy(pixels, classes, reduction="none")
    missing = -torch.expm1(-negative_log)
    return (missing**_FOCAL_GAMMA * negative_log).sum() / max(len(classes), 1)


def _dice(pixels: Tensor, classes: Tensor) -> Tensor:
    return _overlap_loss(pixels, classes, 0.5, 0.5)


def _jaccard(pixels: Tensor, classes: Tensor) -> Tensor:
    return _overlap_loss(pixels, classes, 1.0, 1.0)


def _tversky(pixels: Tensor, classes: Tensor) -> Tensor:
    return _overlap_loss(pixels, classes, _TVERSKY_ALPHA, _TVERSKY_BETA)


def _overlap_loss(pixels: Tensor, classes: Tensor, alpha: float, beta: float) -> Tensor:
    """Mean over present classes of 1 - TP / (TP + alpha FP + beta FN)."""
    probability = pixels.softmax(1)
    truth = functional.one_hot(classes, pixels.shape[1]).to(probability.dtype)
    hit = (probability * truth).sum(0)
    false_positive = probability.sum(0) - hit
    of_class = truth.sum(0)
    present = of_class > 0
    whole = hit + alpha * false_positive + beta * (of_class - hit)
    # An absent class may have a divisor of 0; 0/0 inside `where` would still make its gradient NaN.
    ratio = hit / torch.where(present, whole, torch.ones_like(whole))
    terms = torch.where(present, 1 - ratio, torch.zeros_like(ratio))
    return terms.sum() / present.sum().clamp(min=1)


_OnPixels = Callable[[Tensor, Tensor], Tensor]
_ON_PIXELS: dict[str, _OnPixels] = {
    "cross_entropy": _cross_entropy,
    "dice": _dice,
    "focal": _focal,
    "jaccard": _jaccard,
    "tversky": _tversky,
}
