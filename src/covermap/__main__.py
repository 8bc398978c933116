"""`python -m covermap`, for where the command is not on the path."""

from __future__ import annotations

from covermap.cli import main

main()
