"""Few labels, several models, the same split: class-mean IoU, overall accuracy and minutes.

    .venv/bin/python benchmarks/few_labels.py --data FOLDER [--sets landsat7,rachel]
        [--rows default] [--seeds 0,1,2] [--json FILE] [--keep FOLDER]

FOLDER holds the public sets named below in their own folders. Each run is a process of its own, one
after the other; the forest by pixel beside each is the baseline of the same run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, pstdev


@dataclass(frozen=True)
class DataSet:
    """A project without its model; `{data}` stands for the folder of the sets."""

    project: str


SETS = {
    "landsat7": DataSet(
        """
imagery:
  - path: {data}/landsat7_training_polygons/LE70220491999322EDC01_stack.gtif
    scale: [0.0001, 0.0001, 0.0001, 0.0001, 0.0001, 0.0001, 1, 1]
    unit: [reflectance, reflectance, reflectance, reflectance, reflectance, reflectance, dn, dn]
bands: [SR_B1, SR_B2, SR_B3, SR_B4, SR_B5, SR_B7, ST_B6]
labels: {path: {data}/landsat7_training_polygons/training_data.shp, attribute: class}
"""
    ),
    "rachel": DataSet(
        """
imagery: {path: {data}/rachel_carson_s2/sentinel-2, nodata: 255}
labels: {path: {data}/rachel_carson_s2/rcr/rcr_landcover.shp, attribute: Classname}
"""
    ),
    "eolearn": DataSet(
        """
imagery:
  - path: {data}/eolearn_ndvi_timeseries/NDVI_*.tif
    stack: dates
    max_invalid: 0.05
    quality: {path: {data}/eolearn_ndvi_timeseries/CLM_*.tif, invalid: [1]}
labels: {path: {data}/eolearn_ndvi_timeseries/LULC.gpkg, attribute: LULC_NAME}
"""
    ),
}

ROWS = {
    "default": "",
    "random start": "model: {weights: none}\n",
    "resnet18": "model: {encoder: resnet18, weights: none}\n",
    "cross-entropy": "loss: {cross_entropy: 1.0}\n",
    "focal": "loss: {focal: 1.0}\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rows", default="default")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the runs here.")
    asked = parser.parse_args()
    found = []
    for name in asked.sets.split(","):
        for row in asked.rows.split(","):
            runs = [
                measured(asked.data.resolve(), name, row, int(seed), asked.keep)
                for seed in asked.seeds.split(",")
            ]
            summary = summed_up(name, row, runs)
            found.append(summary | {"runs": runs})
            print(told(summary), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


def measured(data: Path, name: str, row: str, seed: int, keep: Path | None) -> dict[str, float]:
    """One run of one set with one model and one seed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or Path(scratch)) / f"{name}-{row.replace(' ', '-')}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        text = SETS[name].project.replace("{data}", str(data)) + ROWS[row] + f"seed: {seed}\n"
        (folder / "project.yaml").write_text(text)
        begun = time.perf_counter()
        words = ["run", str(folder / "project.yaml"), "--out", str(folder / "run")]
        command = [sys.executable, "-c", "from covermap.cli import main; main()", *words]
        subprocess.run(command, check=True, capture_output=True)
        minutes = (time.perf_counter() - begun) / 60
        metrics = json.loads((folder / "run" / "metrics.json").read_text())
    test, forest = metrics["test"], metrics["baselines"]["random_forest"]
    return {
        "seed": seed,
        "minutes": minutes,
        "iou": test["class_mean_iou"],
        "oa": test["overall_accuracy"],
        "forest_iou": forest["class_mean_iou"],
        "forest_oa": forest["overall_accuracy"],
    }


def summed_up(name: str, row: str, runs: list[dict[str, float]]) -> dict[str, object]:
    """Mean and spread over seeds."""
    keys = ("iou", "oa", "forest_iou", "forest_oa", "minutes")
    values = {key: [run[key] for run in runs] for key in keys}
    return {
        "set": name,
        "row": row,
        **{key: mean(values[key]) for key in keys},
        **{f"{key}_spread": pstdev(values[key]) for key in keys},
    }


def told(summary: dict[str, object]) -> str:
    cells = "  ".join(
        f"{key} {summary[key]:.3f} ± {summary[f'{key}_spread']:.3f}"
        for key in ("iou", "forest_iou", "oa", "forest_oa")
    )
    return f"{summary['set']:<12} {summary['row']:<16} {cells}  {summary['minutes']:.1f} min"


if __name__ == "__main__":
    main()
