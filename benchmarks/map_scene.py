"""A whole scene from file to finished map: rates by engine, memory, seams, agreement.

    .venv/bin/python benchmarks/map_scene.py [--quick] [--json FILE] [--size W[xH]]
        [--bundle FOLDER] [--keep FOLDER] [--repeats N]

The scene is a generated world of four bands in one file; without --bundle a U-Net is trained on a
small one first. Every engine maps the same scene with the same weights, each repeat in a process of
its own, engines taking turns; the median counts. `--quick` only shows that everything runs: its
figures mean nothing. Beside covermap stands a bare loop over tiles in torch float32 as it ships,
without halo, blending or nodata.

At the top of the JSON stand the figures of the fastest engine that agrees; `engines` has all.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_BANDS = "B02,B03,B04,B08"
_ENGINES = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
)
_AGREES = 0.999
_FORWARD_SECONDS = 10.0
_PROJECT = """
imagery: {path: world/bands.tif}
labels: {path: world/labels.gpkg, attribute: cover}
chips: {size: 128}
training: {epochs: %d}
"""


def main() -> None:
    asked = parsed()
    if asked.one:
        print(json.dumps(one(asked)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report = measured(asked, folder.resolve())
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="A small scene, once.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--size", help="Of the scene, W or WxH pixels; 10980 by default.")
    parser.add_argument("--bundle", type=Path, help="Trained on bands " + _BANDS)
    parser.add_argument("--keep", type=Path, help="Keep scene, bundle and maps here.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--scene", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    size = asked.size or ("768" if asked.quick else "10980")
    scene = made_world(folder / "scene", size) / "bands.tif"
    small = made_world(folder / "small", "512" if asked.quick else "2048") / "bands.tif"
    bundle = asked.bundle or trained(folder, epochs=1 if asked.quick else 30)
    here = [engine for engine in _ENGINES if is_here(*engine)]
    repeats = 1 if asked.quick else asked.repeats
    runs: dict[str, list[dict[str, Any]]] = {}
    for _ in range(repeats):
        for engine in here:
            name = "-".join(engine)
            found = in_a_process(asked, name, bundle, scene, folder / f"map-{name}.tif")
            runs.setdefault(name, []).append(found)
    engines = {name: medians(found) for name, found in runs.items()}
    exact = untiled(bundle, small)
    for name, figures in engines.items():
        figures |= agreement(bundle, small, name, exact, folder / f"small-{name}.tif")
        print(told(name, figures), flush=True)
    peers = {"bare_torch_float32_mpx_s": bare_loop(asked, bundle, small)}
    print("  ".join(f"{name} {rate:.2f}" for name, rate in peers.items()))
    agreeing = [n for n in engines if engines[n]["agreement"] >= _AGREES] or ["torch-float32"]
    best = min(agreeing, key=lambda name: engines[name]["seconds"])
    return {**engines[best], "engine": best, "size": size, "engines": engines, "peers": peers}


def made_world(folder: Path, size: str) -> Path:
    options = ["--size", size, "--world-only", "--bands", _BANDS, "--single-file"]
    covermap("demo", "--out", str(folder), *options)
    return folder / "world"


def trained(folder: Path, epochs: int) -> Path:
    made_world(folder / "school", "700")
    project = folder / "school" / "project.yaml"
    project.write_text(_PROJECT % epochs)
    run = folder / "school" / "run"
    covermap("prepare", str(project), "--out", str(run))
    covermap("train", str(project), "--out", str(run))
    return run / "bundle"


def covermap(*words: str) -> None:
    command = [sys.executable, "-c", "from covermap.cli import main; main()", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def is_here(engine: str, precision: str) -> bool:
    """bfloat16 is measured where the hardware computes it."""
    from covermap.mapping.engines import Engine
    from covermap.mapping.engines import is_here as can_be_used
    from covermap.models.hardware import bfloat16_pays

    return can_be_used(Engine(engine, precision)) and (precision != "bfloat16" or bfloat16_pays())


def in_a_process(
    asked: argparse.Namespace, name: str, bundle: Path, scene: Path, out: Path
) -> dict[str, Any]:
    """One map in a process of its own, so that its peak of memory is its own."""
    words = ["--one", name, "--bundle", str(bundle), "--scene", str(scene), "--out", str(out)]
    command = [sys.executable, __file__, *words, *(["--quick"] if asked.quick else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def one(asked: argparse.Namespace) -> dict[str, Any]:
    begun = time.perf_counter()
    from covermap.bundle import read_bundle
    from covermap.imagery.opening import open_scene
    from covermap.mapping.engine import map_scene
    from covermap.mapping.engines import Engine, opened
    from covermap.mapping.settings import MapSettings

    bundle, scene = read_bundle(asked.bundle), open_scene(asked.scene)
    predictor = opened(bundle, Engine(*asked.one.split("-")))
    # Compiling belongs to the preparation: the first tile of another size costs the same again.
    predictor.probabilities(np.zeros((1, len(bundle.channels), 64, 64), np.float32))
    prepared = time.perf_counter() - begun
    begun = time.perf_counter()
    result = map_scene(scene, bundle, predictor, asked.out, MapSettings())
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    useful = result.total_pixels / 1e6 / seconds
    limit = 1.0 if asked.quick else _FORWARD_SECONDS
    forward = forward_rate(predictor, len(bundle.channels), result.tile, limit)
    stages = result.seconds
    return {
        "seconds": seconds,
        "prepare_seconds": prepared,
        "useful_mpx_s": useful,
        "forward_mpx_s": forward,
        "efficiency": useful / forward,
        "peak_mib": peak,
        "tile": list(result.tile),
        "read_seconds": stages.read,
        "forward_seconds": stages.forward,
        "blend_and_write_seconds": stages.blend_and_write,
        "finish_seconds": stages.finish,
    }


def forward_rate(predictor: Any, channels: int, tile: tuple[int, int], seconds: float) -> float:
    """Mpx/s of the network alone on tiles of the map's size."""
    values = np.random.default_rng(0).normal(size=(1, channels, *tile)).astype(np.float32)
    predictor.probabilities(values)
    count, begun = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - begun < seconds:
        predictor.probabilities(values)
        count += 1
    return count * tile[0] * tile[1] / 1e6 / (time.perf_counter() - begun)


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    first = runs[0]
    numbers = [key for key, value in first.items() if not isinstance(value, list)]
    return {**first, **{key: statistics.median(run[key] for run in runs) for key in numbers}}


def untiled(bundle_path: Path, scene_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Class ids of a scene in one pass of torch float32, and usable pixels."""
    from covermap.bundle import read_bundle
    from covermap.core.grid import whole
    from covermap.imagery.opening import open_scene
    from covermap.mapping.engines import REFERENCE, opened
    from covermap.mapping.source import Normalisation

    bundle, scene = read_bundle(bundle_path), open_scene(scene_path)
    predictor = opened(bundle, REFERENCE)
    raster = scene.read(bundle.channel_names, whole(scene.geobox))
    values = Normalisation.of(bundle).applied(raster)
    height, width = values.shape[1:]
    sides = [(0, -size % predictor.stride) for size in (height, width)]
    shares = predictor.probabilities(np.pad(values, ((0, 0), *sides))[None])[0]
    shares = shares[:, :height, :width]
    ids = np.asarray(bundle.legend.ids)[shares.argmax(axis=0)]
    return ids, scene.usable(raster)


def agreement(
    bundle_path: Path, scene_path: Path, name: str, exact: tuple[np.ndarray, np.ndarray], out: Path
) -> dict[str, float]:
    """Share of equal class ids, and the seam score, of a map made of many small tiles."""
    import rasterio

    from covermap.bundle import read_bundle
    from covermap.imagery.opening import open_scene
    from covermap.mapping.engine import map_scene
    from covermap.mapping.engines import Engine, opened
    from covermap.mapping.settings import MapSettings
    from covermap.mapping.tiles import plan_tiles

    bundle, scene = read_bundle(bundle_path), open_scene(scene_path)
    predictor = opened(bundle, Engine(*name.split("-")))
    chosen = MapSettings(tile=512, outputs=("probability",), probability_type="float32")
    result = map_scene(scene, bundle, predictor, out, chosen)
    ids, usable = exact
    with rasterio.open(result.paths["class"]) as dataset:
        equal = (dataset.read(1) == ids)[usable].mean()
    plan = plan_tiles(ids.shape, 512, predictor.halo, predictor.stride)
    edges = [axis.core_start(k) for axis in (plan.cols,) for k in range(1, axis.count)]
    with rasterio.open(result.paths["probability"]) as dataset:
        score = seam_score(dataset.read(), edges, plan.cols.ramp)
    return {"agreement": float(equal), "seam_score": score}


def seam_score(shares: np.ndarray, edges: list[int], ramp: int) -> float:
    """Gradient of probability from column to column where tiles meet, over that elsewhere."""
    steps = np.abs(np.diff(shares, axis=2))
    at_seam = np.zeros(steps.shape[2], bool)
    for edge in edges:
        at_seam[max(0, edge - 1) : edge + ramp] = True
    if not at_seam.any() or at_seam.all():
        return float("nan")
    return float(np.nanmean(steps[:, :, at_seam]) / np.nanmean(steps[:, :, ~at_seam]))


_BARE = """
import sys, time
from pathlib import Path
import numpy as np, rasterio, torch
from covermap.bundle import read_bundle
from covermap.models.loading import load_network
network = load_network(read_bundle(Path(sys.argv[1])))
side, done, begun = 512, 0, time.perf_counter()
with rasterio.open(sys.argv[2]) as dataset, torch.inference_mode():
    for row in range(0, dataset.height - side + 1, side):
        for col in range(0, dataset.width - side + 1, side):
            window = rasterio.windows.Window(col, row, side, side)
            values = dataset.read(window=window).astype(np.float32) / 10_000
            network(torch.from_numpy(values)[None]).argmax(1)
            done += side * side
print(done / 1e6 / (time.perf_counter() - begun))
"""


def bare_loop(asked: argparse.Namespace, bundle: Path, scene: Path) -> float:
    """Mpx/s of a plain loop in a process whose allocator nobody tuned."""
    command = [sys.executable, "-c", _BARE, str(bundle), str(scene)]
    repeats = 1 if asked.quick else asked.repeats
    rates = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(repeats)
    ]
    return statistics.median(rates)


def told(name: str, figures: dict[str, Any]) -> str:
    stages = ", ".join(
        f"{key.removesuffix('_seconds').replace('_', ' ')} {figures[key]:.1f}"
        for key in ("read_seconds", "forward_seconds", "blend_and_write_seconds", "finish_seconds")
    )
    return (
        f"{name:<18} {figures['seconds']:7.1f} s ({stages}; prepare "
        f"{figures['prepare_seconds']:.1f})  useful {figures['useful_mpx_s']:.2f} Mpx/s  forward "
        f"{figures['forward_mpx_s']:.2f}  efficiency {figures['efficiency']:.2f}  peak "
        f"{figures['peak_mib']:.0f} MiB  tile {figures['tile']}  agreement "
        f"{figures['agreement']:.4%}  seams {figures['seam_score']:.3f}"
    )


if __name__ == "__main__":
    main()
