"""Predictors whose answer is known for every pixel, and bundles to go with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from covermap.bundle.facts import Bundle, Channel
from covermap.core.legend import Legend
from covermap.mapping.predictor import Predictor
from covermap.mapping.tiles import TilePlan


def tiny_bundle(
    bands: tuple[str, ...] = ("B02", "B03"),
    names: tuple[str, ...] = ("water", "forest", "urban"),
    first_id: int = 0,
    mean: float = 0.0,
    std: float = 1.0,
    sees_everything: bool = False,
) -> Bundle:
    """A bundle with as much as the engine asks for."""
    return Bundle(
        task="segmentation",
        model={"name": "unet"},
        channels=tuple(Channel(band, "reflectance", None, mean, std, -1, 1) for band in bands),
        resolution_m=10.0,
        legend=Legend.of({first_id + number: name for number, name in enumerate(names)}),
        chip_size=64,
        receptive_radius=8,
        min_dates=None,
        imagery={},
        trained_on={},
        scores={},
        versions={},
        sees_everything=sees_everything,
    )


@dataclass
class Constant:
    """The same probabilities everywhere; counts what it is asked."""

    shares: tuple[float, ...] = (0.2, 0.5, 0.3)
    stride: int = 4
    halo: int = 6
    engine: str = "oracle"
    precision: str = "float32"
    pixel_bytes: int = 0
    dtype: str = "float32"
    tiles: int = 0
    fail_at: int | None = None
    seen: list[np.ndarray] = field(default_factory=list)

    @property
    def classes(self) -> int:
        return len(self.shares)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        self.tiles += len(values)
        self.seen.append(values)
        if self.fail_at is not None and self.tiles >= self.fail_at:
            raise KeyboardInterrupt
        shape = (len(values), self.classes, *values.shape[2:])
        planes = np.array(self.shares, self.dtype)[None, :, None, None]
        return np.broadcast_to(planes, shape).copy()


@dataclass
class Echo(Constant):
    """The first band says the class: value k is class k for certain."""

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        super().probabilities(values)
        planes = [np.rint(values[:, 0]) == number for number in range(self.classes)]
        return np.stack(planes, axis=1).astype(self.dtype)


class Convolutions:
    """A small real network with pooling: sees 10 px, repeats itself under shifts by 4."""

    stride, engine, precision, pixel_bytes = 4, "oracle", "float32", 100

    def __init__(self, bands: int = 2, classes: int = 3, halo: int = 12, seed: int = 0) -> None:
        import torch
        from torch import nn

        self.classes, self.halo = classes, halo
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = nn.Sequential(
                nn.Conv2d(bands, 8, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(4),
                nn.Conv2d(8, 8, 3, padding=1),
                nn.ReLU(),
                nn.Upsample(scale_factor=4, mode="nearest"),
                nn.Conv2d(8, classes, 3, padding=1),
            ).eval()
        # Decided answers, so that an argmax does not hang on rounding.
        with torch.no_grad():
            self.network[-1].weight.mul_(20)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            logits = self.network(torch.from_numpy(np.ascontiguousarray(values)))
            return torch.softmax(logits, dim=1).numpy()


def in_one_pass(
    predictor: Predictor, values: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities (K, H, W) of a whole scene (C, H, W), normalised, filled up to the stride."""
    height, width = values.shape[1:]
    if valid is not None:
        values = np.where(valid, values, 0)
    padded = np.pad(values, ((0, 0), *((0, -size % predictor.stride) for size in (height, width))))
    whole = predictor.probabilities(padded[None].astype(np.float32))[0]
    return whole[:, :height, :width]


def blended(plan: TilePlan, predictor: Constant | Convolutions, values: np.ndarray) -> np.ndarray:
    """Probabilities (K, H, W) of a scene by tiles, without files."""
    from covermap.mapping.blending import Blender

    height, width = values.shape[1:]
    result = np.full((predictor.classes, height, width), np.nan, np.float32)
    room = 2 * max(*plan.tile_shape)
    padded = np.pad(values, ((0, 0), (room, room), (room, room)))
    blender = Blender(plan, predictor.classes)
    for row in range(plan.rows.count):
        blender.begin_row()
        for col in range(plan.cols.count):
            read = plan.read_window(row, col)
            cut = padded[
                :,
                read.row_off + room : read.row_stop + room,
                read.col_off + room : read.col_stop + room,
            ]
            total = blender.add(row, col, predictor.probabilities(cut[None])[0])
            done = plan.completed_window(row, col)
            for r in range(max(0, done.row_off), min(height, done.row_stop)):
                c0, c1 = max(0, done.col_off), min(width, done.col_stop)
                if c1 > c0:
                    result[:, r, c0:c1] = total[
                        :, r - done.row_off, c0 - done.col_off : c1 - done.col_off
                    ]
    return result
