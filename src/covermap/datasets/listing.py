"""What lies in a folder or archive by name, and unpacking that stays inside its folder."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from covermap.core.errors import DatasetError, OutputError
from covermap.core.files import complete_folder, is_hidden
from covermap.core.progress import progress

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error)
# How a ZIP may be packed for Python to unpack it.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_FOREIGN = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_ENCRYPTED = 0x1
_LOOKED_AT = 2000


@dataclass(frozen=True)
class Listing:
    """The files of a folder or archive, walked anew each time: a set has millions of them.

    Iterating gives names with `/` between folders, relative to the folder or archive; hidden files
    and folders are left out.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def __iter__(self) -> Iterator[str]:
        return _in_archive(self.path) if is_archive(self.path) else _in_folder(self.path)

    def head(self, count: int) -> list[str]:
        """The first names, in the order of the walk."""
        return list(islice(self, count))

    def archives(self) -> list[str]:
        """Names of archives among the first names, which may hold what is looked for."""
        return [name for name in self.head(_LOOKED_AT) if name.lower().endswith(ARCHIVES)]


@dataclass(frozen=True)
class _Member:
    """A regular file of an archive."""

    name: str
    size: int
    key: zipfile.ZipInfo | tarfile.TarInfo


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive that can be listed."""
    return path.name.lower().endswith(ARCHIVES) and not path.is_dir()


def listing_of(path: Path) -> Listing:
    """The listing of a folder or archive.

    Raises
    ------
    DatasetError
        Neither is there.
    """
    if not path.exists():
        raise DatasetError(f"{path}: no such folder or archive")
    if not path.is_dir() and not is_archive(path):
        raise DatasetError(
            f"{path}: a data set is a folder or an archive ({', '.join(ARCHIVES)}), not this file"
        )
    return Listing(path)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into a new folder, which appears when it is complete.

    Only regular files are written, each below `folder`.

    Parameters
    ----------
    archive : Path
    folder : Path
        Must not exist, or be empty.

    Raises
    ------
    DatasetError
        The archive is damaged, encrypted or packed by a method that Python does not know, holds a
        path out of the folder or a link, or needs more room than the disk has.
    OutputError
        Something is in the way.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder}: already exists and is not empty; move it away or choose another folder"
        )
    with _opened(archive) as opened, complete_folder(folder) as scratch:
        members = list(_members(opened, archive))
        _require_readable(members, archive)
        needed, free = sum(item.size for item in members), shutil.disk_usage(scratch).free
        if needed > free:
            raise DatasetError(
                f"{archive}: needs {needed / 1e9:.1f} GB, but {folder.parent} has "
                f"{free / 1e9:.1f} GB left; choose another disk"
            )
        with progress("Unpacking", len(members), "files") as bar:
            for item in members:
                target = scratch / item.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with _content(opened, item) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                bar.advance()


def _require_readable(members: list[_Member], archive: Path) -> None:
    for member in members:
        info = member.key
        if isinstance(info, zipfile.ZipInfo):
            if info.flag_bits & _ENCRYPTED:
                raise _foreign(archive, f"'{member.name}' is encrypted")
            if info.compress_type not in _METHODS:
                method = _FOREIGN.get(info.compress_type, f"method {info.compress_type}")
                raise _foreign(archive, f"'{member.name}' is packed by {method}")


def _foreign(archive: Path, told: str) -> DatasetError:
    return DatasetError(
        f"{archive}: {told}, which Python cannot unpack; unpack it with 7-Zip (7z x "
        f"{archive.name}) and give the folder instead"
    )


def _in_folder(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if not is_hidden(name):
                yield (Path(root) / name).relative_to(folder).as_posix()


def _in_archive(path: Path) -> Iterator[str]:
    with _opened(path) as opened:
        for member in _members(opened, path):
            if not any(map(is_hidden, member.name.split("/"))):
                yield member.name


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    opened: zipfile.ZipFile | tarfile.TarFile
    try:
        is_zip = path.suffix.lower() == ".zip"
        opened = zipfile.ZipFile(path) if is_zip else tarfile.open(path)  # noqa: SIM115
        with opened:
            yield opened
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such archive") from None
    except NotImplementedError as error:
        raise _foreign(path, f"is a {error}") from None
    except _DAMAGE as error:
        size = path.stat().st_size / 1e6
        raise DatasetError(
            f"{path}: damaged or cut short after {size:,.1f} MB ({error or 'unexpected end'}); "
            "fetch it again"
        ) from None


def _members(opened: zipfile.ZipFile | tarfile.TarFile, path: Path) -> Iterator[_Member]:
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            if not info.is_dir():
                yield _Member(_inside(info.filename, path), info.file_size, info)
        return
    for entry in opened:
        if entry.isdir():
            continue
        if not entry.isreg():
            raise DatasetError(
                f"{path}: '{entry.name}' is a link or device, which no published data set holds; "
                "nothing is unpacked"
            )
        yield _Member(_inside(entry.name, path), entry.size, entry)


def _inside(name: str, path: Path) -> str:
    """A member's name with `/` between folders, when it stays below the folder of its archive."""
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]
    absolute = name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name)
    if absolute or ".." in parts or not parts:
        raise DatasetError(
            f"{path}: '{name}' leads out of the archive's folder; nothing is unpacked"
        )
    return "/".join(parts)


def _content(opened: zipfile.ZipFile | tarfile.TarFile, member: _Member) -> IO[bytes]:
    if isinstance(opened, zipfile.ZipFile) and isinstance(member.key, zipfile.ZipInfo):
        return opened.open(member.key)
    if isinstance(opened, tarfile.TarFile) and isinstance(member.key, tarfile.TarInfo):
        content = opened.extractfile(member.key)
        if content is not None:
            return content
    raise ValueError(f"{member.name} is no member of this archive")
