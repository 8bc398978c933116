"""demo: a generated world, trained, evaluated, mapped, reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from covermap.cli.run import ForceOption, tell_results


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo_command)


def demo_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to fill.")],
    size: Annotated[str, typer.Option(metavar="W[xH]", help="Pixels of 10 m.")] = "1000",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another world.")] = 0,
    world_only: Annotated[bool, typer.Option("--world-only", help="Only write the world.")] = False,
    bands: Annotated[
        str | None, typer.Option(help="Only these bands of the world: B02,B03,B04,B08.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="All bands of the world in one GeoTIFF.")
    ] = False,
    force: ForceOption = False,
) -> None:
    """Example:  covermap demo --out demo

    Everything on a generated world, offline: about four minutes on two cores.
    """
    from covermap.verbs.demo import demo

    names = None if bands is None else [name.strip() for name in bands.split(",")]
    demo(out, size, seed, world_only, names, single_file, force)
    if world_only:
        print(out / "world")
    else:
        tell_results(out / "run")
