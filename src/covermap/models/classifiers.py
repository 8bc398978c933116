"""Networks that answer for a whole image, and keep the feature maps that their answers are made of.

All end in global average pooling and one linear layer, so that a class's answer is the mean of its
class activation map (Zhou et al. 2016) whatever the network in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from covermap.models.encoders import Encoder
from covermap.models.libraries import smp, timm

# Not published for the shallow network of Wang, Chen and Guo (2018): doubled after each pooling.
_SHALLOW_WIDTHS = (64, 64, 128, 128)


class ChipClassifier(nn.Module):
    """Feature maps, global average pooling, dropout and a linear layer.

    Parameters
    ----------
    encoder : Module
        Takes (N, C, H, W), gives feature maps (N, F, h, w), or several, of which the last counts.
    width : int
        F.
    classes : int
        K.
    dropout : float
        Share of pooled features dropped in training.
    encoder_name : str
        What the encoder's submodule is called: `encoder` where it can be pretrained.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        classes: int,
        dropout: float = 0.0,
        encoder_name: str = "encoder",
    ) -> None:
        super().__init__()
        self.add_module(encoder_name, encoder)
        self._encoder_name = encoder_name
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def feature_maps(self, image: Tensor) -> Tensor:
        """Feature maps (N, F, h, w) of images (N, C, H, W)."""
        return _last_maps(self.get_submodule(self._encoder_name), image)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, K) of images (N, C, H, W)."""
        pooled = self.feature_maps(image).mean((2, 3))
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


def classifier(encoder: Encoder, channels: int, classes: int, dropout: float) -> ChipClassifier:
    """A classifier on any encoder, up to the last convolution of the whole network.

    Raises
    ------
    ValueError
        The network of timm gives no feature maps of the usual order.
    """
    if encoder.timm_name is None:
        body = smp().encoders.get_encoder(encoder.smp_name, in_channels=channels, weights=None)
        width = body.out_channels[-1]
        if _lacks_conv_head(body):
            width = body._conv_head.out_channels
        return ChipClassifier(body, width, classes, dropout)
    body = timm().create_model(
        encoder.timm_name, num_classes=0, global_pool="", in_chans=channels, pretrained=False
    )
    if getattr(body, "output_fmt", "NCHW") != "NCHW":
        raise ValueError("it gives no feature maps (N, F, h, w)")
    return ChipClassifier(body, body.head_hidden_size, classes, dropout)


def dense_resnet(encoder: Encoder, channels: int, classes: int, dropout: float) -> ChipClassifier:
    """A classifier on a ResNet that keeps its feature maps at stride 4.

    The pooling is not padded and all strides behind it are 1, so that 50 px become 12 x 12 as in
    Wang, Chen and Guo (2018). Weights of the ResNet fit as they are.

    Raises
    ------
    ValueError
        The encoder is no ResNet.
    """
    built = classifier(encoder, channels, classes, dropout)
    body: Any = built.get_submodule("encoder")
    if not hasattr(body, "layer4") or not isinstance(getattr(body, "maxpool", None), nn.MaxPool2d):
        raise ValueError("it is no ResNet")
    body.maxpool.padding = 0
    for layer in (body.layer2, body.layer3, body.layer4):
        _turn_strides_to_one(layer)
    return built


def shallow_cnn(channels: int, classes: int, dropout: float = 0.0) -> ChipClassifier:
    """The shallow network of Wang, Chen and Guo (2018): 50 px become 12 x 12.

    Four 3 x 3 convolutions with ReLU, pooling after each second one, batch normalisation, global
    average pooling, a linear layer.
    """
    layers: list[nn.Module] = []
    for number, (inputs, width) in enumerate(
        zip((channels, *_SHALLOW_WIDTHS), _SHALLOW_WIDTHS, strict=False)
    ):
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
        if number % 2:
            layers.append(nn.MaxPool2d(2))
    layers.append(nn.BatchNorm2d(_SHALLOW_WIDTHS[-1]))
    return ChipClassifier(
        nn.Sequential(*layers), _SHALLOW_WIDTHS[-1], classes, dropout, encoder_name="layers"
    )


def _last_maps(encoder: Any, image: Tensor) -> Tensor:
    maps = encoder(image)
    if isinstance(maps, Tensor):
        return maps
    # Encoders of segmentation-models-pytorch give one set of maps a stride.
    last: Tensor = maps[-1]
    if _lacks_conv_head(encoder):
        last = encoder._swish(encoder._bn1(encoder._conv_head(last)))
    return last


def _lacks_conv_head(encoder: Any) -> bool:
    """Whether it is an EfficientNet of smp: it has the last convolution but does not apply it."""
    return hasattr(encoder, "_conv_head")


def _turn_strides_to_one(layer: nn.Module) -> None:
    for module in layer.modules():
        stride: Any = getattr(module, "stride", None)
        if isinstance(stride, Sequence):
            module.stride = (1, 1)  # type: ignore[assignment]
        elif isinstance(stride, int):
            module.stride = 1  # type: ignore[assignment]
