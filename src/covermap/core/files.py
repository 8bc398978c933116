"""Files that appear only when complete, and digests of what they hold."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from covermap.core.errors import CovermapError, OutputError, UnwritableError, system_words

_PROBE_BYTES = 2**16
_NUMBER = re.compile(r"\(os error (\d+)\)")


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A scratch name beside `path` to write to; it becomes `path` when the block ends well.

    Raises
    ------
    UnwritableError
        The system does not let it be written: no room, no right, no folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix or ".part", dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from None
    scratch = Path(name)
    try:
        with _told_of(path, scratch):
            yield scratch
            # mkstemp makes private files; results are for everybody the folder is for.
            scratch.chmod(0o666 & ~_umask())
            scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def complete_folder(path: Path) -> Iterator[Path]:
    """A scratch folder beside `path`; it takes the place of `path` when the block ends well.

    Raises
    ------
    UnwritableError
        The system does not let it be written: no room, no right, no folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with _told_of(path, scratch):
            yield scratch
            scratch.chmod(0o777 & ~_umask())
            if path.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
                path.replace(old / path.name)
                scratch.replace(path)
                shutil.rmtree(old)
            else:
                scratch.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _told_of(path: Path, scratch: Path) -> Iterator[None]:
    """Failures of the system while `scratch` is written, told of `path`."""
    try:
        yield
    except CovermapError:
        raise
    except Exception as error:
        refusal = _refusal(error, scratch)
        if refusal is None:
            raise
        raise _unwritable(path, refusal) from None


def _refusal(error: Exception, scratch: Path) -> OSError | None:
    """Why the system does not take what is written to `scratch`; None when it is not to blame."""
    if isinstance(error, OSError) and error.errno:
        # Another file's name: one that was read meanwhile.
        mine = error.filename is None or str(error.filename).startswith(str(scratch))
        return error if mine else None
    # Libraries in other languages have errors of their own: those in Rust name the system's number,
    # of others only a little more that is written, there where they stopped, tells.
    named = _NUMBER.search(str(error))
    if named:
        return OSError(int(named[1]), str(error))
    files = [item for item in (scratch, *scratch.rglob("*")) if item.is_file()]
    folder = scratch if scratch.is_dir() else scratch.parent
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.seek(max((item.stat().st_size for item in files), default=0))
            probe.write(bytes(_PROBE_BYTES))
            probe.write(b"\0")
            os.fsync(probe.fileno())
    except OSError as refused:
        return refused
    return None


def _unwritable(path: Path, error: OSError) -> UnwritableError:
    said, advice = system_words(error)
    return UnwritableError(f"{path}: cannot be written ({said}); {advice}")


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is the same bytes for the same content; NaN is refused."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False, sort_keys=False)
    with complete_file(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises
    ------
    CovermapError
        The file is missing or holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CovermapError(f"{path}: no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CovermapError(f"{path}: not readable as JSON ({error})") from None


def matching(pattern: str, base: Path) -> list[Path]:
    """Files and folders that a glob matches, by name; `base` is where a relative one starts.

    Signs of a glob in the name of `base` itself (`maps [v2]`) mean nothing.
    """
    # Path.glob takes no absolute pattern.
    found = glob.glob(str(Path(pattern).expanduser()), root_dir=base, recursive=True)  # noqa: PTH207
    return [base / name for name in sorted(found)]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, or of all files of a folder with their names."""
    if path.is_dir():
        digest = hashlib.sha256()
        for item in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(str(item.relative_to(path)).encode() + b"\0")
            digest.update(file_digest(item).encode())
        return digest.hexdigest()
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def content_digest(content: Any) -> str:
    """SHA-256 of a JSON-able object, independent of the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_strangers(paths: Iterable[Path], owned: set[Path]) -> None:
    """Stop when a file that is to be written exists and is not one of our own.

    Raises
    ------
    OutputError
        Naming the first file in the way.
    """
    for path in paths:
        # A link into nowhere is somebody's file as well.
        if (path.exists() or path.is_symlink()) and path not in owned:
            raise OutputError(
                f"{path}: already exists and was not written by this run; move it away or choose "
                "another --out"
            )


@contextmanager
def fixed_date() -> Iterator[None]:
    """GeoPackages hold the time of writing: let it be the same each time."""
    import pyogrio

    name = "OGR_CURRENT_DATE"
    before = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: "2020-01-01T00:00:00Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({name: before})


def _umask() -> int:
    # It can only be read by setting it: two threads at once would leave it at 0.
    with _UMASK:
        current = os.umask(0)
        os.umask(current)
    return current


_UMASK = threading.Lock()
