"""Engines that compute a bundle's model, and how one of them is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import FOREST_FILE, read_forest, read_ranges
from covermap.core.errors import ModelError
from covermap.mapping.chip_predictor import open_task_predictor
from covermap.mapping.openvino_predictor import OpenvinoPredictor, openvino_computes
from covermap.mapping.predictor import ForestPredictor, Precision, Predictor, TorchPredictor
from covermap.mapping.settings import EngineName, PrecisionName
from covermap.mapping.tta import AveragingPredictor
from covermap.models.forest import forest_from_bytes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Engine:
    """What computes a model and in which arithmetic.

    Attributes
    ----------
    name : str
        `torch`, `openvino`, or `forest` where the bundle is one.
    precision : str
        `float32`, `bfloat16`, `mixed` or `int8`.
    """

    name: str
    precision: str

    @property
    def told(self) -> str:
        """Examples: `OpenVINO in bfloat16`, `torch in float32`."""
        arithmetic = _SPELT.get(self.precision, self.precision)
        return f"{_SPELT.get(self.name, self.name)} in {arithmetic}"


_SPELT = {
    "openvino": "OpenVINO",
    "forest": "random forest",
    "mixed": "bfloat16 with its first layers in float32",
}
OPENVINO_ALONE = ("mixed", "int8")
_HALF = ("bfloat16", "mixed")
REFERENCE = Engine("torch", "float32")
FOREST = Engine("forest", "float32")


@dataclass(frozen=True)
class Workshop:
    """A bundle's network, loaded once, from which predictors on several engines are made.

    Attributes
    ----------
    bundle : Bundle
    network : torch.nn.Module
        As it was trained.
    folded : torch.nn.Module
        The same in fewer operations, see `models.folding`.
    pixel_bytes, compiled_bytes : int
        Bytes of activations in float32 for each pixel, of the network on torch and of the folded
        one as OpenVINO compiles it.
    ranges : dict
        Of the inputs of the folded network's convolutions, for int8; empty where the bundle has
        none.
    """

    bundle: Bundle
    network: nn.Module
    folded: nn.Module
    pixel_bytes: int
    compiled_bytes: int
    ranges: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, bundle: Bundle) -> Workshop:
        from covermap.models.folding import folded
        from covermap.models.footprint import activation_bytes
        from covermap.models.hardware import prepare_cpu
        from covermap.models.loading import load_network

        prepare_cpu()
        network, channels = load_network(bundle), len(bundle.channels)
        fewer = folded(network, channels)
        memory = activation_bytes(network, channels)
        compiled = activation_bytes(fewer, channels, fused=True)
        return cls(bundle, network, fewer, memory, compiled, read_ranges(bundle))

    def predictor(self, engine: Engine) -> Predictor:
        """The network on an engine; each predictor has weights of its own where it changes them.

        Raises
        ------
        ModelError
            The engine is not here or cannot compute this network.
        """
        import copy

        import torch

        classes, halo = len(self.bundle.legend), self.bundle.receptive_radius
        if engine.name == "openvino":
            precision = cast(Literal["float32", "bfloat16", "mixed", "int8"], engine.precision)
            if precision == "int8" and not self.ranges:
                raise ModelError(
                    f"precision: int8: {self.bundle.folder} does not hold the ranges that it needs "
                    "(ranges.json); train again, or choose --precision float32"
                )
            return OpenvinoPredictor(
                self.folded,
                len(self.bundle.channels),
                classes,
                halo,
                precision,
                self.compiled_bytes,
                self.ranges,
                self.bundle.divisor,
            )
        if engine.precision in OPENVINO_ALONE:
            raise ModelError(
                f"precision: {engine.precision} is computed by OpenVINO alone; choose --engine "
                "openvino, or auto"
            )
        on_gpu = torch.cuda.is_available()
        return TorchPredictor(
            # On a GPU that the folded one is quicker was not measured.
            copy.deepcopy(self.network if on_gpu else self.folded),
            classes,
            halo,
            cast(Precision, engine.precision),
            "cuda" if on_gpu else "cpu",
            self.pixel_bytes,
            self.bundle.divisor,
        )


def open_predictor(
    bundle: Bundle, precision: PrecisionName = "auto", engine: EngineName = "auto"
) -> Predictor:
    """The model of a bundle on an engine, nothing measured: `auto` is torch, and float32."""
    chosen = Engine(
        REFERENCE.name if engine == "auto" else engine,
        REFERENCE.precision if precision == "auto" else precision,
    )
    return opened(bundle, chosen)


def opened(bundle: Bundle, engine: Engine, tta: bool = False) -> Predictor:
    """The model of a bundle on an engine; a forest whatever the engine.

    Raises
    ------
    ModelError
        The engine is not here or cannot compute this network.
    """
    predictor: Predictor
    if bundle.task != "segmentation":
        predictor = open_task_predictor(bundle, engine.precision)
    elif bundle.is_forest:
        window = int(bundle.model.get("window", 1))
        forest = forest_from_bytes(
            read_forest(bundle), len(bundle.legend), window, f"{bundle.folder}/{FOREST_FILE}"
        )
        predictor = ForestPredictor(forest, len(bundle.channels))
    else:
        predictor = Workshop.of(bundle).predictor(engine)
    return AveragingPredictor(predictor) if tta else predictor


def is_here(engine: Engine) -> bool:
    """Whether an engine can be used on this machine at all."""
    return engine.name != "openvino" or openvino_computes(engine.precision)


def engines_here(engine: EngineName, precision: PrecisionName, with_int8: bool) -> list[Engine]:
    """What may be compared on this machine, given what the user asks for; the surest first.

    bfloat16 only where the hardware computes it. On a GPU torch alone: OpenVINO is for processors.

    Parameters
    ----------
    engine, precision : str
        As in `MapSettings`.
    with_int8 : bool
        Whether the bundle holds what 8-bit integers need.
    """
    import torch

    from covermap.models.hardware import bfloat16_pays

    names = ("torch", "openvino") if engine == "auto" else (engine,)
    if torch.cuda.is_available() and engine == "auto":
        names = ("torch",)
    every = ("float32", "bfloat16", "mixed", *(["int8"] if with_int8 else []))
    precisions = every if precision == "auto" else (precision,)
    return [
        candidate
        for candidate in (Engine(name, way) for way in precisions for name in names)
        if is_here(candidate)
        and (candidate.precision not in OPENVINO_ALONE or candidate.name == "openvino")
        and (candidate.precision not in _HALF or precision != "auto" or bfloat16_pays())
    ]


def engine_from(noted: Any) -> Engine | None:
    """An engine noted in a file as `{"engine": ..., "precision": ...}`, or None."""
    if isinstance(noted, dict) and {"engine", "precision"} <= set(noted):
        return Engine(str(noted["engine"]), str(noted["precision"]))
    return None
