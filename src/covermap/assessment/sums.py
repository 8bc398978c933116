"""Counts of many windows added up group by group: what all grouped tallies are gathered in."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, Protocol, TypeVar

G = TypeVar("G", bound=Hashable)


class _AddsUp(Protocol):
    def __add__(self, other: Any) -> Any: ...


T = TypeVar("T", bound=_AddsUp)


class SumsByGroup(Generic[G, T]):
    """A sum for each group (block, region, scene, polygons).

    Adding changes the one group's sum alone: what a window costs does not grow with the groups
    that were met before it.

    Parameters
    ----------
    groups : mapping, optional
        To begin with; it is not changed itself.
    """

    def __init__(self, groups: Mapping[G, T] | None = None) -> None:
        self.groups: dict[G, T] = dict(groups or {})

    def add(self, group: G, found: T) -> None:
        """Count what was found of a group."""
        held = self.groups.get(group)
        self.groups[group] = found if held is None else held + found
