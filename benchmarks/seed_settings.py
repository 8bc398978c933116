"""The settings of the five student projects on real pictures, where such are at hand.

    .venv/bin/python benchmarks/seed_settings.py --data FOLDER [--runs s0-cdl,s1-deepglobe]
        [--seed 0] [--json FILE] [--keep FOLDER]

FOLDER is that of `few_labels.py`. Networks, losses, optimisers and augmentation are those of the
recipes; epochs and learning rates are those of their small scale, as the sets are small. Prints
every score of the test part, and those of the baselines on the same ground. With --keep, runs that
are already there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from few_labels import SETS, minutes_of, project_text, with_labels

_PLAIN = "sampling: uniform, augmentation: {flips: false, turns: false}, ema: null, crop: none"
_S1 = (
    "model: {name: unet, encoder: resnet18, weights: none}\n"
    "training: {epochs: 20, batch_size: 4, optimizer: adam, learning_rate: 1.0e-3, "
    f"weight_decay: 0.0, {_PLAIN}}}\n"
)
_S2 = (
    "model: {name: unet-plain}\n"
    "loss: {dice: {weight: 1, over: pixels}}\n"
    "training: {epochs: 10, batch_size: 4, optimizer: adam, learning_rate: 1.0e-3, "
    f"weight_decay: 0.0, {_PLAIN}}}\n"
)
# Name of a run: its set, and what is added to the project of that set.
RUNS = {
    "s0-cdl": (
        "cdl",
        "task: weak-segmentation\n"
        "weak: {combiner: argmax, dense_images: 500, bias: false, upsampling: repeat}\n"
        "chips: {size: 32}\n"
        "split: {by: images}\n"
        "model: {name: shallow-cnn}\n"
        "loss: {binary_cross_entropy: {weight: 1, over_tags: sum}}\n"
        "training: {epochs: 25, batch_size: 32, optimizer: adam, learning_rate: 1.0e-3, "
        "weight_decay: 0.0, schedule: constant, sampling: uniform, "
        "augmentation: {flips: false, turns: false}, ema: null}\n",
    ),
    "s1-deepglobe-focal": ("deepglobe", _S1 + "loss: {focal: 1}\n"),
    "s1-deepglobe-dice": ("deepglobe", _S1 + "loss: {dice: 1}\n"),
    "s1-deepglobe-cross-entropy": ("deepglobe", _S1 + "loss: {cross_entropy: 1}\n"),
    "s1-dubai-focal": ("dubai", _S1 + "loss: {focal: 1}\n"),
    "s1-dubai-dice": ("dubai", _S1 + "loss: {dice: 1}\n"),
    "s1-dubai-cross-entropy": ("dubai", _S1 + "loss: {cross_entropy: 1}\n"),
    "s2-deepglobe": ("deepglobe", _S2),
    "s2-dubai": ("dubai", _S2),
}
# What stands in `labels` instead of the legend that `init` found. S0 has four crops and the rest.
_LABELS = {
    "s0-cdl": (
        "  legend: {top: 4, of: cdl, other: other}",
        "  presence: {threshold: 0.05, of: valid}",
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", default=",".join(RUNS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the runs here, and go on with them.")
    asked = parser.parse_args()
    found = {}
    for name in asked.runs.split(","):
        found[name] = measured(asked.data.resolve(), name, asked.seed, asked.keep)
        print(told(name, found[name]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


def measured(data: Path, name: str, seed: int, keep: Path | None) -> dict[str, Any]:
    """Scores and minutes of one run."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or Path(scratch)) / f"{name}-{seed}"
        done = folder / "measured.json"
        if done.exists():
            return dict(json.loads(done.read_text()))
        folder.mkdir(parents=True, exist_ok=True)
        own, added = RUNS[name]
        text = project_text(data, SETS[own], folder)
        if name in _LABELS:
            text = with_labels(text, _LABELS[name])
        project = folder / "project.yaml"
        project.write_text(f"{text}{added}seed: {seed}\n")
        verbs = ("prepare", "train", "evaluate", "report")
        minutes = minutes_of(verbs, project, folder / "run")
        found = json.loads((folder / "run" / "metrics.json").read_text()) | {"minutes": minutes}
        done.write_text(json.dumps(found, indent=2) + "\n")
    return dict(found)


def told(name: str, metrics: dict[str, Any]) -> str:
    """The scores of the test part, of each way to combine maps, and of the baselines."""
    test = metrics["test"]
    rows = [("network", test), *test.get("combiners", {}).items()]
    rows += list(metrics.get("baselines", {}).items())
    lines = [f"{name}, {metrics['minutes']:.1f} minutes"]
    lines += [f"  {title:<16} {scores_told(own)}" for title, own in rows]
    return "\n".join(lines)


def scores_told(own: dict[str, Any]) -> str:
    keys = ("class_mean_iou", "overall_accuracy", "micro_iou", "mean_accuracy", "exact_match")
    return "  ".join(f"{key} {own[key]:.3f}" for key in keys if own.get(key) is not None)


if __name__ == "__main__":
    main()
