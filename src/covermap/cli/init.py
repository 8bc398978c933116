"""init: a project file from data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init_command)


def init_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Images or folders, and a label file."),
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of images that have a mask each.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option("--masks", help="Folder of masks, called like their images.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Project file to write.")] = Path(
        "project.yaml"
    ),
    layer: Annotated[
        str | None, typer.Option("--layer", help="Of a label file that has several.")
    ] = None,
) -> None:
    """Example:  covermap init scene.tif polygons.gpkg --out project.yaml

    Look at imagery and polygons and write a commented project file. For pictures with masks:
    covermap init --images pictures --masks masks. For pictures in a folder for each class:
    covermap init pictures
    """
    from covermap.core.errors import ProjectError

    if images is not None or masks is not None:
        if images is None or masks is None or paths or layer is not None:
            raise ProjectError(
                "init: --images and --masks go together and take no other paths: covermap init "
                "--images DIR --masks DIR"
            )
        from covermap.verbs.init_pictures import init_pictures

        init_pictures(images, masks, out)
    else:
        from covermap.verbs.init_tags import are_class_folders, init_tags

        folder = paths[0] if paths and len(paths) == 1 else None
        if folder is not None and layer is None and are_class_folders(folder):
            init_tags(folder, out)
        else:
            from covermap.verbs.init import init

            init(paths or [], out, layer)
    print(f"{out}: read it, then  covermap run {shlex.quote(str(out))} --out run")
