"""What a command says when the system ends it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

ENDED = "ended by SIGTERM; the same command keeps what was finished and does the rest"
# Whatever the verb does: within it the signal arrives, or a training ends in its own time.
CALL = """
import signal, sys
import covermap.cli.app
from covermap.cli import main
covermap.cli.app.app = lambda *words, **named: {does}
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are ended without a signal there")
@pytest.mark.parametrize(
    ("does", "status"),
    [
        ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM),
        ("sys.exit(128 + signal.SIGTERM)", 128 + signal.SIGTERM),
    ],
)
def test_a_command_that_is_ended_says_what_the_next_one_will_do(does, status):
    done = subprocess.run(
        [sys.executable, "-c", CALL.format(does=does)], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert done.stderr.count(ENDED) == 1
