"""Errors that name a user's mistake: what, where, what was expected, what to do."""

from __future__ import annotations

import difflib
import errno
import os
from collections import Counter
from collections.abc import Iterable, Sequence


class CovermapError(Exception):
    """A mistake that the user can mend; printed as one line, exit status 2."""


class ProjectError(CovermapError):
    """The project file cannot be used."""


class ImageryError(CovermapError):
    """An image cannot be used."""


class NothingToMapError(ImageryError):
    """No pixel of an image is usable and wanted."""


class LabelError(CovermapError):
    """The labels cannot be used."""


class SplitError(CovermapError):
    """No honest split of these labels exists, or the audit failed."""


class ModelError(CovermapError):
    """No such network, loss or weights, or they do not fit."""


class BundleError(CovermapError):
    """A trained model cannot be used, or does not fit a scene."""


class DatasetError(CovermapError):
    """A published data set is not there, not complete, or no data set at all."""


class ClusterError(CovermapError):
    """Workers cannot be had, or were lost."""


class OutputError(CovermapError):
    """Something is in the way of a file to be written."""


class UnwritableError(OutputError):
    """The system does not take a file: no room, no right, no folder."""


class CovermapWarning(UserWarning):
    """Something the user should know but that stops nothing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to `name`, or lists what is known.

    Examples
    --------
    >>> nearest("imagry", ["imagery", "labels"])
    "did you mean 'imagery'?"
    >>> nearest("zzz", ["imagery", "labels"])
    'known: imagery, labels'
    """
    words = [str(word) for word in known]
    folded = {word.casefold(): word for word in words}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean '{folded[close[0]]}'?"
    return "known: " + ", ".join(words)


def hint(name: str, known: Iterable[str]) -> str:
    """The same as a sentence that another one may follow.

    Examples
    --------
    >>> hint("zzz", ["imagery", "labels"])
    'known: imagery, labels.'
    """
    told = nearest(name, known)
    return told if told.endswith("?") else f"{told}."


def repeated(names: Iterable[str]) -> list[str]:
    """Names that stand there more than once, in order of the alphabet.

    Examples
    --------
    >>> repeated(["b", "a", "c", "b", "a"])
    ['a', 'b']
    """
    return sorted(name for name, number in Counter(names).items() if number > 1)


def listed(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first names, and how many there are beside them.

    Examples
    --------
    >>> listed(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def counted(number: int, noun: str) -> str:
    """A number of things.

    Examples
    --------
    >>> counted(1, "polygon"), counted(1200, "polygon")
    ('1 polygon', '1,200 polygons')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_ADVICE = {
    errno.ENOSPC: "make room on that disk, or choose another one",
    errno.EDQUOT: "make room on that disk, or choose another one",
    errno.EFBIG: "choose a disk that holds larger files, or lift the limit (ulimit -f unlimited)",
    errno.EACCES: "choose another place, or ask for the right to this one",
    errno.EPERM: "choose another place, or ask for the right to this one",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another path",
    errno.EEXIST: "a file stands where a folder is needed; choose another path",
    errno.EISDIR: "a folder stands where a file is needed; choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "allow more open files (ulimit -n 4096)",
}


def system_words(error: OSError) -> tuple[str, str]:
    """What the system said of a file or folder, and what to do about it.

    Examples
    --------
    >>> system_words(FileNotFoundError(2, "No such file or directory"))
    ('no such file or directory', 'check the path and the disk')
    """
    said = os.strerror(error.errno) if error.errno else " ".join(str(error).split())
    advice = _ADVICE.get(error.errno or 0, "check the path and the disk")
    return said[:1].lower() + said[1:] or type(error).__name__, advice
