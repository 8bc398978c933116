"""One piece of work on a map in a process of its own, so that its memory and imports are its own.

    python once.py '{"work": "map", "bundle": ..., "scene": ..., "out": ...}'

The last line on standard output is what was found, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

# Given to every map, so that one that was killed goes on.
_KEY = "benchmark"


def in_a_process(work: str, **asked: Any) -> dict[str, Any]:
    """Do `map` or `untiled` in a new process and give what it found."""
    done = subprocess.run(command(work, **asked), check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def command(work: str, **asked: Any) -> list[str]:
    """The command line of `in_a_process`."""
    return [sys.executable, str(Path(__file__)), json.dumps({"work": work, **asked})]


def map_once(asked: dict[str, Any]) -> dict[str, Any]:
    """Map a scene; what it took, and the rate of the network alone where that is asked for."""
    begun = time.perf_counter()
    import torch

    from covermap.bundle.folder import read_bundle
    from covermap.mapping.engine import map_scene
    from covermap.mapping.engines import Engine, opened
    from covermap.mapping.settings import MapSettings
    from covermap.verbs.open_for import open_for

    imported = time.perf_counter()
    bundle = read_bundle(Path(asked["bundle"]))
    scene = open_for(bundle, Path(asked["scene"]), tell=False)
    engine = Engine(*asked["engine"].split("-"))
    predictor = opened(bundle, engine)
    settings = MapSettings(**asked.get("settings", {}))
    # Compiling belongs to the preparation; the map's own size is compiled once more, within.
    predictor.probabilities(np.zeros((1, len(bundle.channels), 64, 64), np.float32))
    prepared = time.perf_counter()
    out = Path(asked["out"])
    # A map of an earlier round stays where it is made of the same.
    result = map_scene(scene, bundle, predictor, out, settings, key=_KEY, is_anew=True)
    seconds = time.perf_counter() - prepared
    found = {
        "seconds": seconds,
        "import_seconds": imported - begun,
        "compile_seconds": prepared - imported,
        "useful_mpx_s": result.total_pixels / 1e6 / seconds,
        "valid_share": result.valid_pixels / result.total_pixels,
        "peak_mib": peak_mib(),
        "tile": list(result.tile),
        "halo": predictor.halo,
        "read_seconds": result.seconds.read,
        "in_forward_seconds": result.seconds.forward,
        "blend_and_write_seconds": result.seconds.blend_and_write,
        "finish_seconds": result.seconds.finish,
        "threads": torch.get_num_threads(),
    }
    found |= seams(bundle, scene.geobox.shape, result.tile, predictor)
    if asked.get("forward_seconds"):
        rate = forward_rate(predictor, len(bundle.channels), result.tile, asked["forward_seconds"])
        found |= {"forward_mpx_s": rate, "efficiency": found["useful_mpx_s"] / rate}
    return found


def seams(
    bundle: Any, shape: Any, tile: tuple[int, int], predictor: Any
) -> dict[str, list[list[int]]]:
    """Rows and columns of a scene over which one tile hands over to the next."""
    from covermap.mapping.tiles import plan_tiles, plan_whole_tiles

    size = (int(shape[0]), int(shape[1]))
    if bundle.at_chip_size:
        plans = [plan_whole_tiles(size, side) for side in tile]
    else:
        plans = [plan_tiles(size, side, predictor.halo, predictor.stride) for side in tile]
    return {
        f"{name}_seams": [
            [axis.core_start(number), axis.core_start(number) + axis.ramp]
            for number in range(1, axis.count)
        ]
        for name, axis in (("row", plans[0].rows), ("col", plans[1].cols))
    }


def forward_rate(predictor: Any, channels: int, tile: tuple[int, int], seconds: float) -> float:
    """Mpx/s of the network alone on tiles of a size, softmax included."""
    values = np.random.default_rng(0).normal(size=(1, channels, *tile)).astype(np.float32)
    predictor.probabilities(values)
    count, begun = 0, time.perf_counter()
    while count < 2 or time.perf_counter() - begun < seconds:
        predictor.probabilities(values)
        count += 1
    return count * tile[0] * tile[1] / 1e6 / (time.perf_counter() - begun)


def untiled(asked: dict[str, Any]) -> dict[str, Any]:
    """Save class ids of a whole scene, computed at once by torch in float32."""
    from covermap.bundle.folder import read_bundle
    from covermap.core.grid import whole
    from covermap.mapping.engines import REFERENCE, opened
    from covermap.mapping.source import Normalisation
    from covermap.verbs.open_for import open_for

    bundle = read_bundle(Path(asked["bundle"]))
    scene = open_for(bundle, Path(asked["scene"]), tell=False)
    predictor = opened(bundle, REFERENCE)
    raster = scene.read(bundle.channel_names, whole(scene.geobox))
    values = Normalisation.of(bundle).applied(raster)
    height, width = values.shape[1:]
    sides = [(0, -size % predictor.stride) for size in (height, width)]
    shares = predictor.probabilities(np.pad(values, ((0, 0), *sides))[None])[0]
    shares = shares[:, :height, :width]
    best, highest = np.zeros((height, width), np.uint8), shares[0].copy()
    for number, plane in enumerate(shares[1:], start=1):
        np.copyto(best, number, where=plane > highest)
        np.maximum(highest, plane, out=highest)
    ids = np.asarray(bundle.legend.ids, np.uint8)[best]
    ids[~scene.usable(raster)] = 0
    np.save(asked["out"], ids)
    return {"peak_mib": peak_mib()}


def peak_mib() -> float:
    """The most memory that this process had, MiB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    wish = json.loads(sys.argv[1])
    works = {"map": map_once, "untiled": untiled}
    print(json.dumps(works[wish.pop("work")](wish)))
