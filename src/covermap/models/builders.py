"""Functions found by the name that a project file has for what they build."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Builder = TypeVar("_Builder", bound=Callable[..., Any])


class Builders(dict[str, _Builder]):
    """Builders by name; `@builders.named("dice")` enters the function that it decorates."""

    def named(self, name: str) -> Callable[[_Builder], _Builder]:
        """A decorator that enters a function and leaves it as it is."""

        def enter(builder: _Builder) -> _Builder:
            self[name] = builder
            return builder

        return enter
