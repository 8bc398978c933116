"""What of a map is finished, kept beside its scratch files so that a killed map can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from covermap.core.files import write_json


@dataclass(frozen=True)
class Ledger:
    """The rows of tiles that are complete in the scratch files of a map.

    Attributes
    ----------
    path : Path
        A JSON file.
    digest : str
        Of everything that the map's bytes depend on; a ledger of another digest counts as none.
    rows_done : int
        Rows of tiles, from the top, that need not be made again.
    """

    path: Path
    digest: str
    rows_done: int = 0

    def noted(self, rows_done: int) -> Ledger:
        """The ledger with more rows done, on disk too."""
        write_json(self.path, {"digest": self.digest, "rows_done": rows_done})
        return Ledger(self.path, self.digest, rows_done)

    def closed(self) -> None:
        """Forget the work: it is finished, or worth nothing."""
        self.path.unlink(missing_ok=True)


def open_ledger(path: Path, digest: str) -> Ledger:
    """The ledger of unfinished work with the same digest, or an empty one.

    What cannot be read is treated as another map's: the work begins anew.
    """
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        if noted["digest"] == digest:
            return Ledger(path, digest, int(noted["rows_done"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Ledger(path, digest)
