"""The verbs as commands: each parses, calls one function, prints."""

from __future__ import annotations

import os
import sys

from covermap.core.errors import CovermapError


def main() -> None:
    """Run the command line; a user's mistake ends with one line and exit status 2."""
    # Threads of torch that wait by spinning stall each other as soon as the machine has other work;
    # this is read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from covermap.cli.app import app

    try:
        app(standalone_mode=True)
    except CovermapError as error:
        print(f"covermap: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\ncovermap: stopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) left: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
