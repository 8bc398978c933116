"""What the peers' scripts share; it knows nothing of covermap and runs in their environment.

    python NAME_map.py FACTS.json

FACTS.json says `scene`, `weights` (state dict of a U-Net by segmentation-models-pytorch),
`encoder`, `classes`, `multiply` and `add` (by band: what makes the network's input of the file's
numbers), `out`, and `tuned`. The last line on standard output is JSON: seconds from the open file
to the finished one (imports and weights apart), peak memory, versions.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Parameters of mallopt(3): keep freed memory, as covermap does.
_MALLOPT = ((-3, 2**30), (-1, 2**30), (-2, 64 * 2**20))
_kept: list[Any] = []


def facts() -> dict[str, Any]:
    """What is asked for; the allocator is tuned and torchvision made to import before anything."""
    asked = dict(json.loads(Path(sys.argv[1]).read_text()))
    if asked["tuned"]:
        for parameter, value in _MALLOPT:
            ctypes.CDLL(None).mallopt(parameter, value)
    _repair_torchvision()
    return asked


def tell(work: Callable[[], Any], asked: dict[str, Any], *packages: str) -> None:
    """Do the work and print what it took."""
    import torch

    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    found = {
        "seconds": seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in (*packages, "torch")},
    }
    print(json.dumps(found))


def unet(asked: dict[str, Any]) -> Any:
    """The network in evaluation mode, as segmentation-models-pytorch builds it."""
    import segmentation_models_pytorch as smp
    import torch

    network = smp.Unet(
        encoder_name=asked["encoder"],
        encoder_weights=None,
        in_channels=len(asked["multiply"]),
        classes=asked["classes"],
    )
    network.load_state_dict(torch.load(asked["weights"], weights_only=True))
    return network.eval()


def normalised(values: Any, asked: dict[str, Any]) -> Any:
    """Values (..., C, H, W), a float tensor, as the network wants them."""
    import torch

    multiply, add = (torch.tensor(asked[key])[:, None, None] for key in ("multiply", "add"))
    return values * multiply + add


def _repair_torchvision() -> None:
    """Beside a CPU build of torch the operators of torchvision's published wheel do not load."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)
