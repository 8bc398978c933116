"""Mistakes of users and files of strangers, and the line with which a command ends then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from covermap.cli import main

Complaint = Callable[..., str]


def complaint_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complaint:
    """A function that runs `covermap WORDS` and returns its complaint."""

    def told(*words: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["covermap", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        output = capsys.readouterr()
        assert stopped.value.code == 2, output.err
        assert "Traceback" not in output.err
        assert output.out == ""
        lines = output.err.strip().splitlines()
        errors = [line for line in lines if line.startswith("covermap: ")]
        assert errors == lines[-1:], output.err
        return errors[0]

    return told


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")
