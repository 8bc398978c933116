"""Losses of segmentation that see counted pixels only.

Every loss takes logits (N, K, H, W), class positions (N, H, W) int64 and `counted` (N, H, W) bool,
and gives what it would give had the other pixels never existed; with none counted it is 0, and so
is its gradient. Everything is computed in float32, also under autocast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from covermap.models.builders import Builders
from covermap.models.class_weights import class_weights
from covermap.models.loss_settings import (
    CrossEntropySettings,
    FocalSettings,
    FocalTverskySettings,
    LossSettings,
    OverlapSettings,
    TermSettings,
    TverskySettings,
)

_OnPixels = Callable[[Tensor, Tensor], Tensor]


class CombinedLoss(nn.Module):
    """The weighted sum of losses that a project asks for.

    Parameters
    ----------
    settings : LossSettings
    names : sequence of str, optional
        Classes in the legend's order; needed where class weights are asked for.
    pixels : sequence of int, optional
        Counted training pixels of each class; needed likewise.
    """

    def __init__(
        self, settings: LossSettings, names: Sequence[str] = (), pixels: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self._terms = [
            (term.weight, _BUILDERS[name](term, names, pixels))
            for name, term in settings.terms.items()
        ]

    def forward(self, logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The loss, a scalar."""
        # No autocast: softmax sums and ratios of sums need more than bfloat16's 8 bits.
        with torch.autocast(logits.device.type, enabled=False):
            pixels, classes = _counted_pixels(logits, target, counted)
            return sum(
                (weight * term(pixels, classes) for weight, term in self._terms),
                start=pixels.new_zeros(()),
            )


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    weights: Sequence[float] | None = None,
    weighted_mean: Literal["weights", "pixels"] = "weights",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean over pixels of -log of the true class's softmax probability.

    With class weights the mean is divided by the sum of the pixels' weights, or by the number of
    pixels. `label_smoothing` s takes the truth as (1 - s) of it and s spread evenly over all
    classes (Szegedy et al. 2016).
    """
    pixels, classes = _counted_pixels(logits, target, counted)
    return _cross_entropy(pixels, classes, weights, weighted_mean, label_smoothing)


def focal(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Tensor:
    """Mean over pixels of cross-entropy times alpha (1 - p)^gamma (Lin et al. 2017, eq. 5)."""
    return _focal(*_counted_pixels(logits, target, counted), gamma, alpha)


def focal_ovr(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Tensor:
    """Binary focal loss of each class against the rest, mean over pixels and classes.

    The form of segmentation-models-pytorch's `FocalLoss(mode="multiclass")`: sigmoids instead of
    one softmax; `alpha` weighs the class's own pixels, 1 - alpha the others.
    """
    return _focal_ovr(*_counted_pixels(logits, target, counted), gamma, alpha)


def dice(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    smooth: float = 0.0,
    over: Literal["classes", "pixels"] = "classes",
) -> Tensor:
    """1 - (2 TP + s) / (2 TP + FP + FN + s) with soft counts over the batch.

    `over="classes"`: mean over the classes with a counted pixel in the batch; as Milletari et al.
    2016 (V-Net) have no term for absent ones. `over="pixels"`: one ratio of the counts of all
    classes together, which rare classes hardly change.
    """
    return _dice(smooth, over)(*_counted_pixels(logits, target, counted))


def jaccard(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    smooth: float = 0.0,
    over: Literal["classes", "pixels"] = "classes",
) -> Tensor:
    """1 - (TP + s) / (TP + FP + FN + s) with soft counts over the batch, averaged like `dice`."""
    return _jaccard(smooth, over)(*_counted_pixels(logits, target, counted))


def tversky(
    logits: Tensor, target: Tensor, counted: Tensor, alpha: float = 0.3, beta: float = 0.7
) -> Tensor:
    """1 - TP / (TP + alpha FP + beta FN), soft counts, mean over present classes (Salehi 2017)."""
    return _tversky(alpha, beta)(*_counted_pixels(logits, target, counted))


def focal_tversky(
    logits: Tensor,
    target: Tensor,
    counted: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
) -> Tensor:
    """Mean over present classes of (1 - Tversky index)^gamma (Abraham and Khan 2019)."""
    return _tversky(alpha, beta, gamma)(*_counted_pixels(logits, target, counted))


def lovasz(logits: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Lovász-Softmax over the batch, mean over present classes (Berman et al. 2018, eq. 11)."""
    return _lovasz(*_counted_pixels(logits, target, counted))


def _counted_pixels(logits: Tensor, target: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (M, K) in float32 and classes (M,) of the counted pixels."""
    classes = logits.shape[1]
    pixels = logits.permute(0, 2, 3, 1).reshape(-1, classes)
    place = counted.reshape(-1).nonzero().squeeze(1)
    # Selected, not multiplied by zero: an infinite logit of an ignored pixel must not matter.
    return pixels.index_select(0, place).float(), target.reshape(-1).index_select(0, place)


def _cross_entropy(
    pixels: Tensor,
    classes: Tensor,
    weights: Sequence[float] | None,
    weighted_mean: str,
    label_smoothing: float,
) -> Tensor:
    each = None if weights is None else pixels.new_tensor(weights)
    total = functional.cross_entropy(
        pixels, classes, weight=each, reduction="sum", label_smoothing=label_smoothing
    )
    if each is None or weighted_mean == "pixels":
        return total / max(len(classes), 1)
    # Where all pixels of a batch weigh nothing, so does their loss.
    held = each[classes].sum()
    return total / torch.where(held > 0, held, torch.ones_like(held))


def _focal(pixels: Tensor, classes: Tensor, gamma: float, alpha: float | None) -> Tensor:
    negative_log = functional.cross_entropy(pixels, classes, reduction="none")
    scale = 1.0 if alpha is None else alpha
    missing = _power(-torch.expm1(-negative_log), gamma)
    return scale * (missing * negative_log).sum() / max(len(classes), 1)


def _focal_ovr(pixels: Tensor, classes: Tensor, gamma: float, alpha: float | None) -> Tensor:
    truth = functional.one_hot(classes, pixels.shape[1]).to(pixels.dtype)
    negative_log = functional.binary_cross_entropy_with_logits(pixels, truth, reduction="none")
    each = _power(-torch.expm1(-negative_log), gamma) * negative_log
    if alpha is not None:
        each = each * (alpha * truth + (1 - alpha) * (1 - truth))
    return each.sum() / max(each.numel(), 1)


def _dice(smooth: float, over: str) -> _OnPixels:
    return partial(_overlap, alpha=0.5, beta=0.5, smooth=smooth / 2, over=over)


def _jaccard(smooth: float, over: str) -> _OnPixels:
    return partial(_overlap, alpha=1.0, beta=1.0, smooth=smooth, over=over)


def _tversky(alpha: float, beta: float, power: float = 1.0) -> _OnPixels:
    return partial(_overlap, alpha=alpha, beta=beta, power=power)


def _overlap(
    pixels: Tensor,
    classes: Tensor,
    alpha: float,
    beta: float,
    smooth: float = 0.0,
    over: str = "classes",
    power: float = 1.0,
) -> Tensor:
    """Mean of (1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth))^power."""
    probability = pixels.softmax(1)
    truth = functional.one_hot(classes, pixels.shape[1]).to(probability.dtype)
    hit = (probability * truth).sum(0)
    false_positive = probability.sum(0) - hit
    of_class = truth.sum(0)
    if over == "pixels":
        hit, false_positive = hit.sum(0, True), false_positive.sum(0, True)
        of_class = of_class.sum(0, True)
    present = of_class > 0
    whole = hit + alpha * false_positive + beta * (of_class - hit)
    # An absent class may have a divisor of 0; 0/0 inside `where` would still make its gradient NaN.
    ratio = (hit + smooth) / torch.where(present, whole + smooth, torch.ones_like(whole))
    terms = _power(torch.where(present, 1 - ratio, torch.zeros_like(ratio)), power)
    return terms.sum() / present.sum().clamp(min=1)


def _power(base: Tensor, exponent: float) -> Tensor:
    """A number of 0..1 to a power, with a finite gradient at 0 where the exponent is below 1."""
    if exponent == 1.0:
        return base
    above = base > torch.finfo(base.dtype).eps
    return torch.where(above, torch.where(above, base, torch.ones_like(base)) ** exponent, 0 * base)


def _lovasz(pixels: Tensor, classes: Tensor) -> Tensor:
    probability = pixels.softmax(1)
    losses = []
    for place in classes.unique().tolist():
        truth = (classes == place).to(probability.dtype)
        errors, order = (truth - probability[:, place]).abs().sort(descending=True, stable=True)
        losses.append(torch.dot(errors, _jaccard_steps(truth[order])))
    # A sum over nothing that still hangs on the logits: its gradient is 0, not missing.
    return torch.stack(losses).mean() if losses else pixels.sum()


def _jaccard_steps(truth: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each error, worst first (Berman et al., algorithm 1)."""
    count = truth.sum()
    missed = count - truth.cumsum(0)
    union = count + (1 - truth).cumsum(0)
    loss = 1 - missed / union
    return torch.cat([loss[:1], loss[1:] - loss[:-1]])


_Names: TypeAlias = Sequence[str]
_Pixels: TypeAlias = Sequence[int]
_Builder = Callable[[TermSettings, _Names, _Pixels], _OnPixels]
_BUILDERS: Builders[_Builder] = Builders()


@_BUILDERS.named("cross_entropy")
def _cross_entropy_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, CrossEntropySettings)
    if term.class_weights is not None and (not names or len(names) != len(pixels)):
        raise ValueError("class weights need the names and the training pixels of all classes")
    weights = class_weights(term, names, pixels)
    return lambda p, c: _cross_entropy(p, c, weights, term.weighted_mean, term.label_smoothing)


@_BUILDERS.named("focal")
def _focal_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, FocalSettings)
    return lambda p, c: _focal(p, c, term.gamma, term.alpha)


@_BUILDERS.named("focal_ovr")
def _focal_ovr_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, FocalSettings)
    return lambda p, c: _focal_ovr(p, c, term.gamma, term.alpha)


@_BUILDERS.named("dice")
def _dice_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, OverlapSettings)
    return _dice(term.smooth, term.over)


@_BUILDERS.named("jaccard")
def _jaccard_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, OverlapSettings)
    return _jaccard(term.smooth, term.over)


@_BUILDERS.named("tversky")
def _tversky_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, TverskySettings)
    return _tversky(term.alpha, term.beta)


@_BUILDERS.named("focal_tversky")
def _focal_tversky_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    assert isinstance(term, FocalTverskySettings)
    return _tversky(term.alpha, term.beta, term.gamma)


@_BUILDERS.named("lovasz")
def _lovasz_term(term: TermSettings, names: _Names, pixels: _Pixels) -> _OnPixels:
    return _lovasz
