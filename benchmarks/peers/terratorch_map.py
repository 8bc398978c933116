"""A class map by TerraTorch: `tiled_inference` at its defaults."""

from __future__ import annotations

from running import facts, normalised, tell, unet

asked = facts()

import rasterio  # noqa: E402
import torch  # noqa: E402
from terratorch.tasks.tiled_inference import tiled_inference  # noqa: E402

network = unet(asked)


def work() -> None:
    with rasterio.open(asked["scene"]) as source:
        values = torch.from_numpy(source.read().astype("float32"))[None]
        profile = source.profile
    logits = tiled_inference(network, normalised(values, asked))
    profile.update(count=1, dtype="uint8", nodata=255)
    with rasterio.open(asked["out"], "w", **profile) as out:
        out.write(logits.argmax(1)[0].to(torch.uint8).numpy(), 1)


tell(work, asked, "terratorch", "segmentation-models-pytorch")
