"""Few labels, several models, the same split: class-mean IoU, overall accuracy and minutes.

    .venv/bin/python benchmarks/few_labels.py --data FOLDER [--sets landsat7,korea]
        [--rows auto] [--seeds 0,1,2] [--json FILE] [--keep FOLDER]

FOLDER holds the public sets named below in their own folders. Each run is a process of its own, one
after the other, from planning to scores, without the final map; the forest by pixel beside each is
the baseline of the same run. With --keep, runs that are already there are not repeated.
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
from typing import Any


@dataclass(frozen=True)
class DataSet:
    """A project without its model; `{data}` stands for the folder of the sets.

    With `images` and `masks` the project is what `covermap init` writes for them, and `project`
    only what is added. `labels` then stands in place of the legend that was found.
    """

    project: str = ""
    images: str = ""
    masks: str = ""
    labels: tuple[str, ...] = ()


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
    "korea": DataSet(
        "split: {by: overlap, folds: each}\n",
        "korea_s2_lc/images",
        "korea_s2_lc/labels",
    ),
    "zurich": DataSet(
        "split: {by: blocks}\n",
        "zurich_summer/zh13_image.tif",
        "zurich_summer/zh13_gt.tif",
    ),
    "deepglobe": DataSet("", "deepglobe/small256/images", "deepglobe/small256/masks"),
    "dubai": DataSet(
        'split: {by: list, train: ["Tile 1*"], test: ["Tile 5*"]}\n',
        "dubai",
        "dubai",
    ),
    "dubai-back": DataSet(
        'split: {by: list, train: ["Tile 5*"], test: ["Tile 1*"]}\n',
        "dubai",
        "dubai",
    ),
    "hinton-across": DataSet(
        'split: {by: list, train: ["Tile_1*"], test: ["Tile_4*"]}\n',
        "pleiades_hinton/images",
        "pleiades_hinton/masks",
    ),
    "cdl": DataSet("", "landsat8_cdl_patches/input_32bit", "landsat8_cdl_patches/target"),
    "cdl-top4": DataSet(
        "",
        "landsat8_cdl_patches/input_32bit",
        "landsat8_cdl_patches/target",
        ("  legend: {top: 4, of: cdl, other: other}",),
    ),
    "hinton": DataSet(
        "split: {by: blocks}\n",
        "pleiades_hinton/images",
        "pleiades_hinton/masks",
    ),
}

ROWS = {
    "auto": "model: {name: auto}\n",
    "default": "",
    "forest by window": "model: {name: random-forest, window: 9}\n",
    "random start": "model: {weights: none}\n",
    "stem rgb-first": "model: {stem: rgb-first}\n",
    "stem random": "model: {stem: random}\n",
    "narrow decoder": "model: {decoder: narrow}\n",
    "resnet18": "model: {encoder: resnet18, weights: none}\n",
    "random crops": "training: {augmentation: {smallest_crop: 0.3}}\n",
    "random gains": "training: {augmentation: {gain: 0.3}}\n",
    "cross-entropy": "loss: {cross_entropy: 1.0}\n",
    "weighted": "loss: {cross_entropy: {class_weights: effective-number}, dice: 1.0}\n",
    "focal": "loss: {focal: 1.0}\n",
    "dice": "loss: {dice: 1.0}\n",
    "tversky": "loss: {tversky: 1.0}\n",
    "jaccard": "loss: {jaccard: 1.0}\n",
    "lovasz": "loss: {lovasz: 1.0}\n",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--rows", default="auto")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the runs here, and go on with them.")
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


def measured(data: Path, name: str, row: str, seed: int, keep: Path | None) -> dict[str, Any]:
    """One run of one set with one model and one seed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or Path(scratch)) / f"{name}-{row.replace(' ', '-')}-{seed}"
        done = folder / "measured.json"
        if done.exists():
            return dict(json.loads(done.read_text()))
        folder.mkdir(parents=True, exist_ok=True)
        project, out = folder / "project.yaml", folder / "run"
        project.write_text(project_text(data, SETS[name], folder) + ROWS[row] + f"seed: {seed}\n")
        minutes = minutes_of(("prepare", "train", "evaluate"), project, out)
        found = scores(out) | {"seed": seed, "minutes": minutes}
        done.write_text(json.dumps(found, indent=2) + "\n")
    return found


def project_text(data: Path, item: DataSet, folder: Path) -> str:
    """The project of a set, without its model."""
    text = item.project.replace("{data}", str(data))
    if not item.images:
        return text
    written = folder / "init.yaml"
    written.unlink(missing_ok=True)
    covermap("init", "--images", data / item.images, "--masks", data / item.masks, "--out", written)
    found = written.read_text()
    return (with_labels(found, item.labels) if item.labels else found) + text


def with_labels(text: str, instead: tuple[str, ...]) -> str:
    """The project with these lines instead of the legend that `init` found."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.strip() == "legend:":
            inside = True
            lines += instead
            continue
        inside = inside and line.startswith("    ")
        if not inside:
            lines.append(line)
    return "\n".join(lines) + "\n"


def minutes_of(verbs: tuple[str, ...], project: Path, out: Path) -> float:
    """Run some verbs one after the other, and say how long they took."""
    begun = time.perf_counter()
    for verb in verbs:
        covermap(verb, project, "--out", out)
    return (time.perf_counter() - begun) / 60


def covermap(*words: object) -> None:
    """Run a verb, or stop with what it said."""
    command = [sys.executable, "-m", "covermap", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-2000:]}")


def scores(run: Path) -> dict[str, Any]:
    """What a run was scored, the forest's and every class's numbers beside it."""
    metrics = json.loads((run / "metrics.json").read_text())
    test, forest = metrics["test"], metrics["baselines"]["random_forest"]
    return {
        "iou": test["class_mean_iou"],
        "oa": test["overall_accuracy"],
        "forest_iou": forest["class_mean_iou"],
        "forest_oa": forest["overall_accuracy"],
        "model": metrics["model"],
        "iou_by_class": {name: item["iou"] for name, item in test["per_class"].items()},
    }


def summed_up(name: str, row: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over seeds."""
    keys = ("iou", "oa", "forest_iou", "forest_oa", "minutes")
    values = {key: [run[key] for run in runs] for key in keys}
    return {
        "set": name,
        "row": row,
        **{key: mean(values[key]) for key in keys},
        **{f"{key}_spread": pstdev(values[key]) for key in keys},
    }


def told(summary: dict[str, Any]) -> str:
    cells = "  ".join(
        f"{key} {summary[key]:.3f} ± {summary[f'{key}_spread']:.3f}"
        for key in ("iou", "forest_iou", "oa", "forest_oa")
    )
    return f"{summary['set']:<12} {summary['row']:<16} {cells}  {summary['minutes']:.1f} min"


if __name__ == "__main__":
    main()
