"""What holds for all tests: the same examples each time, and the long ones first."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same each time", derandomize=True, deadline=None)
settings.load_profile("same each time")

_JOURNEYS = Path(__file__).parent / "journeys"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the journeys at the beginning of each half of the tests.

    Two workers begin with a half each and take from each other when they are done. A journey of
    minutes that begins last would leave one of them idle. Files stay whole: their fixtures are
    made once a worker.
    """
    journeys = [item for item in items if item.path.parent == _JOURNEYS]
    others = [item for item in items if item.path.parent != _JOURNEYS]
    files = sorted({item.path for item in journeys})
    first = [item for item in journeys if files.index(item.path) % 2]
    second = [item for item in journeys if not files.index(item.path) % 2]
    half = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *others[:half], *second, *others[half:]]
