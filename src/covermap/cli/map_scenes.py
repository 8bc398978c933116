"""map: other scenes with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("map")(map_command)


def map_command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="RUN/bundle.")],
    scenes: Annotated[
        list[Path], typer.Argument(metavar="SCENE...", help="Images or product folders.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The map; a folder when there are several scenes, with a STAC collection of them.",
        ),
    ] = None,
    mosaic: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="One map of all scenes instead, merged without seams."),
    ] = None,
    tile: Annotated[
        int | None, typer.Option(help="Side in pixels of what the network sees at once.")
    ] = None,
    output: Annotated[
        list[str] | None,
        typer.Option(help="Also: polygons, confidence, margin, entropy, probability. Repeatable."),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="auto (the fastest here that agrees with torch), torch, openvino."),
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="Arithmetic: auto, float32, bfloat16, mixed, int8.")
    ] = "auto",
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over flips and quarter turns: 8 times the work.")
    ] = False,
    probability_type: Annotated[
        str, typer.Option(help="Of --output probability: uint8 (per cent) or float32.")
    ] = "uint8",
    min_area_m2: Annotated[
        float | None,
        typer.Option(
            "--min-area-m2",
            help="Of --output polygons: smaller ones are merged into their neighbours.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="local|ADDRESS",
            help="Compute with workers of dask: local starts some here, tcp://host:8786 joins "
            "a scheduler.",
        ),
    ] = None,
) -> None:
    """Example:  covermap map run/bundle scene.tif --out map.tif

    Map any scene with just a bundle, on the scene's own grid.
    """
    from covermap.core.errors import OutputError
    from covermap.verbs.map_scenes import map_scenes

    if (out is None) == (mosaic is None):
        raise OutputError(
            "give one of --out (a map a scene) and --mosaic (one map of all scenes), such as "
            "--out map.tif"
        )
    target = mosaic if out is None else out
    assert target is not None
    outputs = ("class", *(output or ()))
    results = map_scenes(
        bundle,
        scenes,
        target,
        tile,
        outputs,
        engine,
        precision,
        tta,
        probability_type,
        min_area_m2,
        cluster,
        mosaic is not None,
    )
    for result in results:
        for path in result.paths.values():
            print(path)
