"""A whole scene from file to finished map: time, rates, memory, seams, agreement, peers.

    .venv/bin/python benchmarks/map_scene.py [--quick] [--json FILE] [--work FOLDER] [--prepare]
        [--parts full,tiles,memory,half,resume,shell,cluster,peers] [--repeats N]
        [--networks unet-resnet18,default] [--engines openvino-bfloat16,openvino-int8]
        [--peers-python FILE] [--peers torchgeo,terratorch,geoai] [--variants shipped,tuned]

Scenes of four bands are laid of a generated world, networks trained on another one; both are made
once in --work (`--prepare` makes them and measures nothing). Each map is made in a process of its
own, what is compared takes turns, the median counts. --json adds what was measured to what stands
in the file, so that parts may be measured one by one. `--quick` shows within a minute that
everything runs: its figures mean nothing. Peers need an environment of their own: see
`benchmarks/peers/`.

JSON: `seconds`, `useful_mpx_s`, `forward_mpx_s`, `efficiency`, `peak_mib`, `seam_score` and
`agreement` of the first network on OpenVINO in bfloat16 (where that is not here: on the first
engine measured), `peers.<name>_mpx_s`, and everything by part under `parts`.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mapping.aims import table
from mapping.ground import NETWORKS, Ground
from mapping.parts import ENGINES, PARTS, Figures, Measuring, tell
from mapping.peers import PEERS, VARIANTS, peers

_MAIN = "openvino-bfloat16"
_TOP = ("seconds", "useful_mpx_s", "forward_mpx_s", "efficiency", "peak_mib")
_VERSIONS = ("numpy", "torch", "openvino", "rasterio", "segmentation-models-pytorch")


def main() -> None:
    asked = parsed()
    with tempfile.TemporaryDirectory() as scratch:
        ground = Ground((asked.work or Path(scratch)).resolve(), asked.quick)
        if asked.prepare:
            ground.prepare(asked.networks)
            return
        report = json.loads(asked.json.read_text()) if _exists(asked.json) else {}
        for part in asked.parts:
            tell(f"--- {part}")
            merge(
                report.setdefault("parts", {}).setdefault(part, {}), measured(part, ground, asked)
            )
            write(report, asked)
        print(table(report))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = (*PARTS, "peers")
    parser.add_argument("--quick", action="store_true", help="Small scenes, once.")
    parser.add_argument("--prepare", action="store_true", help="Make scenes and bundles, no more.")
    parser.add_argument("--json", type=Path, help="Is read first: other parts in it stay.")
    parser.add_argument("--work", type=Path, help="Keep scenes, bundles and maps here.")
    parser.add_argument("--parts", type=_some_of(every), help=f"Of {', '.join(every)}.")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--networks", type=_some_of(NETWORKS))
    parser.add_argument("--engines", type=_some_of((*ENGINES, "torch-float32")))
    parser.add_argument("--peers-python", type=Path, help="Of the peers' environment.")
    parser.add_argument("--peers", type=_some_of(PEERS), default=list(PEERS))
    parser.add_argument("--variants", type=_some_of(VARIANTS), default=list(VARIANTS))
    asked = parser.parse_args()
    asked.repeats = asked.repeats or (1 if asked.quick else 3)
    asked.networks = asked.networks or list(NETWORKS)[: 1 if asked.quick else None]
    asked.engines = asked.engines or engines_here()
    asked.parts = asked.parts or [
        part for part in every if part != "peers" or asked.peers_python is not None
    ]
    return asked


def _some_of(names: Any) -> Any:
    def some(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"'{name}'; expected of {', '.join(names)}")
        return chosen

    return some


def engines_here() -> list[str]:
    """The engines that `auto` would compare here, without torch where OpenVINO does the same."""
    from covermap.mapping.engines import Engine, is_here
    from covermap.models.hardware import bfloat16_pays

    engines = [Engine(*name.split("-")) for name in ENGINES[:3]]
    usable = [e for e in engines if is_here(e) and (e.precision != "bfloat16" or bfloat16_pays())]
    return [f"{e.name}-{e.precision}" for e in usable] or ["torch-float32"]


def measured(part: str, ground: Ground, asked: argparse.Namespace) -> Figures:
    measuring = Measuring(ground, asked.networks, asked.engines, asked.repeats)
    if part != "peers":
        return PARTS[part](measuring)
    if asked.peers_python is None:
        raise SystemExit("peers: expected --peers-python, see benchmarks/peers/README.md")
    return peers(measuring, asked.peers_python, asked.peers, asked.variants)


def merge(into: Figures, found: Figures) -> None:
    """Put what was found over what is there; mappings are entered, anything else replaced."""
    for key, value in found.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def write(report: Figures, asked: argparse.Namespace) -> None:
    if asked.json is None:
        return
    report["quick"] = asked.quick
    report["machine"] = {
        "python": platform.python_version(),
        "processor": _processor(),
        "versions": {name: version(name) for name in _VERSIONS},
    }
    parts = report["parts"]
    network = next(iter(NETWORKS))
    by_engine = parts.get("full", {}).get("networks", {}).get(network, {})
    engine = _MAIN if _MAIN in by_engine else next(iter(by_engine), None)
    if engine:
        report |= {"network": network, "engine": engine}
        report |= {key: by_engine[engine][key] for key in _TOP}
        seen = parts.get("tiles", {}).get("networks", {}).get(network, {}).get(engine, {})
        report |= next(iter(seen.values()), {})
    report["peers"] = {
        f"{name}_mpx_s": found["shipped"]["mpx_s"]
        for name, found in parts.get("peers", {}).get("rates", {}).items()
        if "shipped" in found
    }
    asked.json.write_text(json.dumps(report, indent=2) + "\n")


def _processor() -> str:
    from covermap.models.hardware import device_name

    return device_name()


def _exists(path: Path | None) -> bool:
    return path is not None and path.exists()


if __name__ == "__main__":
    main()
