"""What all pages share: their templates, and how numbers are written in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template

_NARROW_SPACE = "\u202f"
DASH = "\u2013"


def page_template(name: str) -> Template:
    """A template of a page, with the filters that all pages share."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("covermap.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, count=count, hectares=hectares)
    return environment.get_template(name)


def percent(value: float | None, digits: int = 1) -> str:
    """A share as text: `84.2 %`, or a dash where it is undefined."""
    return DASH if value is None else f"{100 * value:.{digits}f}{_NARROW_SPACE}%"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two different shares with as many digits as it takes to see which is larger, five at most.

    Examples
    --------
    >>> [text.replace(_NARROW_SPACE, " ") for text in told_apart(0.11134, 0.11072)]
    ['11.13 %', '11.07 %']
    """
    for digits in range(1, 6):
        told = percent(one, digits), percent(other, digits)
        if told[0] != told[1]:
            break
    return told


def count(value: int) -> str:
    """A whole number as text, in groups of three digits."""
    return f"{value:,}".replace(",", _NARROW_SPACE)


def hectares(value: float) -> str:
    """An area as text, with no more digits than can be read."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 else f"{value:.2f}"
    return f"{text.replace(',', _NARROW_SPACE)}{_NARROW_SPACE}ha"
