"""Other programs on the same scene with the same weights, in an environment of their own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from mapping.parts import Figures, Measuring, medians, tell
from mapping.scores import agreement

PEERS = ("torchgeo", "terratorch", "geoai")
VARIANTS = ("shipped", "tuned")
_SCRIPTS = Path(__file__).parents[1] / "peers"
_NETWORK, _ENCODER = "unet-resnet18", "resnet18"


def peers(m: Measuring, python: Path, names: list[str], variants: list[str]) -> Figures:
    """Whole maps by covermap and by peers, taking turns; the ratio, and agreement with one pass."""
    runs: dict[tuple[str, str], list[Figures]] = {}
    for _ in range(m.repeats):
        for engine in m.engines:
            found = m.map(f"peers-{engine}", "peers", _NETWORK, engine)
            kept = {key: found[key] for key in ("seconds", "peak_mib", "threads")}
            runs.setdefault(("covermap", engine), []).append(kept)
        for name in names:
            for variant in variants:
                runs.setdefault((name, variant), []).append(_run(m, python, name, variant))
    ids = m.ground.untiled(_NETWORK, "peers")
    rates: Figures = {}
    for (name, variant), found in runs.items():
        figures = medians(found)
        figures["mpx_s"] = m.ground.megapixels("peers") / figures["seconds"]
        out = f"peers-{variant}" if name == "covermap" else f"peers-{name}-{variant}"
        figures["agreement"] = agreement(m.ground.out(out), ids, _ids(m, name))
        rates.setdefault(name, {})[variant] = figures
        versions = " ".join(f"{key} {value}" for key, value in figures.get("versions", {}).items())
        tell(
            f"{name} {variant}: {figures['mpx_s']:.2f} Mpx/s, agreement "
            f"{figures['agreement']:.3%}, peak {figures['peak_mib']:.0f} MiB  {versions}"
        )
    ours = {engine: found["mpx_s"] for engine, found in rates["covermap"].items()}
    ratios = {
        name: {
            variant: {engine: rate / figures["mpx_s"] for engine, rate in ours.items()}
            for variant, figures in found.items()
        }
        for name, found in rates.items()
        if name != "covermap"
    }
    for name, found in ratios.items():
        for variant, by_engine in found.items():
            told = ", ".join(f"{engine} {ratio:.1f}x" for engine, ratio in by_engine.items())
            tell(f"over {name} {variant}: {told}")
    return {"rates": rates, "ratios": ratios}


def _run(m: Measuring, python: Path, name: str, variant: str) -> Figures:
    folder = m.ground.folder / "peers"
    folder.mkdir(exist_ok=True)
    asked = folder / f"{name}-{variant}.json"
    out = m.ground.out(f"peers-{name}-{variant}")
    out.unlink(missing_ok=True)
    facts = {
        **_facts(m, folder / "weights.pt"),
        "scene": str(m.ground.scene("peers")),
        "out": str(out),
        "tuned": variant == "tuned",
    }
    asked.write_text(json.dumps(facts))
    command = [str(python), str(_SCRIPTS / f"{name}_map.py"), str(asked)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _facts(m: Measuring, weights: Path) -> dict[str, Any]:
    """What a peer must know of the bundle; its weights are written beside."""
    import rasterio
    import torch

    from covermap.bundle.folder import read_bundle
    from covermap.models.loading import load_network

    bundle = read_bundle(m.ground.bundle(_NETWORK))
    torch.save(load_network(bundle).state_dict(), weights)
    with rasterio.open(m.ground.scene("peers")) as dataset:
        scales, offsets = dataset.scales, dataset.offsets
    channels = list(zip(bundle.channels, scales, offsets, strict=True))
    return {
        "weights": str(weights),
        "encoder": _ENCODER,
        "classes": len(bundle.legend),
        "multiply": [scale / channel.std for channel, scale, _ in channels],
        "add": [(offset - channel.mean) / channel.std for channel, _, offset in channels],
    }


def _ids(m: Measuring, name: str) -> tuple[int, ...] | None:
    """Class ids by position, for maps that hold positions."""
    if name == "covermap":
        return None
    from covermap.bundle.folder import read_bundle

    return read_bundle(m.ground.bundle(_NETWORK)).legend.ids
