"""init: a project file from data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init_command)


def init_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Images or folders, and a label file.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Project file to write.")] = Path(
        "project.yaml"
    ),
) -> None:
    """Example:  covermap init scene.tif polygons.gpkg --out project.yaml

    Look at imagery and polygons and write a commented project file.
    """
    from covermap.verbs.init import init

    init(paths, out)
    print(f"{out}: read it, then  covermap run {out} --out run")
