"""doctor: what was recognised, and what looks wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor_command)


def doctor_command(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Images, folders, label files or a project file."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
    layer: Annotated[
        str | None, typer.Option("--layer", help="Of a label file that has several.")
    ] = None,
) -> None:
    """Example:  covermap doctor scene.tif polygons.gpkg

    Say what was recognised (bands, units, grid, date, valid share, values) and what looks wrong.
    """
    from covermap.verbs.doctor import doctor, to_json
    from covermap.verbs.doctor_text import as_text

    found = doctor(paths, layer)
    print(to_json(found) if as_json else as_text(found))
