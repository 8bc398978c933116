"""What of a map is finished, kept beside its scratch files so that a killed map can go on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
    chosen : mapping
        What was chosen by measuring or by need and must be chosen again (law 10).
    """

    path: Path
    digest: str
    rows_done: int = 0
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def noted(self, rows_done: int) -> Ledger:
        """The ledger with more rows done, on disk too."""
        content = {"digest": self.digest, "rows_done": rows_done, "chosen": dict(self.chosen)}
        write_json(self.path, content)
        return replace(self, rows_done=rows_done)

    def closed(self) -> None:
        """Forget the work: it is finished, or worth nothing."""
        self.path.unlink(missing_ok=True)


def ledger_path(out: Path) -> Path:
    """Where the ledger of a map lies while it is being made."""
    return out.with_name(f".{out.stem}.ledger.json")


def open_ledger(path: Path, digest: str) -> Ledger:
    """The ledger of unfinished work with the same digest, or an empty one.

    What cannot be read is treated as another map's: the work begins anew.
    """
    noted = _noted(path)
    try:
        if noted["digest"] == digest:
            return Ledger(path, digest, int(noted["rows_done"]), dict(noted.get("chosen", {})))
    except (ValueError, KeyError, TypeError):
        pass
    return Ledger(path, digest)


def chosen_before(path: Path, key: str) -> dict[str, Any]:
    """What unfinished work on the same contents chose; empty where there is none."""
    chosen = _noted(path).get("chosen")
    return chosen if key and isinstance(chosen, dict) and chosen.get("key") == key else {}


def _noted(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}
