"""recipes: published experiments that `covermap run recipe:NAME` repeats."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from covermap.verbs.recipes import RecipeCard


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("recipes")(recipes_command)


def recipes_command(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Example:  covermap recipes

    List the published experiments that covermap repeats:  covermap run recipe:s1-losses --out s1
    """
    from covermap.verbs.recipes import recipes

    cards = recipes()
    if as_json:
        print(json.dumps([asdict(card) for card in cards], indent=2))
    else:
        print("\n\n".join(_told(card) for card in cards))


def _told(card: RecipeCard) -> str:
    lines = [f"recipe:{card.name}  ({card.task}, {card.dataset})", f"  {card.title}"]
    lines += [f"  variants: {', '.join(card.variants)}"]
    lines += [f"  published: {text}" for text in card.published]
    return "\n".join([*lines, f"  {card.source}"])
