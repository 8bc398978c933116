"""The verbs as commands: each parses, calls one function, prints."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from covermap.core.errors import CovermapError, system_words

if TYPE_CHECKING:
    from typer.exceptions import TyperException

_STOPPED, _ENDED = 130, 128 + signal.SIGTERM
_REST = "the same command keeps what was finished and does the rest"


def main() -> None:
    """Run the command line; a user's mistake ends with one line and exit status 2."""
    # Threads of torch that wait by spinning stall each other as soon as the machine has other work;
    # this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from typer.exceptions import TyperException

    from covermap.cli.app import app

    signal.signal(signal.SIGTERM, _end)
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="covermap", standalone_mode=False)
    except CovermapError as error:
        print(f"covermap: {error}", file=sys.stderr)
        sys.exit(2)
    except TyperException as error:
        print(f"covermap: {_usage(error)}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output (head, less) left: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    except SystemExit as stop:
        # A training ends in its own time.
        if stop.code == _ENDED:
            print(f"covermap: ended by SIGTERM; {_REST}", file=sys.stderr)
        raise
    except OSError as error:
        print(f"covermap: {_system(error)}", file=sys.stderr)
        sys.exit(2)
    # typer turns Ctrl-C into this status.
    if status == _STOPPED:
        print(f"\ncovermap: stopped; {_REST}", file=sys.stderr)
    sys.exit(status or 0)


def _end(number: int, _frame: Any) -> None:
    """Tell that the process is ended, and let the signal end it."""
    # Not by print: the signal may have come in the middle of one.
    os.write(2, f"\ncovermap: ended by SIGTERM; {_REST}\n".encode())
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _system(error: OSError) -> str:
    """What the system refused, in one line."""
    said, advice = system_words(error)
    where = f"{error.filename}: " if error.filename is not None else ""
    return f"{where}{said}; {advice}"


def _usage(error: TyperException) -> str:
    """A mistake of the command line in one line, with where to read on."""
    context = getattr(error, "ctx", None)
    verb = "covermap" if context is None else context.command_path
    told = " ".join(error.format_message().split()).rstrip(".")
    return f"{told[:1].lower()}{told[1:]}; `{verb} --help` shows what it takes"
