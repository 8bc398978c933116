"""The figures of a map, each measured by itself: time, memory, seams, nodata, resuming."""

from __future__ import annotations

import filecmp
import itertools
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapping.ground import Ground
from mapping.once import command, in_a_process
from mapping.scores import agreement, disagreement, seam_score

ENGINES = (
    "openvino-bfloat16",
    "openvino-int8",
    "openvino-mixed",
    "openvino-float32",
    "torch-bfloat16",
)
EXACT = ("openvino-float32", "torch-float32")
# In float32: less exact engines move classes by themselves, whatever the tile.
_TILES, _QUICK_TILES = (512, 768, 1024), (320, 448)
# One tile for all of the scene that tiles are compared on.
_ONE_TILE = 2048
_FORWARD_SECONDS, _QUICK_FORWARD_SECONDS = 8.0, 0.5
_LOOK_SECONDS = 0.05

Figures = dict[str, Any]


@dataclass(frozen=True)
class Measuring:
    """What is measured on.

    Attributes
    ----------
    ground : Ground
    networks : list of str
        The first is the one that parts with a single network take.
    engines : list of str
        As `<engine>-<precision>`; the first is the one that parts with a single engine take.
    repeats : int
    """

    ground: Ground
    networks: list[str]
    engines: list[str]
    repeats: int

    def map(self, name: str, scene: str, network: str, engine: str, **more: Any) -> Figures:
        """One map in a process of its own."""
        return in_a_process("map", **self.asked(name, scene, network, engine, **more))

    def asked(self, name: str, scene: str, network: str, engine: str, **more: Any) -> Figures:
        """What `once.py` is told."""
        return {
            "bundle": str(self.ground.bundle(network)),
            "scene": str(self.ground.scene(scene)),
            "out": str(self.ground.out(name)),
            "engine": engine,
            **more,
        }

    @property
    def first(self) -> tuple[str, str]:
        return self.networks[0], self.engines[0]


def full(m: Measuring) -> Figures:
    """The large scene by network and engine, taking turns, and the network alone."""
    seconds = _QUICK_FORWARD_SECONDS if m.ground.quick else _FORWARD_SECONDS
    runs: dict[tuple[str, str], list[Figures]] = {}
    for _ in range(m.repeats):
        for pair in itertools.product(m.networks, m.engines):
            network, engine = pair
            name = f"full-{network}-{engine}"
            found = m.map(name, "full", network, engine, forward_seconds=seconds)
            runs.setdefault(pair, []).append(found)
    networks: Figures = {}
    for (network, engine), found in runs.items():
        figures = medians(found)
        networks.setdefault(network, {})[engine] = figures
        tell(f"{network} {engine}: {_told(figures)}")
    return {"megapixels": m.ground.megapixels("full"), "networks": networks}


def tiles(m: Measuring) -> Figures:
    """Agreement with the untiled map, seams, and what another tile size changes in float32."""
    sizes = _QUICK_TILES if m.ground.quick else _TILES
    exact = next((engine for engine in m.engines if engine in EXACT), EXACT[0])
    networks: Figures = {}
    for network in m.networks:
        ids = m.ground.untiled(network, "tiles")
        alone, _ = _in_tiles(m, network, exact, _ONE_TILE)
        for engine in dict.fromkeys((*m.engines, exact)):
            for size in sizes if engine == exact else sizes[:1]:
                path, found = _in_tiles(m, network, engine, size)
                meet = found["row_seams"], found["col_seams"]
                figures = {
                    "agreement": agreement(path, ids),
                    "seam_score": seam_score(_shares(path), *meet),
                    # What the ground itself does at these lines, where no tiles meet.
                    "ground_score": seam_score(_shares(alone), *meet),
                }
                networks.setdefault(network, {}).setdefault(engine, {})[str(size)] = figures
                tell(
                    f"{network} {engine} {size} px, halo {found['halo']}: agreement "
                    f"{figures['agreement']:.4%}, seam score {figures['seam_score']:.3f}, of the "
                    f"ground {figures['ground_score']:.3f}"
                )
        maps = [m.ground.out(_tiles_name(network, exact, size)) for size in sizes]
        apart = max(disagreement(*pair) for pair in itertools.combinations(maps, 2))
        networks[network]["disagreement"] = apart
        tell(f"{network}: tile sizes in float32 disagree on {apart:.4%}")
    return {"networks": networks}


def _in_tiles(m: Measuring, network: str, engine: str, size: int) -> tuple[Path, Figures]:
    """A map in tiles of a size with probabilities beside it, and what it took."""
    name = _tiles_name(network, engine, size)
    chosen = {"tile": size, "outputs": ["probability"], "probability_type": "float32"}
    return m.ground.out(name), m.map(name, "tiles", network, engine, settings=chosen)


def _tiles_name(network: str, engine: str, size: int) -> str:
    return f"tiles-{network}-{engine}-{size}"


def _shares(path: Path) -> Path:
    return path.with_name(f"{path.stem}_probability.tif")


def memory(m: Measuring) -> Figures:
    """Peaks of the process on two scenes, one more than six times as large."""
    network, engine = m.first
    found = {
        scene: m.map(f"memory-{scene}", scene, network, engine)["peak_mib"]
        for scene in ("full", "long")
    }
    figures = {
        "network": network,
        "engine": engine,
        "peak_mib": found,
        "megapixels": {scene: m.ground.megapixels(scene) for scene in found},
        "ratio": found["long"] / found["full"],
    }
    tell(f"peak {found['full']:.0f} MiB, of the large scene {found['long']:.0f} MiB")
    return figures


def half(m: Measuring) -> Figures:
    """A scene whose swath ends in its middle, over the whole one."""
    network, engine = m.first
    seconds: dict[str, list[float]] = {"full": [], "half": []}
    for _ in range(m.repeats):
        for scene, found in seconds.items():
            found.append(m.map(f"half-{scene}", scene, network, engine)["seconds"])
    middle = {scene: statistics.median(found) for scene, found in seconds.items()}
    ratio = middle["half"] / middle["full"]
    tell(f"half nodata {middle['half']:.1f} s of {middle['full']:.1f} s: {ratio:.2f}")
    return {"network": network, "engine": engine, "seconds": middle, "ratio": ratio}


def resume(m: Measuring) -> Figures:
    """A map killed when half of its rows of tiles are done, and taken up again."""
    network, engine = m.first
    # A small scene would be a single row of large tiles.
    more = {"settings": {"tile": _QUICK_TILES[0]}} if m.ground.quick else {}
    found: list[Figures] = []
    for _ in range(m.repeats):
        whole = m.map("resume-whole", "full", network, engine, **more)
        out = m.ground.out("resume-killed")
        out.unlink(missing_ok=True)
        rows = len(whole["row_seams"]) + 1
        done = _killed(m.asked("resume-killed", "full", network, engine, **more), out, rows)
        rest = m.map("resume-killed", "full", network, engine, **more)
        found.append(
            {
                "whole_seconds": whole["seconds"],
                "rest_seconds": rest["seconds"],
                "ratio": rest["seconds"] / whole["seconds"],
                "rows": rows,
                "rows_done": done,
                "identical": filecmp.cmp(m.ground.out("resume-whole"), out, shallow=False),
            }
        )
    figures = medians(found)
    figures["identical"] = all(run["identical"] for run in found)
    tell(
        f"killed after {figures['rows_done']:.0f} of {figures['rows']:.0f} rows, the rest took "
        f"{figures['rest_seconds']:.1f} of {figures['whole_seconds']:.1f} s, identical bytes: "
        f"{figures['identical']}"
    )
    return {"network": network, "engine": engine, **figures}


def _killed(asked: Figures, out: Path, rows: int) -> int:
    """Kill a map when the ledger says that half of its rows are done; how many those are."""
    ledger = out.with_name(f".{out.stem}.ledger.json")
    process = subprocess.Popen(command("map", **asked), stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            done = _rows_done(ledger)
            if done >= rows / 2:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return done
            time.sleep(_LOOK_SECONDS)
    finally:
        process.kill()
        process.wait()
    raise RuntimeError(f"the map of {rows} rows of tiles was finished before it could be killed")


def _rows_done(ledger: Path) -> int:
    try:
        return sum(stop - start for start, stop in json.loads(ledger.read_text())["rows_done"])
    except (OSError, ValueError, KeyError):
        return 0


def shell(m: Measuring) -> Figures:
    """`covermap map` as typed: with imports, digests and the choice of an engine."""
    found: Figures = {}
    for network in m.networks:
        seconds, said = covermap_map(m, network, "full", "shell")
        engine = next((line for line in said.splitlines() if line.startswith("engine: ")), "")
        found[network] = {"seconds": seconds, "engine": engine.splitlines()[-1] if engine else ""}
        tell(f"{network}: covermap map {seconds:.1f} s")
    return {"networks": found}


def covermap_map(
    m: Measuring, network: str, scene: str, name: str, *options: str
) -> tuple[float, str]:
    """Seconds of `covermap map` and what it said, into an empty folder."""
    out = m.ground.out(f"{name}-{network}/map")
    for path in out.parent.glob("*"):
        path.unlink()
    begun = time.perf_counter()
    words = [
        *("map", str(m.ground.bundle(network)), str(m.ground.scene(scene)), "--out", str(out)),
        *options,
    ]
    done = subprocess.run(
        [sys.executable, "-c", "from covermap.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"covermap {' '.join(words)}: {done.stderr[-2000:]}")
    return time.perf_counter() - begun, done.stdout + done.stderr


def cluster(m: Measuring) -> Figures:
    """Two workers on two cores over one process, on the large scene."""
    helped = subprocess.run(
        [sys.executable, "-c", "from covermap.cli import main; main()", "map", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    if "--cluster" not in helped.stdout:
        tell("cluster: skipped, covermap map has no --cluster")
        return {"skipped": "covermap map has no --cluster"}
    network, engine = m.first
    name, precision = engine.split("-")
    fixed = ("--engine", name, "--precision", precision)
    seconds: dict[str, list[float]] = {"one": [], "two": []}
    for _ in range(m.repeats):
        for key, more in (("one", ()), ("two", ("--cluster", "local"))):
            found = covermap_map(m, network, "full", f"cluster-{key}", *fixed, *more)[0]
            seconds[key].append(found)
    middle = {key: statistics.median(found) for key, found in seconds.items()}
    ratio = middle["two"] / middle["one"]
    tell(f"two workers {middle['two']:.1f} s, one process {middle['one']:.1f} s: {ratio:.2f}")
    return {"network": network, "engine": engine, "seconds": middle, "ratio": ratio}


PARTS: dict[str, Callable[[Measuring], Figures]] = {
    "full": full,
    "tiles": tiles,
    "memory": memory,
    "half": half,
    "resume": resume,
    "shell": shell,
    "cluster": cluster,
}


def medians(runs: list[Figures]) -> Figures:
    """Of each number its median; of anything else that of the first run."""
    numbers = [key for key, value in runs[0].items() if isinstance(value, int | float)]
    middle = {key: statistics.median(run[key] for run in runs) for key in numbers}
    return {**runs[0], **middle, "runs": len(runs)}


def tell(text: str) -> None:
    print(text, flush=True)


def _told(figures: Figures) -> str:
    stages = ", ".join(
        f"{key} {figures[f'{key}_seconds']:.1f}"
        for key in ("read", "in_forward", "blend_and_write", "finish")
    )
    return (
        f"{figures['seconds']:.1f} s ({stages}; beside it imports "
        f"{figures['import_seconds']:.1f}, compiling {figures['compile_seconds']:.1f}), useful "
        f"{figures['useful_mpx_s']:.2f} of {figures['forward_mpx_s']:.2f} Mpx/s: "
        f"{figures['efficiency']:.2f}, peak {figures['peak_mib']:.0f} MiB, "
        f"tile {figures['tile']} with halo {figures['halo']}"
    )
