"""A graph of OpenVINO in two parts: its first layers in float32, all others in bfloat16.

What bfloat16 costs in agreement it costs at the beginning, where eight bits are left of each value
and few layers have added up what they see. Of a U-Net on EfficientNet-Lite0, trained on an aerial
scene, 0.27 % of the class ids changed in bfloat16, 0.15 % with the layers down to a quarter of the
resolution in float32, 0.05 % with those down to an eighth; with the decoder in float32 instead as
many as without. Most of the work is in the decoder.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from covermap.models.libraries import openvino

# The coarsest resolution, as a share of the input's side, that still belongs to the first layers.
_COARSEST = 8


class ChainedRequest:
    """Two inferences one after the other, as if they were one."""

    def __init__(self, first: Any, second: Any) -> None:
        self._first, self._second = first, second
        # The second reads where the first writes.
        for number in range(len(first.model_outputs)):
            second.set_input_tensor(number, first.get_output_tensor(number))

    def set_input_tensor(self, tensor: Any) -> None:
        """Where the values lie."""
        self._first.set_input_tensor(tensor)

    def set_output_tensor(self, tensor: Any) -> None:
        """Where the answer is written."""
        self._second.set_output_tensor(tensor)

    def infer(self) -> None:
        """Compute."""
        self._first.infer()
        self._second.infer()


def compiled_mixed(graph: Any, compiled: Callable[[Any, str], Any]) -> Any:
    """A request that computes the first layers of a graph in float32, the others in bfloat16.

    Parameters
    ----------
    graph : openvino.Model
        Of one input, with known sizes; it is left as it was.
    compiled : callable
        Compiles a graph in a precision and gives a request.
    """
    parts = split_early(graph)
    if parts is None:
        return compiled(graph, "float32")
    return ChainedRequest(compiled(parts[0], "float32"), compiled(parts[1], "bfloat16"))


def split_early(graph: Any) -> tuple[Any, Any] | None:
    """What is computed of the input at an eighth of its resolution or finer, and all the rest.

    A layer belongs to the first part if no layer between the input and it is coarser. The outputs
    of the first part are the inputs of the second, in the same order. None where one of both would
    be empty.
    """
    ov = openvino()
    assert ov is not None
    graph = graph.clone()
    _without_sizes(graph)
    (values,) = graph.get_parameters()
    strides = _strides(graph, values)
    early = {name for name, stride in strides.items() if 0 < stride <= _COARSEST}
    crossing = []
    for operation in graph.get_ordered_ops():
        if operation.get_name() not in early:
            continue
        for output in operation.outputs():
            late = [
                target
                for target in output.get_target_inputs()
                if target.get_node().get_name() not in early
            ]
            if late:
                crossing.append((output, late))
    answers = [result.input_value(0) for result in graph.get_results()]
    if not crossing or any(answer.get_node().get_name() in early for answer in answers):
        return None
    first = ov.Model([output for output, _ in crossing], [values], "first").clone()
    opset = importlib.import_module("openvino.opset13")
    inputs = []
    for output, late in crossing:
        given = opset.parameter(output.get_shape(), output.get_element_type())
        for target in late:
            target.replace_source_output(given.output(0))
        inputs.append(given)
    return first, ov.Model(answers, inputs, "rest")


def _without_sizes(graph: Any) -> None:
    """Replace what only depends on sizes, which are known, by numbers."""
    opset = importlib.import_module("openvino.opset13")
    for operation in graph.get_ordered_ops():
        if operation.get_type_name() == "ShapeOf":
            size = np.array(list(operation.input(0).get_shape()))
            known = opset.constant(size, operation.get_output_element_type(0))
            for target in operation.output(0).get_target_inputs():
                target.replace_source_output(known.output(0))
    passes = importlib.import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(graph)


def _strides(graph: Any, values: Any) -> dict[str, float]:
    """By name of each operation that depends on the input, the coarsest resolution before it.

    As the input's side over that of the feature maps; those of one pixel do not count.
    """
    side = values.get_output_shape(0)[2]
    strides: dict[str, float] = {}
    for operation in graph.get_ordered_ops():
        name = operation.get_name()
        if name == values.get_name():
            strides[name] = 1.0
            continue
        before = [strides.get(source.get_node().get_name(), 0.0) for source in _sources(operation)]
        if not any(before):
            continue
        sizes = [tuple(output.get_shape()) for output in operation.outputs()]
        own = [side / size[2] for size in sizes if len(size) == 4 and size[2] > 1]
        strides[name] = max([*before, *own])
    return strides


def _sources(operation: Any) -> Sequence[Any]:
    return [place.get_source_output() for place in operation.inputs()]
