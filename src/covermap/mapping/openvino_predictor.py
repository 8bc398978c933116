"""A network computed by OpenVINO on the processor."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from covermap.core.errors import ModelError
from covermap.mapping.mixed_graph import compiled_mixed
from covermap.mapping.quantisation import quantise
from covermap.mapping.settings import TILE_MULTIPLE
from covermap.models.libraries import openvino

if TYPE_CHECKING:
    import torch

# Of the memory in float32, measured on U-Nets with EfficientNet-Lite0 and ResNet-18 at 2,048 px:
# 0.66 and 0.67; `mixed` is two graphs that hold their tensors, 1.8 and 1.6.
_MEMORY = {"bfloat16": 0.7, "mixed": 1.8}
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
_CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "mixed": "BF16", "int8": "INT8"}
# Tiles, and tiles turned by a quarter.
_COMPILED_SHAPES = 2
_TRACED_SIDE = 2 * TILE_MULTIPLE
_TOLERANCE = 1e-3


class OpenvinoPredictor:
    """A network with softmax as one graph, compiled for the tiles that it meets.

    Parameters
    ----------
    network : torch.nn.Module
        In float32 on the CPU; gives logits (N, K, H, W).
    channels, classes : int
    halo : int
        Receptive radius in pixels.
    precision : str
        Arithmetic inside the graph; with `int8` only decoders compute in integers, see
        `mapping.quantisation`, with `mixed` the first layers in float32, see `mapping.mixed_graph`.
    pixel_bytes : int
        Bytes of activations in float32 for each pixel of a tile.
    ranges : mapping, optional
        Of the convolutions' inputs by module name, for `int8`; see `models.ranges`.
    temperature : float
        What logits are divided by, inside the graph.

    Raises
    ------
    ModelError
        OpenVINO is not installed, does not compute in that precision here, or cannot follow the
        network.
    """

    stride = TILE_MULTIPLE
    engine = "openvino"

    def __init__(
        self,
        network: torch.nn.Module,
        channels: int,
        classes: int,
        halo: int,
        precision: Literal["float32", "bfloat16", "mixed", "int8"] = "float32",
        pixel_bytes: int = 0,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        temperature: float = 1.0,
    ) -> None:
        if not openvino_computes(precision):
            raise ModelError(_cannot(precision))
        self.classes, self.halo, self.precision = classes, halo, precision
        self.pixel_bytes = int(pixel_bytes * _MEMORY.get(precision, 1.0))
        self._graph = _converted(network, channels, temperature, precision == "int8")
        if precision == "int8":
            quantise(self._graph, ranges or {})
        self._requests: dict[tuple[int, ...], Any] = {}

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        ov = openvino()
        assert ov is not None
        values = np.ascontiguousarray(values, dtype=np.float32)
        request = self._request(values.shape)
        # The answer is written where the caller keeps it: no copy, and free for the next tile.
        shares = np.empty((len(values), self.classes, *values.shape[2:]), np.float32)
        request.set_input_tensor(ov.Tensor(values, shared_memory=True))
        request.set_output_tensor(ov.Tensor(shares, shared_memory=True))
        request.infer()
        return shares

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._requests:
            while len(self._requests) >= _COMPILED_SHAPES:
                # What is compiled holds the memory of its activations.
                self._requests.pop(next(iter(self._requests)))
            self._graph.reshape(list(shape))
            self._requests[shape] = _compiled(self._graph, self.precision)
        return self._requests[shape]


def openvino_computes(precision: str) -> bool:
    """Whether OpenVINO is here and the processor computes in a precision by itself."""
    ov = openvino()
    if ov is None:
        return False
    return _CAPABILITIES[precision] in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _cannot(precision: str) -> str:
    if openvino() is None:
        return (
            "engine: openvino is not installed (there are builds for x86-64 and arm64); install it "
            "(pip install openvino), or choose --engine torch"
        )
    return (
        f"precision: {precision} is not computed by this processor; choose --precision float32, "
        "or auto"
    )


def _converted(network: torch.nn.Module, channels: int, temperature: float, named: bool) -> Any:
    """The network with softmax as a graph of OpenVINO, for any size of picture.

    With `named` every operation keeps the name of its module.
    """
    import torch

    from covermap.models.decoding import class_probabilities

    class WithSoftmax(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return class_probabilities(self.network(values), temperature)

    ov = openvino()
    assert ov is not None
    module = WithSoftmax().eval()
    example = torch.zeros(1, channels, _TRACED_SIDE, _TRACED_SIDE)
    # The tracer warns of every shape that a network looks at; what matters is compared below.
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        try:
            if named:
                graph = _with_names(module, example)
            else:
                graph = ov.convert_model(module, example_input=example)
        except Exception as error:
            raise ModelError(_not_followed(str(error).splitlines()[0])) from None
        _compare(graph, module, channels)
    return graph


def _with_names(module: torch.nn.Module, example: torch.Tensor) -> Any:
    """The graph as OpenVINO's front end gives it.

    `convert_model` folds batch norms into convolutions at once and gives those new names.
    """
    import importlib

    decoding = importlib.import_module("openvino.frontend.pytorch.ts_decoder")
    frontend = importlib.import_module("openvino.frontend").FrontEndManager()
    pytorch = frontend.load_by_framework("pytorch")
    # The front end reads from the decoder while it converts: it must live as long.
    decoder = decoding.TorchScriptPythonDecoder(module, example_input=example)
    return pytorch.convert(pytorch.load(decoder))


def _compare(graph: Any, module: torch.nn.Module, channels: int) -> None:
    """Make sure that the graph follows the network at a size that it was not traced with."""
    import torch

    shape = (1, channels, 2 * _TRACED_SIDE, 3 * _TRACED_SIDE)
    picture = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    expected = module(picture).numpy()
    try:
        graph.reshape(list(shape))
        request = _compiled(graph, "float32")
        found = next(iter(request.infer([picture.numpy()]).values()))
    except RuntimeError as error:
        raise ModelError(_not_followed(str(error).splitlines()[0])) from None
    if found.shape != expected.shape or not np.abs(found - expected).max() < _TOLERANCE:
        raise ModelError(_not_followed("its answers differ from those of torch"))


def _not_followed(reason: str) -> str:
    return (
        f"engine: openvino cannot compute this network ({reason}); choose --engine torch, or auto"
    )


def _compiled(graph: Any, precision: str) -> Any:
    import torch

    if precision == "mixed":
        return compiled_mixed(graph, _compiled)
    ov = openvino()
    assert ov is not None
    hints = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        # Pinned threads of several processes would share one core and leave others idle.
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(graph, "CPU", hints).create_infer_request()
