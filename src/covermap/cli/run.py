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

_RECIPE = "recipe:"
_RUN_HELP = """Example:  covermap run project.yaml --out run

Example:  covermap run recipe:s1-losses --out s1

Everything: prepare, train, evaluate, map, report. What did not change is skipped."""
_HELP = {
    "prepare": "Plan chips, split the ground, prove that nothing leaks.",
    "train": "Train the networks of a prepared run.",
    "evaluate": "Score the networks on ground that taught none of them.",
    "report": "Map the scenes of an evaluated run and write report.html.",
}


def register(app: typer.Typer) -> None:
    """Add the verbs that take a project."""
    app.command("run", help=_RUN_HELP)(run_command)
    for verb, text in _HELP.items():
        example = f"Example:  covermap {verb} project.yaml --out run"
        app.command(verb, help=f"{example}\n\n{text}")(_command(verb))


def _command(verb: str) -> Callable[..., None]:
    def command(project: ProjectArgument, out: OutOption, force: ForceOption = False) -> None:
        function = getattr(importlib.import_module(f"covermap.verbs.{verb}"), verb)
        function(project, out, force=force)

    return command


def run_command(
    project: Annotated[
        str,
        typer.Argument(
            metavar="PROJECT|recipe:NAME",
            help="Project file (YAML), or a published experiment (covermap recipes).",
            show_default=False,
        ),
    ],
    out: OutOption,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Of a recipe: its data set; a miniature when not given."),
    ] = None,
    scale: Annotated[
        str | None, typer.Option("--scale", metavar="small|full", help="Of a recipe.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="FILE|hub:imagenet", help="Of a recipe: what encoders begin with."
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    if project.startswith(_RECIPE):
        from covermap.verbs.recipes import run_recipe

        name = project.removeprefix(_RECIPE)
        run_recipe(name, out, data, scale or "small", weights, force=force)
        tell_results(out / "run")
        return
    _refuse_bare_recipe(project)
    _refuse_options_of_recipes(project, data=data, scale=scale, weights=weights)
    from covermap.verbs.run import run

    run(project, out, force=force)
    tell_results(out)


def _refuse_bare_recipe(project: str) -> None:
    from covermap.core.errors import ProjectError
    from covermap.recipes.recipe import recipe_names

    name = project.rpartition(":")[2]
    if name in recipe_names() and not Path(project).exists():
        raise ProjectError(f"{project}: no such project file; did you mean '{_RECIPE}{name}'?")


def _refuse_options_of_recipes(project: str, **given: object) -> None:
    from covermap.core.errors import ProjectError

    named = [name for name, value in given.items() if value is not None]
    if named:
        raise ProjectError(
            f"--{named[0]} is for recipes (covermap run recipe:s1-losses ...), and {project} is a "
            "project file: what it says stands in it"
        )


def tell_results(out: Path) -> None:
    """The last lines of a run: what to open."""
    comparison = out / "comparison.html"
    if comparison.exists():
        print(f"comparison  {shlex.quote(str(comparison))}")
        return
    print(f"report  {shlex.quote(str(out / 'report.html'))}")
    bundle = shlex.quote(str(out / "bundle"))
    table = out / "predictions.csv"
    if table.exists():
        print(f"table   {shlex.quote(str(table))}")
        # A table of whole pictures; by activation maps, or by windows, each can be mapped as well.
        print(f"bundle  {bundle}  (covermap predict BUNDLE PICTURES --out table.csv,")
        print(f"        {' ' * len(bundle)}   or covermap map BUNDLE PICTURE --out map.tif)")
        return
    maps = out / "map.tif"
    print(f"map     {shlex.quote(str(maps if maps.exists() else out / 'maps'))}")
    print(f"bundle  {bundle}  (covermap map BUNDLE SCENE --out FILE)")
