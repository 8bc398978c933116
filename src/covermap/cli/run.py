"""run and its steps: prepare, train, evaluate, report."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

ProjectArgument = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="Project file (YAML).", show_default=False)
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Folder of the run.", show_default=False)
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Repeat steps although nothing changed.")
]

_HELP = {
    "run": "Everything: prepare, train, evaluate, map, report. What did not change is skipped.",
    "prepare": "Plan chips, split the ground, prove that nothing leaks.",
    "train": "Train the networks of a prepared run.",
    "evaluate": "Score the networks on ground that taught none of them.",
    "report": "Map the scenes of an evaluated run and write report.html.",
}


def register(app: typer.Typer) -> None:
    """Add the verbs that take a project."""
    for verb, text in _HELP.items():
        example = f"Example:  covermap {verb} project.yaml --out run"
        app.command(verb, help=f"{example}\n\n{text}")(_command(verb))


def _command(verb: str) -> Callable[..., None]:
    def command(project: ProjectArgument, out: OutOption, force: ForceOption = False) -> None:
        function = getattr(importlib.import_module(f"covermap.verbs.{verb}"), verb)
        function(project, out, force=force)
        if verb == "run":
            tell_results(out)

    return command


def tell_results(out: Path) -> None:
    """The last lines of a run: what to open."""
    print(f"report  {shlex.quote(str(out / 'report.html'))}")
    bundle = shlex.quote(str(out / "bundle"))
    table = out / "predictions.csv"
    if table.exists():
        print(f"table   {shlex.quote(str(table))}")
        print(f"bundle  {bundle}  (covermap predict BUNDLE PICTURES --out table.csv)")
        return
    maps = out / "map.tif"
    print(f"map     {shlex.quote(str(maps if maps.exists() else out / 'maps'))}")
    print(f"bundle  {bundle}  (covermap map BUNDLE SCENE --out FILE)")
