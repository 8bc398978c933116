"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

# A log without a terminal gets a line at most this often.
_PLAIN_SECONDS = 10.0


class Progress:
    """What long work calls to say how far it is; see `progress`."""

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Say that `amount` more units are done; `note` stands behind the bar."""


class _Plain(Progress):
    def __init__(self, title: str, total: float, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done, self.begun, self.told = 0.0, time.monotonic(), time.monotonic()

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.told < _PLAIN_SECONDS:
            return
        self.told = now
        rate = self.done / max(now - self.begun, 1e-9)
        left = (self.total - self.done) / max(rate, 1e-9)
        text = f"{self.title}: {self.done:.0f} of {self.total:.0f} {self.unit}"
        print(f"{text}, {_duration(left)} left {note}".rstrip(), file=sys.stderr, flush=True)


class _Bar(Progress):
    def __init__(self, bar: object, task: object) -> None:
        self.bar, self.task = bar, task

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.bar.update(self.task, advance=amount, note=note)  # type: ignore[attr-defined]


@contextmanager
def progress(title: str, total: float, unit: str = "steps") -> Iterator[Progress]:
    """Progress of `total` units of work, told on stderr."""
    if not sys.stderr.isatty():
        yield _Plain(title, total, unit)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as RichProgress,
    )

    columns = (
        # A name may hold square brackets: they are no markup.
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn(unit),
        _rate_column(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as bar:
        yield _Bar(bar, bar.add_task(title, total=total, note=""))


def say(text: str) -> None:
    """A line about what is being done, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _rate_column() -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f}/s")

    return Rate()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
