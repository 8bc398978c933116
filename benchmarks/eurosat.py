"""EuroSAT as a new user meets it: `covermap init FOLDER`, five folds, nothing else changed.

    .venv/bin/python benchmarks/eurosat.py --data EuroSAT_RGB [--folds 5] [--seed 0]
        [--json FILE] [--keep FOLDER]

`init` writes the project of a folder of class folders; the benchmark adds the folds and the seed.
Prints the accuracy of each fold, their mean and spread, and the forest of chip statistics over all
folds. A set of 13 bands gets the project of its publisher's layout (`covermap datasets`), as `init`
cannot know its bands. With --keep a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="Folder of class folders.")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the run here, and go on with it.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        project = project_of(asked.data.resolve(), folder, asked.folds, asked.seed)
        begun = time.perf_counter()
        for verb in ("prepare", "train", "evaluate"):
            covermap(verb, project, "--out", folder / "run")
        minutes = (time.perf_counter() - begun) / 60
        found = scores(folder / "run") | {"minutes": minutes}
    print("fold      accuracy  pictures")
    for name, (share, number) in found["folds"].items():
        print(f"{name:<8}  {share:>8.4f}  {number:>8}")
    print(f"mean      {found['mean']:.4f}, standard deviation {found['spread']:.4f}")
    print(f"forest of chip statistics, all folds: {found['forest']:.4f}; {minutes:.1f} minutes")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


def project_of(data: Path, folder: Path, folds: int, seed: int) -> Path:
    """The project file, written unless it is there."""
    project = folder / "project.yaml"
    if project.exists():
        return project
    draft = folder / "draft.yaml"
    if any(data.glob("*/*.tif")):
        covermap("datasets", data, "--out", draft)
    else:
        covermap("init", data, "--out", draft)
    lines = [line for line in draft.read_text().splitlines() if not line.startswith("split:")]
    lines += [f"split: {{by: images, folds: {folds}}}", f"seed: {seed}", ""]
    project.write_text("\n".join(lines))
    draft.unlink()
    return project


def scores(run: Path) -> dict[str, object]:
    """Accuracy of each fold by its own pictures, and what all folds together give."""
    import pandas

    metrics = json.loads((run / "metrics.json").read_text())
    tested = pandas.read_csv(run / "evaluation" / "chips.csv")
    right = tested["truth"] == tested["prediction"]
    folds = {
        str(name): (float(own.mean()), len(own)) for name, own in right.groupby(tested["training"])
    }
    shares = [share for share, _ in folds.values()]
    return {
        "folds": folds,
        "mean": mean(shares),
        "spread": stdev(shares) if len(shares) > 1 else 0.0,
        "pooled": metrics["test"]["overall_accuracy"],
        "forest": metrics["baselines"]["random_forest"]["overall_accuracy"],
    }


def covermap(*words: object) -> None:
    """A verb in a process of its own."""
    command = [sys.executable, "-c", "from covermap.cli import main; main()", *map(str, words)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
