"""The demo over several worlds: reported and true accuracy, the forest beside it, minutes.

    .venv/bin/python benchmarks/demo_seeds.py [--seeds 0,1,2,3,4] [--size 1000] [--json FILE]

Each world is run in a process of its own, one after the other, in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

_COLUMNS = ("seed", "minutes", "iou", "forest_iou", "oa", "forest_oa", "true_oa", "gap", "true_iou")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--size", default="1000")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    print("  ".join(f"{name:>10}" for name in _COLUMNS), flush=True)
    for seed in asked.seeds.split(","):
        row = measured(int(seed), asked.size)
        rows.append(row)
        print("  ".join(f"{row[name]:>10.3f}" for name in _COLUMNS), flush=True)
    means = {name: mean(row[name] for row in rows) for name in _COLUMNS[1:]}
    print("  ".join([f"{'mean':>10}", *(f"{means[name]:>10.3f}" for name in _COLUMNS[1:])]))
    if asked.json:
        asked.json.write_text(json.dumps({"rows": rows, "mean": means}, indent=2) + "\n")


def measured(seed: int, size: str) -> dict[str, float]:
    """One world, from nothing to its report."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        words = ["demo", "--out", folder, "--size", size, "--seed", str(seed)]
        command = [sys.executable, "-c", "from covermap.cli import main; main()", *words]
        subprocess.run(command, check=True, capture_output=True)
        minutes = (time.perf_counter() - begun) / 60
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text())
    test, forest = metrics["test"], metrics["baselines"]["random_forest"]
    return {
        "seed": seed,
        "minutes": minutes,
        "iou": test["class_mean_iou"],
        "forest_iou": forest["class_mean_iou"],
        "oa": test["overall_accuracy"],
        "forest_oa": forest["overall_accuracy"],
        "true_oa": test["true_overall_accuracy"],
        "gap": test["overall_accuracy"] - test["true_overall_accuracy"],
        "true_iou": test["true_class_mean_iou"],
    }


if __name__ == "__main__":
    main()
