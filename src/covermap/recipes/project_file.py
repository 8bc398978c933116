"""A recipe as the text of a project file."""

from __future__ import annotations

from typing import Any

from covermap.recipes.recipe import Recipe, Scale


def recipe_text(name: str, recipe: Recipe, scale: Scale, values: dict[str, Any]) -> str:
    """YAML with what a person should know on top; the first line is the same for every scale."""
    import yaml

    head = [f"# recipe:{name}", f"# {recipe.title}", f"# {recipe.published.source}"]
    head += [f"# --scale {scale}", *(f"# {text}" for text in recipe.published.remarks), ""]
    body = yaml.safe_dump(
        values, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    return "\n".join(head) + "\n" + str(body)
