"""Files that appear only when complete, and digests of what they hold."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from covermap.core.errors import CovermapError, OutputError, UnwritableError, system_words

_ARCHIVES = frozenset({".zip", ".7z", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".rar", ".kmz"})
UNPACK_IT = "an archive; unpack it and give what is in it"
_PROBE_BYTES = 2**16
# Names of files have 255 bytes.
_LONGEST_STEM = 50
_OLD = "-old"
_NUMBER = re.compile(r"\(os error (\d+)\)")


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A scratch name beside `path` to write to; it becomes `path` when the block ends well.

    Raises
    ------
    UnwritableError
        The system does not let it be written: no room, no right, no folder.
    """
    with _complete(path, _scratch_file) as scratch:
        yield scratch


@contextmanager
def complete_folder(path: Path) -> Iterator[Path]:
    """A scratch folder beside `path`; it takes the place of `path` when the block ends well.

    Raises
    ------
    UnwritableError
        The system does not let it be written: no room, no right, no folder.
    """
    with _complete(path, _scratch_folder) as scratch:
        yield scratch


def require_writable(path: Path) -> None:
    """Make sure, before long work, that a file can come to be at `path`; nothing is left there.

    Raises
    ------
    UnwritableError
        The system does not let it be written: no room, no right.
    """
    folder = next(
        (folder for folder in path.absolute().parents if folder.exists()), path.absolute().parent
    )
    try:
        _remove(_scratch_file(folder / path.name))
    except OSError as error:
        raise _unwritable(path, error) from None


@contextmanager
def _complete(path: Path, begun: Callable[[Path], Path]) -> Iterator[Path]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            _remove_left(path.parent.resolve())
        scratch = begun(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with _told_of(path, scratch):
            yield scratch
            _open_to_all(scratch)
            if scratch.is_dir() and path.exists():
                old = Path(tempfile.mkdtemp(prefix=_prefix(path), suffix=_OLD, dir=path.parent))
                path.replace(old / path.name)
                scratch.replace(path)
                shutil.rmtree(old)
            else:
                scratch.replace(path)
    finally:
        _remove(scratch)


def _scratch_file(path: Path) -> Path:
    handle, name = tempfile.mkstemp(
        prefix=_prefix(path), suffix=path.suffix or ".part", dir=path.parent
    )
    os.close(handle)
    return Path(name)


def _scratch_folder(path: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))


def _prefix(path: Path) -> str:
    """How a scratch name begins: it tells who writes, so that what was left is known."""
    return f".{path.stem[:_LONGEST_STEM]}-{_home()}-{os.getpid()}-"


@cache
def _home() -> str:
    """Where process numbers mean the same: a machine, and on it a container."""
    told = [socket.gethostname()]
    for name, read in (("/etc/machine-id", Path.read_text), ("/proc/self/ns/pid", Path.readlink)):
        with suppress(OSError):
            told.append(str(read(Path(name))))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


# Once a process: in a folder of many maps each list of its names takes longer than the one before.
@lru_cache(maxsize=1024)
def _remove_left(folder: Path) -> None:
    """Remove what killed processes of this machine left of files that never got complete."""
    ours = re.compile(rf"\..*-{_home()}-(\d+)-[a-z0-9_]{{8}}(?:[.-].*)?")
    for left in list(folder.iterdir()):
        match = ours.fullmatch(left.name)
        if match is None or _lives(int(match[1])):
            continue
        if left.name.endswith(_OLD):
            # Killed between two renames: what stood there is whole, and its place is empty.
            for item in left.iterdir():
                if not (folder / item.name).exists():
                    item.replace(folder / item.name)
        _remove(left)


def _lives(process: int) -> bool:
    # Elsewhere signal 0 is no question.
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _remove(scratch: Path) -> None:
    if scratch.is_dir() and not scratch.is_symlink():
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        scratch.unlink(missing_ok=True)


def _open_to_all(scratch: Path) -> None:
    """Results are for everybody the folder is for; what makes scratch files makes private ones."""
    mask = _umask()
    for item in (scratch, *scratch.rglob("*")):
        if not item.is_symlink():
            item.chmod((0o777 if item.is_dir() else 0o666) & ~mask)


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
        The file is missing, cannot be read or holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CovermapError(f"{path}: no such file") from None
    except OSError as error:
        said, advice = system_words(error)
        raise CovermapError(f"{path}: cannot be read ({said}); {advice}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CovermapError(f"{path}: not readable as JSON ({error})") from None


def matching(pattern: str, base: Path) -> list[Path]:
    """Files and folders that a glob matches, by name; `base` is where a relative one starts.

    Signs of a glob in the name of `base` itself (`maps [v2]`) mean nothing.
    """
    # Path.glob takes no absolute pattern.
    found = glob.glob(str(Path(pattern).expanduser()), root_dir=base, recursive=True)  # noqa: PTH207
    return [base / name for name in sorted(found)]


def is_hidden(name: str) -> bool:
    """Whether people do not see a file or folder of this name, or macOS added it to an archive."""
    return name.startswith(".") or name == "__MACOSX"


def relative_path(path: Path, base: Path) -> str:
    """A path as a file in the folder `base` writes it.

    A link keeps its own name: what it leads to may be called after its content. Links above it are
    followed, as `..` does.
    """
    place = path.parent.resolve() / path.name if path.is_symlink() else path.resolve()
    return Path(os.path.relpath(place, base.resolve())).as_posix()


def looks_like_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive of any kind."""
    return path.suffix.lower() in _ARCHIVES and not path.is_dir()


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
