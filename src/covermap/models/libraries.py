"""The one gate to torchvision and what is built on it (smp, timm, lightning), and to OpenVINO.

A CPU build of torch beside torchvision's published wheel (a CUDA build) cannot load torchvision's
compiled operators; `import torchvision` then fails, and with it every library that imports it. The
gate mends that before the first of them is imported, and quiets what they print unasked.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

_MISSING_OPERATOR = "operator torchvision::nms does not exist"
_OPERATORS = ("nms", "qnms")


@lru_cache(maxsize=1)
def smp() -> Any:
    """The module `segmentation_models_pytorch`."""
    load_torchvision()
    return importlib.import_module("segmentation_models_pytorch")


@lru_cache(maxsize=1)
def timm() -> Any:
    """The module `timm`."""
    load_torchvision()
    return importlib.import_module("timm")


@lru_cache(maxsize=1)
def lightning() -> Any:
    """The module `lightning.pytorch`, without its advice and device banners."""
    load_torchvision()
    module = importlib.import_module("lightning.pytorch")
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return module


@lru_cache(maxsize=1)
def openvino() -> Any | None:
    """The module `openvino`, or None where it is not installed.

    Its companion `openvino_telemetry` reports each import to its makers unless somebody opted out;
    here it is never loaded, and OpenVINO goes on without it.
    """
    if "openvino_telemetry" not in sys.modules:
        # None makes an import fail; OpenVINO then takes its own silent stand-in.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    except ImportError:
        return None


@lru_cache(maxsize=1)
def load_torchvision() -> ModuleType:
    """Import torchvision, mending a CUDA build beside a CPU build of torch.

    Raises
    ------
    ImportError
        torchvision is not installed.
    RuntimeError
        It fails to load for another reason than its missing operators.
    """
    return import_mended(importlib.import_module)


def import_mended(import_module: Callable[[str], ModuleType]) -> ModuleType:
    """Import torchvision with `import_module`; where its operators are missing, declare them.

    Only the declarations are supplied: networks and transforms in plain Python work, calling
    `torchvision.ops.nms` does not. Nothing here calls it.
    """
    try:
        return import_module("torchvision")
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error):
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_operators()
    return import_module("torchvision")


@lru_cache(maxsize=1)
def _declare_operators() -> Any:
    import torch

    # The declarations live as long as this object; the cache keeps it.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
