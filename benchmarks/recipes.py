"""All published experiments on their miniatures at `--scale small`, as one table.

    .venv/bin/python benchmarks/recipes.py [--recipes s0-shallow,s2-unet] [--json FILE]
        [--keep FOLDER]

Each recipe is a process of its own, one after the other. A row is a variant: the score that its
task is told by, those of the baselines on the same split, the published number with what it was
measured on, and ours of the same kind. On a miniature nothing is comparable with a publication; the
table says what would be. Minutes are of the whole recipe: by the clock, and of the processor. With
--keep, what is there already is not repeated, and a stopped recipe goes on.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# What each task is told by: key of `metrics.json`, and in words.
LEADING = {
    "segmentation": ("class_mean_iou", "class-mean IoU"),
    "classification": ("overall_accuracy", "overall accuracy"),
    "multilabel": ("mean_accuracy", "mean accuracy of labels"),
    # Of the map; the accuracy of the labels stands beside the published one.
    "weak-segmentation": ("overall_accuracy", "overall accuracy of the map"),
    "regression": ("ruzicka", "Ruzicka"),
}
COLUMNS = (
    "recipe", "variant", "minutes (processor)", "score", "ours", "baselines",
    "published, measured on", "ours of the same kind",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipes", help="Names, separated by commas; all when left out.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="Keep the runs here, and go on with them.")
    asked = parser.parse_args()
    cards = {card["name"]: card for card in json.loads(covermap("recipes", "--json"))}
    names = asked.recipes.split(",") if asked.recipes else list(cards)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    found = []
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (asked.keep or Path(scratch)) / name
            minutes = timed(name, folder)
            facts = json.loads((folder / "run" / "comparison.json").read_text())
        for row in rows(name, cards[name]["task"], facts, minutes):
            found.append(row)
            print(f"| {' | '.join(row[column] for column in COLUMNS)} |", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def timed(name: str, folder: Path) -> dict[str, float]:
    """Run a recipe, or go on with it; the minutes of all attempts together."""
    note = folder / "measured.json"
    spent = {"clock": 0.0, "processor": 0.0, "done": 0.0}
    if note.exists():
        spent = json.loads(note.read_text())
    if spent["done"]:
        return spent
    begun, before = time.perf_counter(), processor_seconds()
    try:
        covermap("run", f"recipe:{name}", "--out", folder, "--scale", "small")
        spent["done"] = 1.0
    finally:
        spent["clock"] += (time.perf_counter() - begun) / 60
        spent["processor"] += (processor_seconds() - before) / 60
        if folder.is_dir():
            note.write_text(json.dumps(spent) + "\n")
    return spent


def processor_seconds() -> float:
    """Of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def covermap(*words: object) -> str:
    """A verb in a process of its own; what it prints."""
    command = [sys.executable, "-c", "from covermap.cli import main; main()", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def rows(
    name: str, task: str, facts: dict[str, Any], minutes: dict[str, float]
) -> list[dict[str, str]]:
    """A row for each variant of a finished recipe."""
    key, title = LEADING[task]
    spent = f"{minutes['clock']:.1f} ({minutes['processor']:.1f})"
    found = []
    for variant, run in facts["variants"].items():
        test = run["test"]
        numbers = [item for item in facts["published"]["numbers"] if item["variant"] == variant]
        leaky = " (leaky)" if run["leaky"] else ""
        found.append(
            {
                "recipe": name,
                "variant": variant + leaky,
                "minutes (processor)": "" if found else spent,
                "score": title,
                "ours": with_interval(test, key),
                "baselines": baselines(run["baselines"], key),
                "published, measured on": "; ".join(map(published, numbers)) or "none",
                "ours of the same kind": "; ".join(map(ours, numbers)) or "",
            }
        )
    return found


def with_interval(test: dict[str, Any], key: str) -> str:
    """A score, and its 95 % interval where it has one."""
    if test.get(key) is None:
        return "undefined"
    low, high = test.get(f"{key}_low"), test.get(f"{key}_high")
    span = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"{test[key]:.3f}{span}"


def baselines(found: dict[str, dict[str, Any]], key: str) -> str:
    """What needs no network, the best first."""
    known = {name: own[key] for name, own in found.items() if own.get(key) is not None}
    named = sorted(known, key=lambda item: -known[item])
    return "; ".join(f"{known[name]:.3f} {name.replace('_', ' ')}" for name in named) or "none"


def published(number: dict[str, Any]) -> str:
    """A number of the publication."""
    return f"{number['metric']} {number['value']:g}, {number['measured_on']}"


def ours(number: dict[str, Any]) -> str:
    """Ours that measures the same, and on the honest split; or that there is none."""
    if number.get("ours") is None:
        return "not comparable"
    value, honest = number.get("our_value"), number.get("our_honest_value")
    told = f"{number['ours'].replace('_', ' ')} {'undefined' if value is None else f'{value:.3f}'}"
    return told if honest is None else f"{told} (honest {honest:.3f})"


if __name__ == "__main__":
    main()
