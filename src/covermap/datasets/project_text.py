"""A project for a published data set as the text of its file."""

from __future__ import annotations

from typing import Any

from covermap.datasets.published import Card


def project_text(card: Card, project: dict[str, Any]) -> str:
    """YAML with what a person should know of the data set on top."""
    import yaml

    head = [f"# {card.title}: {card.shows}", f"# classes: {card.classes}"]
    head += [f"# licence: {card.licence}", f"# {card.source}", ""]
    body = yaml.safe_dump(
        project, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    return "\n".join(head) + "\n" + str(body)
