"""A graph of OpenVINO whose decoder computes in 8-bit integers.

Most of the work of a U-Net is in its decoder, and most of what 8-bit integers cost in agreement
they cost in the encoder. Of a U-Net on EfficientNet-Lite0 trained on a generated world 99.21 % of
the class ids stayed with all but the first and last layer in integers, 99.94 % with the decoder
alone, which was 1.7 times as fast as all in float32 (all in integers: 1.8 times).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from covermap.core.errors import ModelError
from covermap.models.hardware import eight_bits_overflow
from covermap.models.libraries import openvino

# The axes of weights that are not outputs: convolutions have (outputs, inputs, rows, columns),
# grouped ones (groups, outputs, inputs, ...), transposed ones (inputs, outputs, ...).
_REDUCED = {
    "Convolution": (1, 2, 3),
    "GroupConvolution": (2, 3, 4),
    "ConvolutionBackpropData": (0, 2, 3),
}
_DECODER = "decoder"
_INPUT_LEVELS, _WEIGHT_LEVELS = 256, 255
# 255 x 63 + 255 x 63 is below 2**15, with 127 it is not.
_HALF_THE_RANGE = 2.0
# Below it a range is that of a dead layer.
_LEAST_SPAN = 1e-6


def quantise(graph: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Put inputs and weights of a decoder's convolutions on grids of 256 and 255 numbers, in place.

    Of a network without a part called so, those of all convolutions but the first and the last:
    these are small, and errors of the one reach everything, those of the other the classes
    themselves.

    OpenVINO computes such convolutions in integers (FakeQuantize operations, as its low-precision
    transformations expect them). Weights have a grid for each output channel, symmetric around
    zero; inputs one for all, with zero on the grid (Jacob et al. 2018, section 2.1). Where the
    processor would cut off sums of products, weights take half of their grid: one bit less.

    Parameters
    ----------
    graph : openvino.Model
        Converted from torch, its operations called after modules.
    ranges : mapping
        Name of a convolution in the network to the range of its input, from first to last.

    Raises
    ------
    ModelError
        The ranges are not those of this graph.
    """
    inner = _quantised(ranges)
    grids: dict[tuple[str, int, float, float], Any] = {}
    known: set[str] = set()
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() not in _REDUCED:
            continue
        module = _module_of(operation.get_friendly_name())
        if module not in inner:
            continue
        known.add(module)
        span = inner[module]
        source = operation.input(0).get_source_output()
        key = (source.get_node().get_friendly_name(), source.get_index(), *span)
        if key not in grids:
            grids[key] = _on_grid(source, *_with_zero(*span), _INPUT_LEVELS)
        operation.input(0).replace_source_output(grids[key].output(0))
        _quantise_weights(operation)
    if not inner or known != set(inner):
        raise ModelError(
            f"precision: int8: the bundle's ranges fit {len(known)} of {len(inner)} convolutions "
            "of the network; train again, or choose --precision float32"
        )
    graph.validate_nodes_and_infer_types()


def _quantised(ranges: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    inner = dict(list(ranges.items())[1:-1])
    decoder = {name: span for name, span in inner.items() if name.split(".")[0] == _DECODER}
    return decoder or inner


def _module_of(operation: str) -> str:
    """The module of an operation called `__module.network.<module>/aten::.../Convolution`."""
    return operation.split("/")[0].removeprefix("__module.network.")


def _with_zero(low: float, high: float) -> tuple[float, float]:
    """A range of 256 levels, one of them exactly 0, that covers [low, high]."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = max(high - low, _LEAST_SPAN) / (_INPUT_LEVELS - 1)
    below = round(-low / step)
    return -below * step, (_INPUT_LEVELS - 1 - below) * step


def _quantise_weights(operation: Any) -> None:
    ov = openvino()
    assert ov is not None
    source = operation.input(1).get_source_output()
    folded = ov.Core().compile_model(ov.Model([source], [], "weights"), "CPU", _EXACT)
    weights = next(iter(folded([]).values())).astype(np.float32)
    axes = _REDUCED[operation.get_type_name()]
    largest = np.maximum(np.abs(weights).max(axis=axes, keepdims=True), _LEAST_SPAN)
    if eight_bits_overflow():
        largest *= _HALF_THE_RANGE
    constant = ov.opset13.constant(weights)
    grid = _on_grid(constant.output(0), -largest, largest, _WEIGHT_LEVELS)
    operation.input(1).replace_source_output(grid.output(0))


_EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


def _on_grid(source: Any, low: Any, high: Any, levels: int) -> Any:
    ov = openvino()
    assert ov is not None
    bounds = [ov.opset13.constant(np.asarray(end, np.float32)) for end in (low, high, low, high)]
    return ov.opset13.fake_quantize(source, *bounds, levels)
