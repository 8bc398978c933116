"""predict: what pictures are, with a model of whole chips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict")(predict_command)


def predict_command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="RUN/bundle.")],
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="PICTURE...", help="Images, globs, or folders of images."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The table (CSV).")],
) -> None:
    """Example:  covermap predict run/bundle pictures --out table.csv

    Say what whole pictures are: a table with the columns path, class and probability. A classifier
    writes one row a picture, tags a row for each tag.
    """
    from covermap.verbs.predict import predict

    predict(bundle, pictures, out)
    print(out)
