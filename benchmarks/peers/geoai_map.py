"""A class map by geoai: `semantic_segmentation` at its defaults.

It divides every number by 255 before the network: the weights that it gets take that into account.
"""

from __future__ import annotations

from pathlib import Path

from running import facts, tell

asked = facts()

import torch  # noqa: E402
from geoai.train import semantic_segmentation  # noqa: E402


def folded() -> str:
    """Weights whose first convolution takes DN / 255, and where they lie."""
    weights = torch.load(asked["weights"], weights_only=True)
    kernel = weights["encoder.conv1.weight"]
    multiply, add = (torch.tensor(asked[key])[None, :, None, None] for key in ("multiply", "add"))
    # What is added to the input is added to each output of the convolution: taken off its mean.
    weights["encoder.bn1.running_mean"] -= (kernel * add).sum(dim=(1, 2, 3))
    weights["encoder.conv1.weight"] = kernel * multiply * 255
    path = Path(asked["weights"]).with_suffix(".geoai.pt")
    torch.save(weights, path)
    return str(path)


weights = folded()


def work() -> None:
    semantic_segmentation(
        asked["scene"],
        asked["out"],
        weights,
        architecture="unet",
        encoder_name=asked["encoder"],
        num_channels=len(asked["multiply"]),
        num_classes=asked["classes"],
    )


tell(work, asked, "geoai-py", "segmentation-models-pytorch")
