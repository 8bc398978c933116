"""Class activation maps of chip classifiers, placed on the image's pixels.

Zhou et al. 2016, "Learning Deep Features for Discriminative Localization": a network that ends in
global average pooling and a linear layer says by its weights how much each cell of the last feature
maps speaks for each class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from covermap.core.errors import ModelError
from covermap.models.classifiers import ChipClassifier
from covermap.models.weak import Upsampling


@dataclass(frozen=True)
class Axis:
    """How cells of a feature map lie along one side of an image.

    Attributes
    ----------
    size : int
        Pixels of the image.
    cells : int
        Cells of the feature map.
    stride : int
        Pixels from one cell's middle to the next one's.
    offset : float
        Where the first cell's middle lies, in pixels from the middle of the first pixel.
    """

    size: int
    cells: int
    stride: int
    offset: float


@dataclass(frozen=True)
class PlacedMaps:
    """Class activation maps on an image's pixels.

    Attributes
    ----------
    values : Tensor of float32, shape (N, K, H, W)
        Beyond the outermost cells, those are continued.
    covered : Tensor of bool, shape (H, W)
        Where a cell lies; the rest is a border that no cell speaks for.
    """

    values: Tensor
    covered: Tensor


def class_activation_maps(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """sum_k w_k^c f_k, shape (N, K, h, w), float32.

    The mean of a map of class c, with the bias in it or added after, is the logit of c.

    Parameters
    ----------
    features : Tensor, shape (N, F, h, w)
        Input of the global average pooling.
    weight : Tensor, shape (K, F)
        Of the linear layer behind it.
    bias : Tensor, shape (K,), optional
        Added to every cell where given; Wang, Chen and Guo (2018) leave it out.
    """
    maps = torch.einsum("nfhw,kf->nkhw", features.float(), weight.float())
    return maps if bias is None else maps + bias.float()[:, None, None]


def repeated(maps: Tensor, height: int, width: int, factor: int) -> PlacedMaps:
    """Each cell repeated `factor` times along both axes, in the middle of the image.

    As Wang, Chen and Guo (2018) do: 12 x 12 cells become 48 x 48 pixels, and 50 x 50 with a border
    of 1, which here continues the outermost cells and is not `covered`. Where the cells reach over
    the image's edge, they are cut.
    """
    rows, in_rows = _repeated_places(height, maps.shape[2], factor, maps.device)
    columns, in_columns = _repeated_places(width, maps.shape[3], factor, maps.device)
    values = maps.index_select(2, rows).index_select(3, columns)
    return PlacedMaps(values, in_rows[:, None] & in_columns[None, :])


def interpolated(maps: Tensor, rows: Axis, columns: Axis) -> PlacedMaps:
    """Bilinear interpolation between the middles of cells, where these truly lie.

    Covered is what is at most half a stride from a cell's middle.
    """
    down, in_rows = _shares(rows, maps)
    across, in_columns = _shares(columns, maps)
    values = torch.einsum("ih,nkhw,jw->nkij", down, maps, across)
    return PlacedMaps(values, in_rows[:, None] & in_columns[None, :])


def feature_axes(network: ChipClassifier, height: int, width: int) -> tuple[Axis, Axis]:
    """Where the cells of a classifier's feature maps lie on an image of this size.

    Follows the convolutions and poolings that have a stride: one with kernel k and p pixels of
    padding before the first moves the middle of a cell by (k - 1) / 2 - p of its own input's pixels
    (Dumoulin and Visin 2016; Araujo et al. 2019, "Computing Receptive Fields").

    Raises
    ------
    ModelError
        The feature maps are made in another way than by such layers one after the other.
    """
    steps, cells = _strided_steps(network, height, width)
    return (
        _axis(height, cells[0], [step.along(0) for step in steps]),
        _axis(width, cells[1], [step.along(1) for step in steps]),
    )


class ActivationMapper(nn.Module):
    """A chip classifier as a network of pixels: its class activation maps at the image's size.

    Parameters
    ----------
    network : ChipClassifier
    upsampling : str
        `repeat`: as in `repeated`, with the network's stride; `bilinear`: as in `interpolated`.
    with_bias : bool
        Whether the linear layer's bias is in the maps.
    """

    def __init__(
        self,
        network: ChipClassifier,
        upsampling: Upsampling = "bilinear",
        with_bias: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self._upsampling, self._with_bias = upsampling, with_bias
        self._axes: dict[tuple[int, int], tuple[Axis, Axis]] = {}

    def forward(self, image: Tensor) -> Tensor:
        """Maps (N, K, H, W), float32, of images (N, C, H, W)."""
        return self.placed(image).values

    def placed(self, image: Tensor) -> PlacedMaps:
        """The same, with what is covered by cells."""
        head = self.network.head
        features = self.network.feature_maps(image)
        maps = class_activation_maps(features, head.weight, head.bias if self._with_bias else None)
        height, width = int(image.shape[2]), int(image.shape[3])
        if (height, width) not in self._axes:
            self._axes[height, width] = feature_axes(self.network, height, width)
        rows, columns = self._axes[height, width]
        if self._upsampling == "repeat":
            return repeated(maps, height, width, rows.stride)
        return interpolated(maps, rows, columns)


@dataclass(frozen=True)
class _Step:
    """A layer with a stride, as it ran: sides before and after it, and how it moves."""

    before: tuple[int, int]
    after: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]

    def along(self, axis: int) -> _AxisStep:
        return _AxisStep(
            *(
                pair[axis]
                for pair in (
                    self.before,
                    self.after,
                    self.kernel,
                    self.stride,
                    self.dilation,
                    self.padding,
                )
            )
        )


@dataclass(frozen=True)
class _AxisStep:
    before: int
    after: int
    kernel: int
    stride: int
    dilation: int
    padding: int

    @property
    def moves_by(self) -> float:
        """From a cell's middle to the first of the pixels it stands for, in its input's pixels."""
        reach = (self.kernel - 1) * self.dilation
        if self.after == (self.before + 2 * self.padding - reach - 1) // self.stride + 1:
            return reach / 2 - self.padding
        if self.after == math.ceil(self.before / self.stride):
            # Padded as TensorFlow does: as much as it needs, the odd pixel at the end.
            needed = max((self.after - 1) * self.stride + reach + 1 - self.before, 0)
            return reach / 2 - needed // 2
        raise _unplaced()


def _strided_steps(
    network: ChipClassifier, height: int, width: int
) -> tuple[list[_Step], tuple[int, int]]:
    """The layers with a stride on the way to the feature maps, and the maps' sides."""
    steps: list[_Step] = []

    def note(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        step = _step_of(module, inputs[0], output)
        # A shortcut beside a step starts from the same sides and arrives at the same.
        if step.stride != (1, 1) and not any(step.before == other.before for other in steps):
            steps.append(step)

    kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
    hooks = [
        module.register_forward_hook(note)
        for module in network.modules()
        if isinstance(module, kinds)
    ]
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    was_training = network.training
    try:
        with torch.no_grad():
            image = first.weight.new_zeros(1, first.in_channels * first.groups, height, width)
            maps = network.eval().feature_maps(image)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    sides = [(height, width), *(step.after for step in steps)]
    cells = (int(maps.shape[2]), int(maps.shape[3]))
    if [step.before for step in steps] != sides[:-1] or sides[-1] != cells:
        raise _unplaced()
    return steps, cells


def _step_of(module: Any, before: Tensor, after: Tensor) -> _Step:
    dilation = _pair(getattr(module, "dilation", 1))
    padding = (0, 0) if isinstance(module.padding, str) else _pair(module.padding)
    return _Step(
        before=(int(before.shape[2]), int(before.shape[3])),
        after=(int(after.shape[2]), int(after.shape[3])),
        kernel=_pair(module.kernel_size),
        stride=_pair(module.stride),
        dilation=dilation,
        padding=padding,
    )


def _axis(size: int, cells: int, steps: list[_AxisStep]) -> Axis:
    stride, offset = 1, 0.0
    for step in steps:
        offset += step.moves_by * stride
        stride *= step.stride
    return Axis(size, cells, stride, offset)


def _repeated_places(
    size: int, cells: int, factor: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The cell of each pixel along one side, and whether one lies there."""
    before = (size - cells * factor) // 2
    place = torch.div(torch.arange(size, device=device) - before, factor, rounding_mode="floor")
    return place.clamp(0, cells - 1), (place >= 0) & (place < cells)


def _shares(axis: Axis, maps: Tensor) -> tuple[Tensor, Tensor]:
    """How much of each cell (h) each pixel (H) takes, shape (H, h), and whether it is covered."""
    place = (torch.arange(axis.size, device=maps.device) - axis.offset) / axis.stride
    covered = (place >= -0.5) & (place <= axis.cells - 0.5)
    place = place.clamp(0, axis.cells - 1)[:, None]
    cells = torch.arange(axis.cells, device=maps.device)[None, :]
    return (1 - (place - cells).abs()).clamp(min=0).to(maps.dtype), covered


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _unplaced() -> ModelError:
    return ModelError(
        "class activation maps: it cannot be told where the cells of this network's feature maps "
        "lie on the image; write another network, e.g. model: {name: shallow-cnn} or "
        "{name: dense-classifier}"
    )
