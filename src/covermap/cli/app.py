"""The command `covermap` and what all its verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

from covermap import __version__
from covermap.cli import datasets, demo, doctor, init, map_scenes, predict, recipes, run

app = typer.Typer(
    name="covermap",
    help="Imagery and whatever labels you have: a trained model, an honest accuracy, a map.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"covermap {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Imagery and whatever labels you have: a trained model, an honest accuracy, a map."""


for module in (run, map_scenes, predict, init, doctor, demo, datasets, recipes):
    module.register(app)
