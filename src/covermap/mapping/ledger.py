"""What of a map is finished, kept beside its scratch files so that a killed map can go on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from covermap.core.files import complete_file, write_json


@dataclass(frozen=True)
class Ledger:
    """The rows of tiles that are complete in the scratch files of a map.

    Attributes
    ----------
    path : Path
        A JSON file.
    digest : str
        Of everything that the map's bytes depend on; a ledger of another digest counts as none.
    done : tuple of (int, int)
        Rows of tiles that need not be made again: spans from a row up to another, in order.
    chosen : mapping
        What was chosen by measuring or by need and must be chosen again (law 10).
    """

    path: Path
    digest: str
    done: tuple[tuple[int, int], ...] = ()
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def noted(self, rows: range) -> Ledger:
        """The ledger with more rows done, on disk too."""
        return replace(self, done=_joined([*self.done, (rows.start, rows.stop)]))._kept()

    def missing(self, count: int) -> tuple[range, ...]:
        """What is left to make of `count` rows, in order."""
        starts = (0, *(stop for _, stop in self.done))
        stops = (*(start for start, _ in self.done), count)
        spans = (range(start, stop) for start, stop in zip(starts, stops, strict=True))
        return tuple(span for span in spans if span)

    def keep_left(self, row: int, left: np.ndarray) -> None:
        """Keep what a row of tiles adds to the one below it, instead of what was kept before.

        A few megabytes, so that a killed map need not compute the last finished row again.
        """
        with complete_file(self._left_path) as scratch, scratch.open("wb") as file:
            np.savez(file, digest=np.array(self.digest), row=np.array(row), left=left)

    def left_by(self, row: int) -> np.ndarray | None:
        """What a row left for the one below it; None where that is not known."""
        try:
            with np.load(self._left_path, allow_pickle=False) as kept:
                same = str(kept["digest"]) == self.digest and int(kept["row"]) == row
                return np.asarray(kept["left"]) if same else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def closed(self) -> None:
        """Forget the work: it is finished, or worth nothing."""
        self.path.unlink(missing_ok=True)
        self._left_path.unlink(missing_ok=True)

    def _kept(self) -> Ledger:
        content = {
            "digest": self.digest,
            "rows_done": self.done,
            "chosen": dict(self.chosen),
        }
        write_json(self.path, content)
        return self

    @property
    def _left_path(self) -> Path:
        return self.path.with_suffix(".npz")


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
            spans = [(int(start), int(stop)) for start, stop in noted["rows_done"]]
            chosen = dict(noted.get("chosen", {}))
            return Ledger(path, digest, _joined(spans), chosen)
    except (ValueError, KeyError, TypeError):
        pass
    return Ledger(path, digest)


def chosen_before(path: Path, key: str) -> dict[str, Any]:
    """What unfinished work on the same contents chose; empty where there is none."""
    chosen = _noted(path).get("chosen")
    return chosen if key and isinstance(chosen, dict) and chosen.get("key") == key else {}


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, those that meet as one; empty ones are left out."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return tuple(joined)


def _noted(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}
