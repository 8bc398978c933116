"""The command line as a user meets it: a process, its status and what it prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def covermap(*words: str | Path, cwd: Path | None = None, timeout: float = 600) -> Finished:
    """Run `covermap WORDS` in a process of its own."""
    done = subprocess.run(
        _command(words),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def started(*words: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Begin `covermap WORDS`, to be stopped or waited for."""
    return subprocess.Popen(
        _command(words),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background inherit a deaf ear for Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )


def _command(words: tuple[str | Path, ...]) -> list[str]:
    call = "from covermap.cli import main; main()"
    return [sys.executable, "-c", call, *map(str, words)]
