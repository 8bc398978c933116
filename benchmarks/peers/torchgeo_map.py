"""A class map by TorchGeo: the loop of its tutorials, whose grid of chips does not overlap."""

from __future__ import annotations

from pathlib import Path

from running import facts, normalised, tell, unet

asked = facts()

import rasterio  # noqa: E402
import torch  # noqa: E402
from rasterio.windows import Window  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from torchgeo.datasets import RasterDataset, stack_samples  # noqa: E402
from torchgeo.samplers import GridGeoSampler  # noqa: E402

# As in the tutorial "Earth Surface Water".
SIZE, BATCH = 512, 4

network = unet(asked)


class Scene(RasterDataset):
    """One file of several bands."""

    filename_glob = Path(asked["scene"]).name


def transforms(sample: dict) -> dict:
    sample["image"] = normalised(sample["image"], asked)
    return sample


def work() -> None:
    dataset = Scene(asked["scene"], transforms=transforms)
    sampler = GridGeoSampler(dataset, size=SIZE, stride=SIZE)
    loader = DataLoader(dataset, batch_size=BATCH, sampler=sampler, collate_fn=stack_samples)
    with rasterio.open(asked["scene"]) as source:
        profile, transform = source.profile, source.transform
    profile.update(count=1, dtype="uint8", nodata=255)
    with rasterio.open(asked["out"], "w", **profile) as out, torch.inference_mode():
        for batch in loader:
            classes = network(batch["image"]).argmax(1).to(torch.uint8).numpy()
            for bounds, ids in zip(batch["bounds"], classes, strict=True):
                col, row = ~transform * (bounds[0].start, bounds[1].stop)
                col, row = round(col), round(row)
                height, width = min(SIZE, out.height - row), min(SIZE, out.width - col)
                out.write(ids[:height, :width], 1, window=Window(col, row, width, height))


tell(work, asked, "torchgeo", "segmentation-models-pytorch")
