"""Trained networks on every engine and precision, by encoder and tile size: rate and agreement.

    .venv/bin/python benchmarks/forward.py [--quick] [--json FILE] [--work FOLDER] [--repeats 3]
        [--networks unet-resnet18,segformer-b0,...] [--engines openvino-bfloat16,...]
        [--tiles 256,512,1024,1536] [--seconds 3]

Each network learns a generated world for a minute, so that its classes are sure; its weights are
kept in --work. A rate is that of the network with its softmax on tiles of another part of that
world: engines take turns, the median counts. Agreement is the share of class ids equal to those of
torch in float32 on the same tiles. The first network is measured at all tile sizes, the others at
1024 px. Each network has a process of its own. Engines compute what `models.folding` makes of the
network, as maps do, but for 8-bit integers and where `unfolded` is said. `--quick` shows that
everything runs: its figures mean nothing.

JSON: `networks.<name>` with `parameters`, `accuracy` (of the world's pixels, in float32) and
`engines.<engine>`: `mpx_s`, `agreement`, `compile_seconds`; `tiles.<engine>.<side>` in Mpx/s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mapping.ground import Ground

# Of segmentation-models-pytorch: architecture, encoder, and what else it is told.
NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "unet-resnet18": ("Unet", "resnet18", {}),
    "unet-efficientnet-lite0": ("Unet", "tu-tf_efficientnet_lite0", {}),
    "unet-efficientnet-b0": ("Unet", "efficientnet-b0", {}),
    "unet-mobilenetv3-large": ("Unet", "tu-mobilenetv3_large_100", {}),
    "unet-mobilenetv3-small": ("Unet", "tu-mobilenetv3_small_100", {}),
    "unet-mobilenetv3-small-narrow": (
        "Unet",
        "tu-mobilenetv3_small_100",
        {"decoder_channels": (128, 64, 32, 16, 8)},
    ),
    "unet-efficientnet-lite0-narrow": (
        "Unet",
        "tu-tf_efficientnet_lite0",
        {"decoder_channels": (128, 64, 32, 16, 8)},
    ),
    "segformer-b0": ("Segformer", "mit_b0", {}),
}
ENGINES = (
    "torch-float32",
    "torch-bfloat16",
    "openvino-float32",
    "openvino-bfloat16",
    "openvino-int8",
    "openvino-bfloat16-unfolded",
)
_CLASSES, _CHANNELS = 5, 4
_SIDE, _PLACES = 1024, 2
_CHIP, _BATCH, _STEPS = 128, 8, 250
_CALIBRATION_CHIPS = 16


def main() -> None:
    asked = parsed()
    if asked.one:
        print(json.dumps(one(asked)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        asked.work = (asked.work or Path(scratch)).resolve()
        Ground(asked.work, asked.quick).world()
        report: dict[str, Any] = {"networks": {}, "tiles": {}}
        for number, name in enumerate(asked.networks):
            found = in_a_process(asked, name, tiles=number == 0)
            report["tiles"] |= found.pop("tiles")
            report["networks"][name] = found
            print(told(name, found), flush=True)
    for engine, rates in report["tiles"].items():
        shown = "  ".join(f"{side} px {rate:.2f}" for side, rate in rates.items())
        print(f"{asked.networks[0]} {engine}: {shown}")
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="Small tiles, two networks, once.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", type=Path, help="Keep the world and the weights here.")
    parser.add_argument("--networks", type=lambda text: text.split(","))
    parser.add_argument("--engines", type=lambda text: text.split(","))
    parser.add_argument("--tiles", type=lambda text: [int(side) for side in text.split(",")])
    parser.add_argument("--seconds", type=float, help="Of each measurement.")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.networks = asked.networks or list(NETWORKS)[: 2 if asked.quick else None]
    for name in asked.networks:
        if name not in NETWORKS:
            parser.error(f"--networks: '{name}'; expected of {', '.join(NETWORKS)}")
    asked.engines = asked.engines or list(ENGINES)
    for name in asked.engines:
        if name not in ENGINES:
            parser.error(f"--engines: '{name}'; expected of {', '.join(ENGINES)}")
    asked.tiles = asked.tiles or ([128, 256] if asked.quick else [256, 512, 1024, 1536])
    asked.seconds = asked.seconds or (0.2 if asked.quick else 3.0)
    asked.repeats = asked.repeats or (1 if asked.quick else 3)
    return asked


def in_a_process(asked: argparse.Namespace, name: str, tiles: bool) -> dict[str, Any]:
    sides = [str(side) for side in asked.tiles] if tiles else ["0"]
    words = [
        *("--one", name, "--work", str(asked.work), "--tiles", ",".join(sides)),
        *("--engines", ",".join(asked.engines), "--seconds", str(asked.seconds)),
        *("--repeats", str(asked.repeats), *(["--quick"] if asked.quick else [])),
    ]
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@dataclass(frozen=True)
class World:
    """Normalised values (C, H, W) of a generated world and the truth (H, W), 0..K-1."""

    values: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, folder: Path) -> World:
        import rasterio

        with rasterio.open(folder / "bands.tif") as dataset:
            numbers = dataset.read()
        with rasterio.open(folder / "truth.tif") as dataset:
            truth = dataset.read(1).astype(np.int64) - 1
        seen = (numbers > 0).all(axis=(0, 1))
        values = numbers[:, :, seen].astype(np.float32)
        mean, std = values.mean(axis=(1, 2)), values.std(axis=(1, 2))
        values -= mean[:, None, None]
        values /= std[:, None, None]
        return cls(values, truth[:, seen])

    def places(self, side: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Tiles from the end of the world, of which nothing is learnt: (N, C, H, W), (N, H, W)."""
        height, width = self.truth.shape
        places = [
            (height - side, col * (width - side) // max(1, count - 1)) for col in range(count)
        ]
        rows = [(slice(row, row + side), slice(col, col + side)) for row, col in places]
        values = np.stack([self.values[(slice(None), *place)] for place in rows])
        return values, np.stack([self.truth[place] for place in rows])

    def chips(self, generator: np.random.Generator, count: int, below: int) -> Any:
        """Random chips above a row of the world, values and truth."""
        rows = generator.integers(0, below - _CHIP, count)
        cols = generator.integers(0, self.truth.shape[1] - _CHIP, count)
        places = [
            (slice(row, row + _CHIP), slice(col, col + _CHIP))
            for row, col in zip(rows, cols, strict=True)
        ]
        values = np.stack([self.values[(slice(None), *place)] for place in places])
        return values, np.stack([self.truth[place] for place in places])


def one(asked: argparse.Namespace) -> dict[str, Any]:
    """All engines on one network."""
    from covermap.models.hardware import prepare_cpu

    prepare_cpu()
    import torch

    from covermap.models.folding import folded
    from covermap.models.ranges import activation_ranges

    side = 128 if asked.quick else _SIDE
    world = World.of(Ground(asked.work, asked.quick).world().parent)
    below = world.truth.shape[0] - side
    network = trained(asked, world, below)
    chips = world.chips(np.random.default_rng(1), _CALIBRATION_CHIPS, below)[0]
    ranges = activation_ranges(folded(network, _CHANNELS), chips)
    engines: dict[str, Any] = {}
    compiling: dict[str, float] = {}
    for name in asked.engines:
        begun = time.perf_counter()
        predictor = opened(network, name, ranges)
        if predictor is not None:
            predictor.probabilities(np.zeros((1, _CHANNELS, side, side), np.float32))
            engines[name], compiling[name] = predictor, time.perf_counter() - begun
    values, truth = world.places(side, _PLACES)
    exact = ids_of(opened(network, "torch-float32", ranges), values)
    rates: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(asked.repeats):
        for name, predictor in engines.items():
            rates[name].append(rate(predictor, values[:1], asked.seconds))
    return {
        "parameters": sum(item.numel() for item in network.parameters()),
        "accuracy": float((exact == truth).mean()),
        "threads": torch.get_num_threads(),
        "engines": {
            name: {
                "mpx_s": statistics.median(rates[name]),
                "agreement": float((ids_of(predictor, values) == exact).mean()),
                "compile_seconds": compiling[name],
            }
            for name, predictor in engines.items()
        },
        "tiles": by_tile(asked, engines, world) if asked.tiles != [0] else {},
    }


def by_tile(
    asked: argparse.Namespace, engines: dict[str, Any], world: World
) -> dict[str, dict[str, float]]:
    """Rates by the side of a tile; as many small ones together as make a large one of 512 px."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(asked.repeats):
        for name, predictor in engines.items():
            for side in asked.tiles:
                values = world.places(side, max(1, min(4, 512**2 // side**2)))[0]
                measured = rate(predictor, values, asked.seconds)
                found.setdefault(name, {}).setdefault(str(side), []).append(measured)
    return {
        name: {side: statistics.median(rates) for side, rates in by_side.items()}
        for name, by_side in found.items()
    }


def trained(asked: argparse.Namespace, world: World, below: int) -> Any:
    """The network after a short training above a row of the world, in evaluation mode."""
    import torch

    from covermap.models.libraries import smp

    architecture, encoder, further = NETWORKS[asked.one]
    torch.manual_seed(0)
    network = getattr(smp(), architecture)(
        encoder_name=encoder,
        encoder_weights=None,
        in_channels=_CHANNELS,
        classes=_CLASSES,
        **further,
    )
    path = asked.work / "forward" / f"{asked.one}{'-quick' if asked.quick else ''}.pt"
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()
    generator = np.random.default_rng(0)
    steps = 2 if asked.quick else _STEPS
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    network = network.to(memory_format=torch.channels_last).train()
    for _ in range(steps):
        values, truth = world.chips(generator, _BATCH, below)
        batch = torch.from_numpy(values).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(batch)
        loss = torch.nn.functional.cross_entropy(logits.float(), torch.from_numpy(truth))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    path.parent.mkdir(exist_ok=True)
    torch.save(network.state_dict(), path)
    return network.to(memory_format=torch.contiguous_format).eval()


def opened(network: Any, name: str, ranges: Any) -> Any:
    """A predictor on an engine; None, and told why, where that cannot compute the network."""
    import copy

    from covermap.core.errors import ModelError
    from covermap.mapping.openvino_predictor import OpenvinoPredictor
    from covermap.mapping.predictor import TorchPredictor
    from covermap.models.folding import folded

    engine, precision, *unfolded = name.split("-")
    if not unfolded:
        network = folded(network, _CHANNELS)
    try:
        if engine == "torch":
            return TorchPredictor(copy.deepcopy(network), _CLASSES, 0, precision)
        return OpenvinoPredictor(network, _CHANNELS, _CLASSES, 0, precision, ranges=ranges)
    except ModelError as error:
        print(f"{name} is left out ({error})", file=sys.stderr)
        return None


def rate(predictor: Any, values: np.ndarray, seconds: float) -> float:
    """Mpx/s after one call that is not counted."""
    predictor.probabilities(values)
    count, begun = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - begun < seconds:
        predictor.probabilities(values)
        count += 1
    pixels = count * values.shape[0] * values.shape[2] * values.shape[3]
    return pixels / 1e6 / (time.perf_counter() - begun)


def ids_of(predictor: Any, values: np.ndarray) -> np.ndarray:
    """Positions of the most probable class, (N, H, W)."""
    return np.stack([predictor.probabilities(tile[None])[0].argmax(axis=0) for tile in values])


def told(name: str, found: dict[str, Any]) -> str:
    head = (
        f"{name} ({found['parameters'] / 1e6:.1f} M parameters, accuracy {found['accuracy']:.3f})"
    )
    lines = [
        f"    {engine:<18} {figures['mpx_s']:6.2f} Mpx/s  agreement {figures['agreement']:.3%}  "
        f"compiled in {figures['compile_seconds']:.1f} s"
        for engine, figures in found["engines"].items()
    ]
    return "\n".join([head, *lines])


if __name__ == "__main__":
    main()
