"""Networks by name, what they give out, and how one is built for given bands and classes.

Torch is imported when a network is built, not before: names can be checked without it. A network
is one function here with `@network("name")` above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from covermap.core.errors import ModelError, nearest
from covermap.models.encoders import TIMM_PREFIX, Encoder, encoder_of
from covermap.models.libraries import smp, timm

if TYPE_CHECKING:
    from torch import nn

    from covermap.models.settings import ModelSettings

# Of a network's answers: `dense` (N, K, H, W), K for each pixel; `chip` (N, K), K for each image.
Output = Literal["dense", "chip"]
Decoder = Literal["full", "narrow"]
DEFAULT_ENCODER = "efficientnet-lite0"
# Sides of chips and tiles are multiples of it.
_STRIDE = 32
# Feature maps of a U-Net's decoder from stride 16 to stride 1.
_UNET_MAPS = (256, 128, 64, 32, 16)


@dataclass(frozen=True)
class NetworkPlan:
    """What a builder is told.

    Attributes
    ----------
    encoder : Encoder or None
    channels, classes : int
        In and out.
    dropout : float or None
        As wished by the project.
    decoder : str
        How many feature maps a decoder has: `full`, as published, or `narrow`, half as many.
    """

    encoder: Encoder | None
    channels: int
    classes: int
    dropout: float | None
    decoder: Decoder = "full"

    @property
    def for_smp(self) -> dict[str, Any]:
        """The arguments that every network of segmentation-models-pytorch takes."""
        assert self.encoder is not None
        return {
            "encoder_name": self.encoder.smp_name,
            "encoder_weights": None,
            "in_channels": self.channels,
            "classes": self.classes,
        }

    @property
    def for_unet(self) -> dict[str, Any]:
        """The arguments of the two that decode step by step."""
        width = 1 if self.decoder == "full" else 2
        return {
            **self.for_smp,
            "decoder_channels": tuple(maps // width for maps in _UNET_MAPS),
        }


_Builder = Callable[[NetworkPlan], Any]


@dataclass(frozen=True)
class _Entry:
    build: _Builder
    encoder: str | None
    output: Output
    narrows: bool


_NETWORKS: dict[str, _Entry] = {}


def network(
    name: str,
    encoder: str | None = DEFAULT_ENCODER,
    output: Output = "dense",
    narrows: bool = False,
) -> Callable[[_Builder], _Builder]:
    """Enter a function NetworkPlan -> Module under a name.

    A network with an encoder holds it as its submodule `encoder`; the one named here is taken when
    the project names none. One with `output="chip"` is a `classifiers.ChipClassifier`. One that
    `narrows` heeds `decoder`.
    """

    def enter(builder: _Builder) -> _Builder:
        _NETWORKS[name] = _Entry(builder, encoder, output, narrows)
        return builder

    return enter


def network_names(output: Output | None = None) -> tuple[str, ...]:
    """What a project file may write as `model: {name: ...}`; all, or those of one output."""
    return tuple(name for name, entry in _NETWORKS.items() if output in (None, entry.output))


def has_encoder(name: str) -> bool:
    """Whether the network of this name is built on an encoder."""
    return _NETWORKS[name].encoder is not None


def narrows(name: str) -> bool:
    """Whether the network of this name has a decoder that can be made narrow."""
    return _NETWORKS[name].narrows


def default_encoder(name: str) -> str | None:
    """The encoder of the network of this name when none is given; None where it has none."""
    return _NETWORKS[name].encoder


def output_of(name: str) -> Output:
    """Whether the network of this name answers for each pixel or for each image."""
    return _NETWORKS[name].output


def build_network(
    model: ModelSettings,
    wavelengths: Sequence[float | None],
    classes: int,
    seed: int,
    base: Path | None = None,
) -> nn.Module:
    """A network with its initial weights; the same seed gives the same weights.

    Parameters
    ----------
    model : ModelSettings
        Which network, encoder and initial weights.
    wavelengths : sequence of float or None
        Centre wavelength (nm) of each input band, None where it has none: indices, radar.
    classes : int
        Number of outputs, at least 1.
    seed : int
        0 or more.
    base : Path, optional
        Folder that a relative path of a weights file starts from; the working folder by default.

    Returns
    -------
    Module
        One with `dense` output takes (N, C, H, W) with H and W multiples of 32 and gives logits
        (N, classes, H, W); one with `chip` output takes any H and W from 32 on and gives
        (N, classes). In training mode a batch of one is fine at any size.

    Raises
    ------
    ModelError
        No such encoder in timm, an encoder that this network cannot use, or weights that cannot be
        had or do not fit.
    """
    import torch

    from covermap.models.norms import spare_lone_values
    from covermap.models.pretrained import load_initial_weights

    encoder = None if model.encoder is None else encoder_of(model.encoder)
    plan = NetworkPlan(encoder, len(wavelengths), classes, model.dropout, model.decoder)
    # Only the CPU's generator is used here; asking for no devices leaves a GPU untouched.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built: nn.Module = _built(model.name, plan)
    spare_lone_values(built)
    if encoder is not None and encoder.name.startswith(TIMM_PREFIX):
        _try_out(built, model.name, plan)
    if encoder is not None:
        load_initial_weights(built.get_submodule("encoder"), encoder, model, wavelengths, base)
    return built


def _built(name: str, plan: NetworkPlan) -> Any:
    entry = _NETWORKS[name]
    if plan.encoder is None:
        return entry.build(plan)
    if plan.encoder.name.startswith(TIMM_PREFIX):
        _check_timm(plan.encoder.name.removeprefix(TIMM_PREFIX))
    # The libraries raise many kinds for an encoder that has no dilated form or other strides.
    try:
        return entry.build(plan)
    except Exception as error:
        raise _unfit(name, plan.encoder, error) from error


def _check_timm(name: str) -> None:
    known = timm().list_models()
    if name.split(".")[0] in known:
        return
    hint = nearest(name, known)
    if not hint.startswith("did you mean"):
        # More than a thousand names are no help on one line.
        hint = "timm.list_models() lists those that it has"
    raise ModelError(f"model: encoder: timm {timm().__version__} has no network '{name}'; {hint}")


def _try_out(built: nn.Module, name: str, plan: NetworkPlan) -> None:
    """Send one small image through: some of timm's networks take a single size only."""
    import torch

    assert plan.encoder is not None
    was_training = built.training
    image = torch.zeros(1, plan.channels, _STRIDE, 2 * _STRIDE)
    try:
        with torch.inference_mode():
            built.eval()(image)
    except Exception as error:
        raise _unfit(name, plan.encoder, error) from error
    built.train(was_training)


def _unfit(name: str, encoder: Encoder, error: Exception) -> ModelError:
    told = " ".join(str(error).split())[:120]
    return ModelError(
        f"model: {name} cannot be built on the encoder {encoder.name} ({told}); write another "
        f"encoder, e.g. {_NETWORKS[name].encoder}"
    )


def _with_dropout(built: Any, share: float | None) -> Any:
    """Drop whole feature maps before the last convolution (Tompson et al. 2015)."""
    from torch import nn

    if share:
        built.segmentation_head = nn.Sequential(nn.Dropout2d(share), built.segmentation_head)
    return built


@network("unet", narrows=True)
def _unet(plan: NetworkPlan) -> Any:
    """U-Net (Ronneberger et al. 2015) with skip connections at strides 2, 4, 8 and 16."""
    return _with_dropout(smp().Unet(**plan.for_unet), plan.dropout)


@network("unet-plain", encoder=None)
def _unet_plain(plan: NetworkPlan) -> Any:
    """U-Net as published, but padded and with batch normalisation; no pretrained encoder."""
    from covermap.models.plain_unet import PlainUNet

    return PlainUNet(plan.channels, plan.classes, dropout=plan.dropout or 0.0)


@network("unet++", narrows=True)
def _unet_plus_plus(plan: NetworkPlan) -> Any:
    """U-Net++ with nested, dense skip connections (Zhou et al. 2018)."""
    return _with_dropout(smp().UnetPlusPlus(**plan.for_unet), plan.dropout)


@network("deeplabv3")
def _deeplabv3(plan: NetworkPlan) -> Any:
    """DeepLabV3 with atrous spatial pyramid pooling at stride 8 (Chen et al. 2017)."""
    dropout = {} if plan.dropout is None else {"decoder_aspp_dropout": plan.dropout}
    return smp().DeepLabV3(**plan.for_smp, **dropout)


@network("deeplabv3+")
def _deeplabv3_plus(plan: NetworkPlan) -> Any:
    """DeepLabV3+: pyramid pooling at stride 16 and a decoder at stride 4 (Chen et al. 2018)."""
    dropout = {} if plan.dropout is None else {"decoder_aspp_dropout": plan.dropout}
    return smp().DeepLabV3Plus(**plan.for_smp, **dropout)


@network("fpn")
def _fpn(plan: NetworkPlan) -> Any:
    """Feature pyramid network with a segmentation head (Kirillov et al. 2019)."""
    dropout = {} if plan.dropout is None else {"decoder_dropout": plan.dropout}
    return smp().FPN(**plan.for_smp, **dropout)


@network("segformer")
def _segformer(plan: NetworkPlan) -> Any:
    """SegFormer's all-MLP decoder (Xie et al. 2021); as published with an encoder mit_b0..b5."""
    return _with_dropout(smp().Segformer(**plan.for_smp), plan.dropout)


@network("upernet")
def _upernet(plan: NetworkPlan) -> Any:
    """UPerNet: pyramid pooling on top of a feature pyramid (Xiao et al. 2018)."""
    return _with_dropout(smp().UPerNet(**plan.for_smp), plan.dropout)


@network("classifier", output="chip")
def _classifier(plan: NetworkPlan) -> Any:
    """An encoder with global average pooling and a linear layer; published so for most encoders."""
    from covermap.models.classifiers import classifier

    assert plan.encoder is not None
    return classifier(plan.encoder, plan.channels, plan.classes, plan.dropout or 0.0)


@network("dense-classifier", encoder="resnet50", output="chip")
def _dense_classifier(plan: NetworkPlan) -> Any:
    """A ResNet whose later strides are 1, so that its feature maps stay at stride 4."""
    from covermap.models.classifiers import dense_resnet

    assert plan.encoder is not None
    return dense_resnet(plan.encoder, plan.channels, plan.classes, plan.dropout or 0.0)


@network("shallow-cnn", encoder=None, output="chip")
def _shallow_cnn(plan: NetworkPlan) -> Any:
    """Four convolutions with two poolings, global average pooling and a linear layer."""
    from covermap.models.classifiers import shallow_cnn

    return shallow_cnn(plan.channels, plan.classes, plan.dropout or 0.0)
