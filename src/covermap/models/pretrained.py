"""An encoder's initial weights: out of a pip package, a local file or a published set."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from covermap.core.errors import ModelError, nearest
from covermap.models.encoders import Encoder, imagenet_file
from covermap.models.libraries import smp, timm
from covermap.models.registry import output_of
from covermap.models.settings import HUB_PREFIX, ModelSettings
from covermap.models.stems import carried_kernels

# What trainers and libraries put before an encoder's own names.
_PREFIXES = ("", "encoder.", "backbone.", "network.encoder.", "module.", "model.")
_STATE_KEYS = ("state_dict", "model", "model_state_dict")


def load_initial_weights(
    module: nn.Module,
    encoder: Encoder,
    model: ModelSettings,
    wavelengths: Sequence[float | None],
    base: Path | None = None,
) -> None:
    """Put the weights that the settings ask for into a new encoder.

    A first convolution of three inputs is taken to be for red, green and blue and carried over as
    `model.stem` says; one with as many inputs as there are bands, other than three, as it is.

    Raises
    ------
    ModelError
        The file cannot be read, the set does not exist or cannot be fetched, or the weights do not
        fit the encoder.
    """
    chosen = model.initial_weights
    if chosen == "none":
        return
    if chosen == "imagenet":
        path = imagenet_file(encoder)
        stored, where = _read(path), str(path)
    elif chosen.startswith(HUB_PREFIX):
        wanted = chosen.removeprefix(HUB_PREFIX)
        whole = output_of(model.name) == "chip"
        stored, where = fetched(encoder, wanted, whole), f"weights: {chosen}"
    else:
        path = (base or Path()) / chosen
        stored, where = _read(path), str(path)
    own = module.state_dict()
    state = _matched(stored, own, where)
    for name, tensor in state.items():
        state[name] = _fitted(name, tensor, own[name], wavelengths, model, where)
    module.load_state_dict(state)


def fetched(encoder: Encoder, name: str, whole: bool = False) -> dict[str, Tensor]:
    """A published set of weights of an encoder, trained on RGB; from a cache when fetched before.

    With `whole` a network of timm comes with the layers behind its last feature maps too.

    Raises
    ------
    ModelError
        There is no set of this name, or it cannot be fetched.
    """
    if encoder.is_timm:
        known = [full.partition(".")[2] for full in _timm_sets(encoder)]
        told, weights = f"{encoder.smp_name.split('.')[0]}.{name}", True
    else:
        known = list(smp().encoders.encoders[encoder.smp_name]["pretrained_settings"])
        told, weights = encoder.smp_name, name  # type: ignore[assignment]
    if name not in known:
        raise ModelError(
            f"weights: hub:{name}: no set of weights of this name is published for the encoder "
            f"{encoder.name}; {nearest(name, known) if known else 'write weights: none'}"
        )
    try:
        module: Any
        if encoder.timm_name is not None and whole:
            module = timm().create_model(f"{_timm_root(encoder)}.{name}", pretrained=True)
        else:
            module = smp().encoders.get_encoder(told, in_channels=3, weights=weights)
    except Exception as error:  # whatever the hub's client meets
        raise ModelError(
            f"weights: hub:{name}: cannot be fetched for the encoder {encoder.name} "
            f"({type(error).__name__}); it needs a connection to huggingface.co once. Offline "
            "write weights: none, or weights: FILE.safetensors for a file that you have"
        ) from error
    return dict(module.state_dict())


def _timm_sets(encoder: Encoder) -> list[str]:
    return list(timm().list_pretrained(f"{_timm_root(encoder)}.*"))


def _timm_root(encoder: Encoder) -> str:
    """What timm calls the network, without the name of a set of weights."""
    return str(encoder.timm_name).split(".")[0]


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; nothing in it is executed."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file; check model: {{weights: ...}}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        with warnings.catch_warnings():
            # Of what is no file of weights torch warns before it refuses it.
            warnings.simplefilter("ignore", UserWarning)
            held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its unpickler meets
        raise ModelError(
            f"{path}: not readable as weights ({type(error).__name__}); expected a state dict "
            "saved with safetensors or torch.save, and nothing but tensors in it"
        ) from None
    for key in _STATE_KEYS:
        if isinstance(held, dict) and isinstance(held.get(key), dict):
            held = held[key]
    tensors = held.items() if isinstance(held, dict) else ()
    return {str(name): value for name, value in tensors if isinstance(value, Tensor)}


def _matched(stored: dict[str, Tensor], own: dict[str, Tensor], where: str) -> dict[str, Tensor]:
    """The stored tensor for each of the encoder's names.

    By name under one of the usual prefixes, and else by order, where all shapes but the first
    layer's agree: another library's names in the same order. What is left over (a classifier, a
    decoder) is not used.
    """
    best = max(
        (_by_name(stored, own, *pair) for pair in itertools.product(_PREFIXES, ("", "model."))),
        key=len,
    )
    counted = {name for name in own if not name.endswith("num_batches_tracked")}
    if counted <= set(best):
        return own | best
    ordered = dict(zip(own, stored.values(), strict=False))
    if not best and len(stored) >= len(own) and _shapes_agree(ordered, own):
        return ordered
    missing = next(name for name in own if name in counted and name not in best)
    raise ModelError(
        f"{where}: holds {len(counted & set(best))} of the encoder's {len(counted)} tensors; "
        f"{missing} is missing. Give weights of this encoder, or write weights: none"
    )


def _by_name(
    stored: dict[str, Tensor], own: dict[str, Tensor], strip: str, add: str
) -> dict[str, Tensor]:
    # timm writes `stages_0` in an encoder for what is `stages.0` in the whole network.
    plain = {name.replace(".", "_"): name for name in own}
    matched = {}
    for name, tensor in stored.items():
        if name.startswith(strip):
            wanted = plain.get((add + name.removeprefix(strip)).replace(".", "_"))
            if wanted is not None:
                matched[wanted] = tensor
    return matched


def _shapes_agree(stored: dict[str, Tensor], own: dict[str, Tensor]) -> bool:
    first = next(iter(own))
    return all(stored[name].shape == own[name].shape for name in own if name != first)


def _fitted(
    name: str,
    stored: Tensor,
    own: Tensor,
    wavelengths: Sequence[float | None],
    model: ModelSettings,
    where: str,
) -> Tensor:
    of_rgb = stored.ndim == 4 and stored.shape[1] == 3 and own.shape[1] == len(wavelengths)
    if of_rgb and stored.shape[0] == own.shape[0] and stored.shape[2:] == own.shape[2:]:
        return carried_kernels(stored, own, wavelengths, model.stem)
    if stored.shape != own.shape:
        raise ModelError(
            f"{where}: {name} is {tuple(stored.shape)}, expected {tuple(own.shape)}; give weights "
            "of this encoder, or write weights: none"
        )
    return stored
