"""U-Net as it was published, but with padding and batch normalisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WIDTHS = (64, 128, 256, 512, 1024)


class PlainUNet(nn.Module):
    """Ronneberger et al. 2015, figure 1: four poolings, widths 64 to 1024, 2 x 2 up-convolutions.

    Padded, so that the output has the input's size, and with batch normalisation before each ReLU.

    Parameters
    ----------
    channels, classes : int
        Inputs and outputs.
    dropout : float
        Share of feature maps dropped at the end of the contracting path, where the paper has it.
    widths : sequence of int
        Feature maps at strides 1, 2, 4, ...
    """

    def __init__(
        self, channels: int, classes: int, dropout: float = 0.0, widths: tuple[int, ...] = _WIDTHS
    ) -> None:
        super().__init__()
        downwards = zip((channels, *widths[:-1]), widths, strict=True)
        self.down = nn.ModuleList(_two_convolutions(*pair) for pair in downwards)
        upwards = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.widen = nn.ModuleList(nn.ConvTranspose2d(*pair, 2, stride=2) for pair in upwards)
        self.up = nn.ModuleList(_two_convolutions(*pair) for pair in upwards)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of (N, channels, H, W); sides are multiples of 16."""
        skipped = []
        features = image
        for number, block in enumerate(self.down):
            features = block(features if number == 0 else self.pool(features))
            skipped.append(features)
        features = self.dropout(skipped.pop())
        for widen, block in zip(self.widen, self.up, strict=True):
            features = block(torch.cat([skipped.pop(), widen(features)], 1))
        logits: Tensor = self.head(features)
        return logits


def _two_convolutions(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (channels, width):
        layers += [
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
