"""Progress: plain lines where nobody watches, nothing on stdout."""

import pytest

from covermap.core import progress as module
from covermap.core.progress import progress, say


def test_short_work_is_silent_without_a_terminal(capsys):
    with progress("Reading", 3, "windows") as bar:
        for _ in range(3):
            bar.advance()
    assert capsys.readouterr() == ("", "")


def test_long_work_is_told_in_lines_with_the_time_left(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 11.0, 12.0, 33.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with progress("Reading", 300, "windows") as bar:
        bar.advance(110, note="scene.tif")
        bar.advance(10)
        bar.advance(90)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "Reading: 110 of 300 windows, 19 s left scene.tif",
        "Reading: 210 of 300 windows, 14 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (-3, "0 s")]
)
def test_durations_are_told_in_minutes_and_seconds(seconds, told):
    assert module._duration(seconds) == told


def test_what_is_said_goes_to_stderr(capsys):
    say("a line")
    assert capsys.readouterr() == ("", "a line\n")


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("Reading a[v2].tif", 2, "windows") as bar:
        bar.advance(1, note="[b]")
        bar.advance(1, note="[b]")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Reading a[v2].tif" in err
    assert "[b]" in err
    assert "2/2" in err
