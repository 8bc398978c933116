"""datasets: published data sets in their own layout."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from covermap.datasets.published import Card
    from covermap.verbs.datasets import Verified


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("datasets")(datasets_command)


def datasets_command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH|NAME]",
            help="A downloaded folder or archive, or the name of a data set.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the project file of the folder.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="For --out, where the set serves several tasks.")
    ] = None,
    unpack: Annotated[
        Path | None, typer.Option("--unpack", help="Unpack the archive into this new folder.")
    ] = None,
    miniature: Annotated[
        Path | None,
        typer.Option("--miniature", help="Write a small generated set in the layout of NAME."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="For --miniature.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Example:  covermap datasets landcover.ai.v1 --out project.yaml

    List the published data sets that covermap knows. With a path: which one it is, what is missing
    and where it is to be had.
    """
    from covermap.core.errors import DatasetError
    from covermap.verbs import datasets as verb

    if what is None:
        if out or unpack or miniature:
            raise DatasetError(
                "datasets: --out and --unpack need a path, --miniature a name: covermap datasets "
                "deepglobe --miniature small"
            )
        cards = verb.datasets()
        print(
            json.dumps([_as_dict(card) for card in cards], indent=2) if as_json else _listed(cards)
        )
    elif miniature is not None:
        print(verb.miniature(what, miniature, seed))
    elif unpack is not None:
        print(verb.unpacked(what, unpack))
    elif out is not None:
        verb.project_of(what, out, task)
        print(f"{out}: read it, then  covermap run {shlex.quote(str(out))} --out run")
    elif not Path(what).exists() and what in {card.name for card in verb.datasets()}:
        card, expected = verb.card_of(what)
        told = _as_dict(card) | {"expected": expected}
        print(
            json.dumps(told, indent=2) if as_json else f"{_listed((card,))}\n  layout: {expected}"
        )
    else:
        found = verb.verify(what)
        print(json.dumps(found.to_dict(), indent=2) if as_json else _told(found))


def _as_dict(card: Card) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(card)


def _listed(cards: tuple[Card, ...]) -> str:
    blocks = [
        f"{card.name}  ({' or '.join(card.tasks)})\n  {card.title}: {card.shows}\n"
        f"  classes: {card.classes}\n  licence: {card.licence}\n  {card.source}"
        for card in cards
    ]
    return "\n\n".join(blocks)


def _told(found: Verified) -> str:
    lines = [f"{found.path}: {found.card.title}"]
    lines += [f"  there    {text}" for text in found.inventory.present]
    lines += [f"  missing  {text}" for text in found.inventory.missing]
    if found.inventory.missing:
        lines.append(f"  {found.card.source}")
    if found.inventory.usable and found.path.is_dir():
        lines.append(
            f"  project: covermap datasets {shlex.quote(str(found.path))} --out project.yaml"
        )
    return "\n".join(lines)
