"""How activation maps are combined, and what a combiner learns of the training ground."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from covermap.chips.loading import Chips, Share
from covermap.core.grid import Window
from covermap.models.combiners import (
    UNFITTED,
    Combiner,
    CombinerName,
    LabelledMaps,
    choose_labelled,
    fit_regression,
)
from covermap.models.weak import MapReading, WeakSettings

if TYPE_CHECKING:
    from torch import nn


def reading_of(network: nn.Module, teach: Chips, settings: WeakSettings, seed: int) -> MapReading:
    """How a taught network's activation maps are read, as a project asks for.

    Parameters
    ----------
    network : ChipClassifier
    teach : Chips
        What taught it.
    settings : WeakSettings
    seed : int
        Of the choice of chips and pixels.

    Raises
    ------
    SplitError
        A regression is asked for, and the labelled pixels are of fewer than two classes.
    """
    combiner = fitted_combiner(settings.combiner, network, teach, settings, seed)
    return MapReading(combiner, settings.upsampling, settings.bias)


def fitted_combiner(
    name: CombinerName, network: nn.Module, teach: Chips, settings: WeakSettings, seed: int
) -> Combiner:
    """A combiner by name; a regression fitted to pixels of some of the teaching chips.

    Only pixels that count in teaching are asked for: held-out ground has no part in it.

    Raises
    ------
    SplitError
        As for `reading_of`.
    """
    if name in UNFITTED:
        return UNFITTED[name]
    labels = Chips(teach.share, teach.statistics, cache_bytes=0)
    numbers = {chip_name(scene, window): n for n, (scene, window) in _labelled(teach.share)}
    chosen = choose_labelled(list(numbers), settings.dense_images, seed)
    images = _labelled_maps(network, labels, [numbers[name] for name in chosen], settings)
    return fit_regression(images, chosen, len(teach.share.viewer.labels.legend), seed)


def chip_name(scene: str, window: Window) -> str:
    """How a bundle names a chip."""
    return f"{scene}, row {window.row_off}, column {window.col_off}"


def _labelled(share: Share) -> Iterator[tuple[int, tuple[str, Window]]]:
    """Numbers of the chips with counted pixels, with scene and window."""
    for number, place in enumerate(share.windows):
        if share.counted(share.read(number)).any():
            yield number, place


def _labelled_maps(
    network: nn.Module, labels: Chips, numbers: Sequence[int], settings: WeakSettings
) -> Iterator[LabelledMaps]:
    import torch

    from covermap.models.activation_maps import ActivationMapper
    from covermap.models.classifiers import ChipClassifier

    assert isinstance(network, ChipClassifier)
    mapper = ActivationMapper(network, settings.upsampling, settings.bias).eval()
    device = next(network.parameters()).device
    for number in numbers:
        sample = labels[number]
        with torch.inference_mode():
            image = torch.from_numpy(np.ascontiguousarray(sample.values))[None].to(device)
            placed = mapper.placed(image)
        covered = placed.covered.cpu().numpy()
        # A border that no cell speaks for teaches nothing of what cells mean.
        yield LabelledMaps(
            placed.values[0].float().cpu().numpy(), sample.target, sample.counted & covered
        )
