"""Digests of files and bundles, read once as long as size and time of the files stay the same."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from covermap.bundle.folder import bundle_digest
from covermap.core.files import file_digest

# What `stat` says of a file: its path, size in bytes and time of change in nanoseconds.
Look = tuple[Path, int, int]


def seen_digest(path: Path) -> str:
    """The digest of a file or folder, as `covermap.core.files.file_digest`."""
    # A folder's size and time tell nothing of the files in it.
    return _digest(look_at(path)) if path.is_file() else file_digest(path)


def seen_bundle_digest(folder: Path) -> str:
    """The digest of a bundle, as `covermap.bundle.folder.bundle_digest`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _bundle_digest(folder.absolute(), tuple(look_at(path) for path in files))


def look_at(path: Path) -> Look:
    """What tells, without reading it, whether a file is the one that was seen before."""
    facts = path.stat()
    return path.absolute(), facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=2**16)
def _digest(look: Look) -> str:
    return file_digest(look[0])


@lru_cache(maxsize=16)
def _bundle_digest(folder: Path, looks: tuple[Look, ...]) -> str:
    return bundle_digest(folder)
